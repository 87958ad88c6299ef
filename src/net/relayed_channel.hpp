#pragma once

#include "net/channel.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Who is at the other end of a connection that another node of a cluster accepted, as that node saw it.
struct RelayedPeer {
    std::string address;                         ///< `address:port`, IPv6 in brackets.
    std::optional<PeerCertificate> certificate;  ///< Nothing if it showed none.
    std::vector<std::string> chain;              ///< As `peer_chain`. Bound: LineHello::chain_bytes_max.
};

/// The connection of a peer that speaks to another node: its bytes come through a channel from there.
class RelayedChannel final : public Channel {
public:
    /// `inner` brings the peer's bytes and nothing else from here on. `counted` is let go at the end.
    RelayedChannel(std::unique_ptr<Channel> inner, RelayedPeer peer, std::shared_ptr<void> counted)
        : counted_(std::move(counted)), inner_(std::move(inner)), peer_(std::move(peer)) {}

    const RelayedPeer& peer() const { return peer_; }

    /// Tells the handler what it would hear of a connection whose handshake is over just now.
    void tell_handshaken() { handler_->handshaken(); }

    void set_handler(ChannelHandler& handler) override {
        handler_ = &handler;
        inner_->set_handler(handler);
    }
    [[nodiscard]] bool send(Bytes bytes) override { return inner_->send(bytes); }
    std::size_t unsent() const override { return inner_->unsent(); }
    bool is_congested() const override { return inner_->is_congested(); }
    void holds(std::size_t bytes) override { inner_->holds(bytes); }
    void close(Errc reason) override { inner_->close(reason); }
    void abort(Errc reason) override { inner_->abort(reason); }
    void pause_reading() override { inner_->pause_reading(); }
    void resume_reading() override { inner_->resume_reading(); }
    void authenticated() override { inner_->authenticated(); }
    void stand_on(KeyTag key) override { inner_->stand_on(key); }
    void move_to(IoThread& thread, UniqueFunction<void()> arrived) override {
        inner_->move_to(thread, std::move(arrived));
    }
    IoThread& thread() const override { return inner_->thread(); }
    const std::string& peer_address() const override { return peer_.address; }
    const PeerCertificate* peer_certificate() const override {
        return peer_.certificate ? &*peer_.certificate : nullptr;
    }

private:
    const std::shared_ptr<void> counted_;
    std::unique_ptr<Channel> inner_;
    RelayedPeer peer_;
    ChannelHandler* handler_ = nullptr;
};

}  // namespace carillon
