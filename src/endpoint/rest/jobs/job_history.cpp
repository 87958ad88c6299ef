// What was decided about a job with a rollout, by whom and by which numbers. Page: docs/rollouts.md.

#include "base/text.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> get_job_history(Request& request) {
    std::string id(request.ids[0]);
    std::uint64_t after = 0;
    if (const auto text = request.parameter("after")) {
        const auto number = parse_u64(*text);
        if (!number) co_return fail(Errc::argument_invalid, "after: must be the number of an event.");
        after = *number;
    }
    auto reading = request.hub.jobs().history(std::move(id), after);
    auto lines = co_await std::move(reading);
    if (!lines) co_return fail(std::move(lines).error());
    HttpResponse response;
    response.content_type = "application/x-ndjson";
    for (const std::string& line : *lines) response.body += line + '\n';
    co_return response;
}

}  // namespace carillon::rest
