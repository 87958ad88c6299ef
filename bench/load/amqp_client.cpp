#include "load/amqp_client.hpp"

#include "wire/amqp/device/device_messages.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/sas/sas_token.hpp"

#include <utility>

namespace carillon::load {

using amqp::Attach;
using amqp::LinkId;
using amqp::LinkRole;

namespace {

void put_address(amqp::Terminus& terminus, std::string_view address) {
    terminus.is_present = true;
    terminus.address = address;
}

}  // namespace

AmqpClient::AmqpClient(Loop& loop, TlsContext& tls, AmqpPeer& peer, const Target& target,
                       std::uint64_t number)
    : loop_(loop), peer_(peer), target_(target), number_(number), connection_(loop, tls, *this) {
    settings_.container_id = "load-" + std::to_string(number);
    settings_.hostname = target.host_name;
    settings_.mechanism = target.is_hub() ? amqp::sasl_anonymous : amqp::sasl_plain;
    if (!target.is_hub()) settings_.initial_response = std::string("\0guest\0guest", 12);
}

AmqpClient::~AmqpClient() = default;

void AmqpClient::open() {
    connection_.open(target_.amqps, target_.host_name, source_address(number_));
}

void AmqpClient::opened() {
    amqp::ConnectionHost& host = *this;
    wire_ = std::make_unique<amqp::Connection>(host, settings_, amqp::Side::client,
                                               std::chrono::steady_clock::now());
    wire_->start();
    leave();
}

void AmqpClient::received(std::string_view bytes) {
    is_within_ = true;
    wire_->receive(as_bytes(bytes), std::chrono::steady_clock::now());
    is_within_ = false;
    leave();
}

void AmqpClient::closed(const char* reason) {
    is_ready_ = false;
    peer_.closed(reason);
}

/// Hands on what was said.
void AmqpClient::leave() {
    wire_->flush();
    if (!output_.empty()) connection_.send(output_);
    output_.clear();
    if (!wire_->is_closed() || !connection_.is_open()) return;
    connection_.close();
    closed(wire_->close_detail());
}

void AmqpClient::opened(const amqp::Open&) {
    wire_->authenticated(std::chrono::steady_clock::now());
    session_ = wire_->begin().value_or(0);
    if (!target_.is_hub()) {
        is_ready_ = true;
        return peer_.ready();
    }
    token_answers_link_ = attach(LinkRole::receiver, "$cbs", 10);
    token_link_ = attach(LinkRole::sender, "$cbs", 0);
}

LinkId AmqpClient::attach(LinkRole role, std::string_view address, std::uint32_t credit) {
    const bool sends = role == LinkRole::sender;
    const std::string name =
        (sends ? "to " : "from ") + std::string(address) + ' ' + std::to_string(last_tag_++);
    Attach asked;
    asked.name = name;
    asked.role = role;
    put_address(sends ? asked.target : asked.source, address);
    put_address(sends ? asked.source : asked.target, name);
    return wire_->attach(session_, asked, {.credit = credit}).value_or(0);
}

LinkId AmqpClient::send_to(std::string_view address) {
    return attach(LinkRole::sender, address, 0);
}

LinkId AmqpClient::receive_from(std::string_view address, std::uint32_t credit) {
    return attach(LinkRole::receiver, address, credit);
}

bool AmqpClient::send(LinkId link, std::string_view message, std::uint64_t cookie) {
    const std::uint64_t tag = ++last_tag_;
    amqp::Outgoing outgoing;
    outgoing.tag = {reinterpret_cast<const std::uint8_t*>(&tag), sizeof tag};
    outgoing.cookie = cookie;
    if (!wire_->send(link, outgoing, as_bytes(message))) return false;
    if (is_within_ || std::exchange(leaves_later_, true)) return true;
    loop_.after(Duration::zero(), [this] {
        leaves_later_ = false;
        leave();
    });
    return true;
}

void AmqpClient::flowed(LinkId link) {
    if (link != token_link_ || std::exchange(is_token_sent_, true)) return;
    const auto expires = SystemClock().wall_now().plus_s(24 * 3600);
    std::string message;
    amqp::append_put_token(
        message, "token", target_.policy.host_name,
        sas::make_token(target_.policy.host_name, target_.policy.key, expires, target_.policy.key_name));
    static_cast<void>(send(token_link_, message, 0));
}

void AmqpClient::link_requested(LinkId link, const Attach&) {
    wire_->refuse_link(link, {.name = "amqp:not-allowed", .description = {}, .info = {}});
}

void AmqpClient::attached(LinkId link, const Attach& attach) {
    const bool is_taken =
        attach.role == LinkRole::receiver ? attach.target.is_present : attach.source.is_present;
    if (is_taken && link != token_link_ && link != token_answers_link_) peer_.attached(link);
}

void AmqpClient::delivered(const amqp::Delivery& delivery) {
    amqp::DeliveryState accepted;
    accepted.outcome = amqp::Outcome::accepted;
    wire_->dispose(delivery.receipt, accepted);
    if (delivery.receipt.link != token_answers_link_)
        return peer_.delivered(delivery.receipt.link, delivery.message.size());
    const auto view = amqp::decode_message(delivery.message);
    const auto answer = view ? amqp::parse_cbs_answer(*view) : fail(Errc::malformed_packet, "");
    constexpr int ok = 200;
    if (!answer || answer->status != ok)
        return wire_->close(Errc::iot_hub_unauthorized, "the token is refused", {});
    is_ready_ = true;
    peer_.ready();
}

void AmqpClient::disposed(const amqp::Disposal& disposal) {
    if (!disposal.settled) wire_->settle(disposal, disposal.state);
    if (disposal.link == token_link_) return;
    peer_.disposed(disposal.link, disposal.cookie, disposal.state.outcome == amqp::Outcome::accepted);
}

void AmqpClient::detached(LinkId link, const amqp::Condition& error) {
    peer_.detached(link, error.description.empty() ? error.name : error.description);
}

}  // namespace carillon::load
