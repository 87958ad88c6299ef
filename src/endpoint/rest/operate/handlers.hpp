#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// As endpoint/rest/handlers.hpp, for those who operate a hub.

// revocations.cpp
Task<Result<HttpResponse>> get_revocation(Request& request);
Task<Result<HttpResponse>> put_revocation(Request& request);
Task<Result<HttpResponse>> delete_revocation(Request& request);

// traces.cpp
Task<Result<HttpResponse>> create_trace(Request& request);
Task<Result<HttpResponse>> take_trace_events(Request& request);
Task<Result<HttpResponse>> delete_trace(Request& request);

// hub_status.cpp
Task<Result<HttpResponse>> get_settings(Request& request);
Task<Result<HttpResponse>> get_health(Request& request);

// certificates.cpp
Task<Result<HttpResponse>> list_certificates(Request& request);
Task<Result<HttpResponse>> get_certificate(Request& request);
Task<Result<HttpResponse>> put_certificate(Request& request);
Task<Result<HttpResponse>> delete_certificate(Request& request);
Task<Result<HttpResponse>> generate_verification_code(Request& request);
Task<Result<HttpResponse>> verify_certificate(Request& request);

// models.cpp
Task<Result<HttpResponse>> post_model_message(Request& request);

// device_connections.cpp
Task<Result<HttpResponse>> list_device_connections(Request& request);

}  // namespace carillon::rest
