#pragma once

#include "core/jobs/job_watcher.hpp"
#include "endpoint/rest/http/streamed_response.hpp"
#include "endpoint/rest/jobs/job_event_feed.hpp"

#include <memory>
#include <optional>

namespace carillon::rest {

/// Sends one client the events of a job: joins a `JobEventFeed` to the channel. Sleeps until the job
/// or a timer wakes it. What a client does not read is not queued for it: while bytes wait, nothing is
/// added, and when they are gone the newest state is sent; the channel cuts off who takes nothing for
/// `ChannelLimits::stall_max`. Ends when the job has, or the client leaves, or the server stops. Lives
/// on the channel's thread.
class JobEventStream final : public StreamedResponse {
public:
    JobEventStream(std::unique_ptr<JobWatcher> watcher, const std::optional<JobEventToken>& after)
        : watcher_(std::move(watcher)), after_(after) {}

    void drained() override { pump(); }

private:
    void started() override;
    void stopped() override { watcher_.reset(); }
    void pump();
    bool sleep(TimePoint now);

    std::unique_ptr<JobWatcher> watcher_;
    const std::optional<JobEventToken> after_;
    std::optional<JobEventFeed> feed_;
};

}  // namespace carillon::rest
