#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// What the hub logs, read and changed while it runs: of our own making.
Task<Result<HttpResponse>> get_log(Request& request);
Task<Result<HttpResponse>> set_log(Request& request);

}  // namespace carillon::rest
