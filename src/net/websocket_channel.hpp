#pragma once

#include "net/channel.hpp"
#include "wire/websocket/websocket.hpp"

#include <memory>
#include <string>

namespace carillon {

/// A WebSocket as a stream of bytes: frames within another channel, in both directions. What is sent
/// leaves as one binary frame for each call. Pings are answered here, while the peer does not read only
/// the last of them; the peer's close frame is the end of its stream.
class WebSocketChannel final : public Channel, public ChannelHandler {
public:
    /// `inner` has just answered the upgrade; `surplus` came behind the request.
    WebSocketChannel(std::unique_ptr<Channel> inner, std::string surplus);
    ~WebSocketChannel() override;

    /// What the frames are in.
    const Channel& inner() const { return *inner_; }
    /// Begins to deliver, `surplus` first; once the handler is set.
    void start();

    // Channel
    void set_handler(ChannelHandler& handler) override { handler_ = &handler; }
    [[nodiscard]] bool send(Bytes bytes) override;
    std::size_t unsent() const override { return inner_->unsent(); }
    bool is_congested() const override { return inner_->is_congested(); }
    void holds(std::size_t bytes) override { inner_->holds(bytes); }
    void close(Errc reason) override;
    void abort(Errc reason) override;
    void pause_reading() override;
    void resume_reading() override;
    void authenticated() override { inner_->authenticated(); }
    void stand_on(KeyTag key) override { inner_->stand_on(key); }
    void move_to(IoThread& thread, UniqueFunction<void()> arrived) override;
    IoThread& thread() const override { return inner_->thread(); }
    const std::string& peer_address() const override { return inner_->peer_address(); }
    const PeerCertificate* peer_certificate() const override { return inner_->peer_certificate(); }

    // ChannelHandler
    void received(Bytes bytes) override;
    void drained() override;
    void ended(Channel&) override { handler_->ended(*this); }
    void shutting_down(Channel&) override { handler_->shutting_down(*this); }
    void key_ended(Channel&) override { handler_->key_ended(*this); }
    void closed(Errc reason) override { handler_->closed(reason); }

private:
    void deliver(Bytes bytes);
    void deliver_held_later();
    void answer_ping(Bytes data);
    bool may_deliver() const { return !is_paused_ && !is_moving_ && !is_closing_; }

    std::unique_ptr<Channel> inner_;
    ChannelHandler* handler_ = nullptr;
    websocket::Decoder decoder_;
    std::string held_;  ///< Input that came while nothing may be delivered. Bound: ThreadBuffers::size.
    std::string
        pong_;  ///< The last owed to a peer that does not read. Bound: WebSocketLimits::control_bytes_max.
    std::shared_ptr<bool> lives_;  ///< Shared with posted functions, which may outlive this.
    bool is_paused_ = false;
    bool is_moving_ = false;
    bool is_closing_ = false;
};

}  // namespace carillon
