#pragma once

#include "base/result.hpp"
#include "endpoint/rest/http_connection.hpp"
#include "endpoint/rest/overview.hpp"
#include "net/channel.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

namespace carillon::rest {

/// Sends one client the overview, once a second, as server-sent events named `overview`. A client that does
/// not read is sent nothing more until it has taken what waits for it. Lives on the channel's thread.
class OverviewStream final : public ResponseStream,
                             public ChannelHandler,
                             public std::enable_shared_from_this<OverviewStream> {
public:
    /// Ours: how many may look at one hub at a time.
    static constexpr std::size_t count_max = 256;
    using Count = std::atomic<std::size_t>;

    /// `sampler` and `count` outlive the stream. Fails with `throttling_exception`.
    static Result<std::shared_ptr<OverviewStream>> open(OverviewSampler& sampler, Count& count);
    ~OverviewStream() override;
    OverviewStream(const OverviewStream&) = delete;
    OverviewStream& operator=(const OverviewStream&) = delete;

    void begin(std::unique_ptr<Channel> channel, const HttpContext& context, BodyFraming framing) override;

    void received(Bytes) override {}  // nothing is due from the client
    void ended(Channel& channel) override;
    void shutting_down(Channel& channel) override;
    void closed(Errc reason) override;

private:
    OverviewStream(OverviewSampler& sampler, Count& count) : sampler_(sampler), count_(count) {}
    static Task<> run(std::shared_ptr<OverviewStream> self);
    void say(std::string_view document);
    void sleep();
    void finish();

    OverviewSampler& sampler_;
    Count& count_;
    std::optional<HttpContext> context_;
    std::unique_ptr<Channel> channel_;
    std::shared_ptr<OverviewStream> self_;  ///< Until `closed`.
    Timers::Id timer_;
    BodyFraming framing_ = BodyFraming::chunked;
    bool is_over_ = false;
};

}  // namespace carillon::rest
