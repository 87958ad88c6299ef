#pragma once

#include "core/jobs/job_watcher.hpp"
#include "endpoint/rest/http_connection.hpp"
#include "endpoint/rest/job_event_feed.hpp"
#include "net/channel.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace carillon::rest {

/// Sends one client the events of a job: joins a `JobEventFeed` to the channel. Sleeps until the job
/// or a timer wakes it. What a client does not read is not queued for it: while bytes wait, nothing is
/// added, and when they are gone the newest state is sent; the channel cuts off who takes nothing for
/// `ChannelLimits::stall_max`. Ends when the job has, or the client leaves, or the server stops. Lives
/// on the channel's thread.
class JobEventStream final : public ResponseStream,
                             public ChannelHandler,
                             public std::enable_shared_from_this<JobEventStream> {
public:
    JobEventStream(std::unique_ptr<JobWatcher> watcher, const std::optional<JobEventToken>& after)
        : watcher_(std::move(watcher)), after_(after) {}

    void begin(std::unique_ptr<Channel> channel, const HttpContext& context, BodyFraming framing) override;

    void received(Bytes) override {}  // nothing is due from the client
    void drained() override { pump(); }
    void ended(Channel& channel) override;
    void shutting_down(Channel& channel) override;
    void closed(Errc reason) override;

private:
    void pump();
    void finish();
    void send(std::string_view body);
    bool sleep(TimePoint now);

    std::unique_ptr<JobWatcher> watcher_;
    const std::optional<JobEventToken> after_;
    std::optional<HttpContext> context_;
    std::optional<JobEventFeed> feed_;
    std::unique_ptr<Channel> channel_;
    std::shared_ptr<JobEventStream> self_;  ///< Until `closed`.
    Timers::Id timer_;
    BodyFraming framing_ = BodyFraming::chunked;
    bool is_over_ = false;
};

}  // namespace carillon::rest
