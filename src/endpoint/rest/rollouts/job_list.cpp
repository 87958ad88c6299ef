// All jobs with how far they have come, newest first. Page: docs/live-progress.md.

#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/jobs/job_event_feed.hpp"
#include "endpoint/rest/paging.hpp"
#include "endpoint/rest/request.hpp"

#include <algorithm>
#include <array>

namespace carillon::rest {

namespace {

constexpr ItemType job_item{"Job", "job"};
constexpr std::array<std::string_view, 10> phases{"scheduled",  "waiting",  "approval",   "queued",
                                                  "evaluating", "running",  "cancelling", "completed",
                                                  "failed",     "cancelled"};
/// Ours: jobs that one request looks at, so that a filter which fits few of them does not keep others
/// waiting.
constexpr int looked_max = 1000;
constexpr std::size_t looked_at_once = 100;

struct Filter {
    std::string phase;  ///< Empty: all.
    std::optional<bool> paused;

    bool keeps(const JobProgress& progress) const {
        if (!phase.empty() && job_phase(progress) != phase) return false;
        const bool is_paused = progress.rollout && progress.rollout->pause;
        return !paused || *paused == is_paused;
    }
};

Result<Filter> read_filter(const Request& request) {
    Filter filter;
    filter.phase = request.parameter("phase").value_or("");
    if (!filter.phase.empty() && std::find(phases.begin(), phases.end(), filter.phase) == phases.end())
        return fail(Errc::argument_invalid, "phase: is not one that a job can be in");
    if (const auto paused = request.parameter("paused")) {
        if (*paused != "true" && *paused != "false")
            return fail(Errc::argument_invalid, "paused: must be true or false");
        filter.paused = *paused == "true";
    }
    return filter;
}

}  // namespace

Task<Result<HttpResponse>> list_job_progress(Request& request) {
    const auto filter = read_filter(request);
    if (!filter) co_return fail(filter.error());
    const PageRequest page = read_page_request(request);
    const std::string purpose =
        "carillon jobs " + filter->phase + (filter->paused ? *filter->paused ? " paused" : " not" : "");
    std::string position;
    if (!page.continuation.empty()) {
        auto opened = request.hub.page_tokens().open(purpose, page.continuation);
        if (!opened) co_return fail(std::move(opened).error());
        position = *std::move(opened);
    }
    auto& jobs = request.hub.jobs();
    std::vector<std::string> items;
    for (int looked = 0; looked < looked_max && items.size() < page.size;) {
        // Never more than fit, so that the place where this page of jobs ends is where the next begins.
        auto listing = jobs.list({}, std::move(position), std::min(looked_at_once, page.size - items.size()));
        JobListPage found = co_await std::move(listing);
        looked += static_cast<int>(found.jobs.size());
        for (const JobSnapshot& job : found.jobs) {
            const auto progress = jobs.progress(job.definition->id);
            if (!progress || !filter->keeps(*progress)) continue;
            append_job_brief_json(items.emplace_back(), *progress);
        }
        position = std::move(found.position);
        if (position.empty()) break;
    }
    std::string continuation;
    if (!position.empty()) continuation = request.hub.page_tokens().seal(purpose, position);
    co_return page_response(request, job_item, items, continuation);
}

}  // namespace carillon::rest
