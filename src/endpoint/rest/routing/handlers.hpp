#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// As endpoint/rest/handlers.hpp, for routes of messages and their endpoints.

// message_routes.cpp
Task<Result<HttpResponse>> list_message_routes(Request& request);
Task<Result<HttpResponse>> get_message_route(Request& request);
Task<Result<HttpResponse>> put_message_route(Request& request);
Task<Result<HttpResponse>> delete_message_route(Request& request);
Task<Result<HttpResponse>> list_route_endpoints(Request& request);
Task<Result<HttpResponse>> get_route_endpoint(Request& request);
Task<Result<HttpResponse>> put_route_endpoint(Request& request);
Task<Result<HttpResponse>> delete_route_endpoint(Request& request);

// route_trial.cpp
Task<Result<HttpResponse>> test_message_routes(Request& request);

}  // namespace carillon::rest
