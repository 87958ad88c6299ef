#pragma once

#include "load/hub.hpp"
#include "load/tls.hpp"
#include "wire/amqp/connection.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::load {

/// Told what happens on an AMQP connection; calls come from within those of the connection.
class AmqpPeer {
public:
    virtual ~AmqpPeer() = default;
    /// Links may be asked for: the token was taken, where there is one.
    virtual void ready() = 0;
    virtual void attached(amqp::LinkId) {}
    virtual void detached(amqp::LinkId, std::string_view why) = 0;
    /// Of a sender: what became of a message.
    virtual void disposed(amqp::LinkId, std::uint64_t /*cookie*/, bool /*is_accepted*/) {}
    virtual void delivered(amqp::LinkId, std::size_t /*bytes*/) {}
    virtual void closed(const char* reason) = 0;
};

/// One AMQP connection over TLS, on the wire code itself: to a hub with a policy's token by CBS, to a broker
/// as `guest`.
class AmqpClient final : private TlsPeer, private amqp::ConnectionHost {
public:
    AmqpClient(Loop& loop, TlsContext& tls, AmqpPeer& peer, const Target& target, std::uint64_t number);
    ~AmqpClient() override;

    void open();
    bool is_ready() const { return is_ready_; }
    /// Nothing while the connection is not ready.
    amqp::LinkId send_to(std::string_view address);
    amqp::LinkId receive_from(std::string_view address, std::uint32_t credit);
    /// Sends, leaving at the end of the round. False if it is not taken.
    bool send(amqp::LinkId link, std::string_view message, std::uint64_t cookie);

private:
    void opened() override;
    void received(std::string_view bytes) override;
    void closed(const char* reason) override;

    std::string& output() override { return output_; }
    bool takes_output() const override { return true; }
    void sasl_requested(const amqp::SaslInit&) override {}
    void opened(const amqp::Open& open) override;
    void link_requested(amqp::LinkId link, const amqp::Attach& attach) override;
    void attached(amqp::LinkId link, const amqp::Attach& attach) override;
    void delivered(const amqp::Delivery& delivery) override;
    void disposed(const amqp::Disposal& disposal) override;
    void confirmed(amqp::LinkId, std::uint32_t, const amqp::DeliveryState&) override {}
    void flowed(amqp::LinkId link) override;
    void detached(amqp::LinkId link, const amqp::Condition& error) override;

    amqp::LinkId attach(amqp::LinkRole role, std::string_view address, std::uint32_t credit);
    void leave();

    Loop& loop_;
    AmqpPeer& peer_;
    const Target& target_;
    const std::uint64_t number_;
    TlsConnection connection_;
    amqp::ConnectionSettings settings_;
    std::unique_ptr<amqp::Connection> wire_;
    std::string output_;
    amqp::SessionId session_ = 0;
    amqp::LinkId token_link_ = 0;
    amqp::LinkId token_answers_link_ = 0;
    std::uint64_t last_tag_ = 0;
    bool is_ready_ = false;
    bool is_token_sent_ = false;
    bool is_within_ = false;  ///< A call of the wire, which is followed by `leave`.
    bool leaves_later_ = false;
};

}  // namespace carillon::load
