#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http_message.hpp"

namespace carillon::rest {

struct Request;

/// GET /carillon/jobs/{id}/verify: whether the job's log is as it was written. Page: docs/live-progress.md.
Task<Result<HttpResponse>> verify_job_log(Request& request);

}  // namespace carillon::rest
