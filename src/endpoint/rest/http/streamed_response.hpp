#pragma once

#include "endpoint/rest/http/http_connection.hpp"
#include "net/channel.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace carillon::rest {

/// A body without a size, which a channel gets piece by piece for as long as the client takes it: the
/// channel, its framing, one timer and the end. What is sent and when is the derived class's. Lives on the
/// channel's thread, and until the channel is closed.
class StreamedResponse : public ResponseStream,
                         public ChannelHandler,
                         public std::enable_shared_from_this<StreamedResponse> {
public:
    void begin(std::unique_ptr<Channel> channel, const HttpContext& context, BodyFraming framing) final;

    void received(Bytes) override {}  // nothing is due from the client
    /// Who closes its side of a stream without an end has left.
    void ended(Channel&) override { finish(); }
    /// A whole body: the client comes again for more.
    void shutting_down(Channel&) override { finish(); }
    void closed(Errc reason) final;

protected:
    /// The channel is there: send the first piece, or see to it that one comes.
    virtual void started() = 0;
    /// Nothing more can be sent: let go of what wakes the stream. Called once or more.
    virtual void stopped() {}

    /// Sends a piece, whatever waits. False if the channel does not take it, which ends the stream.
    bool send_piece(std::string_view body);
    /// Ends the body, so that the client sees that it is whole.
    void finish();
    /// Ends the connection within the body, so that the client sees that it is not.
    void cut();
    bool is_over() const { return is_over_; }

    const HttpContext& context() const { return *context_; }
    Channel& channel() { return *channel_; }
    /// Calls `wake` then, in place of what was to be called before, unless the stream is over.
    void wake_at(TimePoint then, std::function<void()> wake);
    void let_sleep() { context_->timers.cancel(timer_), timer_ = {}; }

    template <class Derived>
    std::shared_ptr<Derived> self() {
        return std::static_pointer_cast<Derived>(shared_from_this());
    }

private:
    void stop();

    std::optional<HttpContext> context_;
    std::unique_ptr<Channel> channel_;
    std::shared_ptr<StreamedResponse> self_;  ///< Until `closed`.
    Timers::Id timer_;
    BodyFraming framing_ = BodyFraming::chunked;
    bool is_over_ = false;
};

}  // namespace carillon::rest
