// Live progress of jobs: of our own making, so under /carillon/. Page: docs/live-progress.md.

#include "core/jobs/job_watcher.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/job_event_feed.hpp"
#include "endpoint/rest/job_event_stream.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> get_job_progress(Request& request) {
    const std::string id(request.ids[0]);
    const auto progress = request.hub.jobs().progress(id);
    if (!progress) co_return fail(Errc::job_not_found, "There is no job with id '" + id + "'.");
    std::string body;
    append_job_progress_json(body, *progress);
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> follow_job(Request& request) {
    const std::string id(request.ids[0]);
    // A header of an EventSource, which connects again by itself, counts more than what its URL said
    // at the beginning.
    std::optional<JobEventToken> after;
    if (const auto last = request.header("last-event-id")) {
        after = JobEventToken::parse(*last);
    } else if (const auto parameter = request.parameter("after")) {
        after = JobEventToken::parse(*parameter);
    }
    auto watcher = request.hub.jobs().watch(id);
    if (!watcher) co_return fail(std::move(watcher).error());
    const auto& clock = request.hub.shards()[0].clock();
    if (after && after->is_end && after->number == (*watcher)->look(clock.now(), clock.wall_now()).number) {
        // All has been said. An EventSource connects again for ever unless it is told this way.
        co_return no_content();
    }
    HttpResponse response;
    response.add("Content-Type", "text/event-stream");
    response.add("Cache-Control", "no-store");
    response.stream = std::make_shared<JobEventStream>(*std::move(watcher), after);
    co_return response;
}

}  // namespace carillon::rest
