#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// As endpoint/rest/handlers.hpp, for the authorities that enrollments name.

Task<Result<HttpResponse>> list_enrollment_authorities(Request& request);
Task<Result<HttpResponse>> get_enrollment_authority(Request& request);
Task<Result<HttpResponse>> put_enrollment_authority(Request& request);
Task<Result<HttpResponse>> delete_enrollment_authority(Request& request);

}  // namespace carillon::rest
