#include "gateway/local_server.hpp"

#include "wire/mqtt/hub_topics.hpp"
#include "wire/mqtt/property_bag.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>

namespace gateway {

using namespace mqtt;

namespace {

constexpr std::string_view hub_away =
    R"({"errorCode":503000,"message":"The gateway has no connection to the hub."})";
constexpr int service_unavailable = 503;

/// System properties of a cloud-to-device message by the names they have in topics.
constexpr std::pair<std::string_view, std::string_view> short_names[] = {
    {"message-id", "mid"},           {"to", "to"},
    {"correlation-id", "cid"},       {"user-id", "uid"},
    {"content-type", "ct"},          {"content-encoding", "ce"},
    {"absolute-expiry-time", "exp"},
};

DeliveryTag tag_of(std::uint64_t number) {
    DeliveryTag tag{};
    std::memcpy(tag.data(), &number, sizeof number);
    return tag;
}

std::uint64_t number_of(const DeliveryTag& tag) {
    std::uint64_t number = 0;
    std::memcpy(&number, tag.data(), sizeof number);
    return number;
}

}  // namespace

LocalDevice::LocalDevice(LocalServer& server, client::Loop& loop, HubLink& hub, int descriptor)
    : server_(server),
      loop_(loop),
      hub_(hub),
      descriptor_(descriptor),
      session_(static_cast<SessionHost&>(*this), loop.now()) {
    if (loop_.watch(descriptor_, EPOLLIN, *this)) watched_ = EPOLLIN;
    arm();
}

LocalDevice::~LocalDevice() {
    if (timer_) loop_.cancel(*timer_);
    if (descriptor_ < 0) return;
    loop_.unwatch(descriptor_, *this);
    ::close(descriptor_);
}

void LocalDevice::close(Errc reason, const char* detail) {
    session_.close(reason, detail);
    settle();
}

/// The hub's connection forgets it at once, as the names of its links are those of the new one.
void LocalDevice::replaced() {
    if (std::exchange(is_hosted_, false)) hub_.remove(*this);
    close(Errc::connection_closed, "the device connected again");
}

// --- the socket ------------------------------------------------------------------------------------

void LocalDevice::ready(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) write();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
    settle();
}

void LocalDevice::read() {
    // Once a turn, so that a device that sends without end does not keep the others waiting.
    std::array<std::uint8_t, read_bytes_max> buffer;
    if (!session_.wants_input() || session_.is_closed()) return;
    const auto got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return session_.close(Errc::connection_closed, "the device closed the connection");
    session_.receive({buffer.data(), static_cast<std::size_t>(got)}, loop_.now());
}

void LocalDevice::write() {
    const bool was_full = !takes_output();
    while (!output_.empty()) {
        const auto sent = ::send(descriptor_, output_.data(), output_.size(), MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (sent < 0) return session_.close(Errc::connection_closed, "the device's connection broke");
        output_.erase(0, static_cast<std::size_t>(sent));
    }
    if (was_full && takes_output()) session_.output_drained();
}

void LocalDevice::settle() {
    if (std::exchange(is_settling_, true)) return;
    loop_.defer([this] {
        is_settling_ = false;
        if (descriptor_ < 0) return;
        write();
        if (session_.is_closed()) {
            if (is_hosted_) hub_.remove(*this);
            loop_.unwatch(descriptor_, *this);
            ::close(std::exchange(descriptor_, -1));
            return server_.ended(*this);
        }
        tell_room();
        const std::uint32_t wanted =
            (session_.wants_input() ? EPOLLIN : 0U) | (output_.empty() ? 0U : EPOLLOUT);
        if (wanted != watched_) loop_.change(descriptor_, wanted, *this);
        watched_ = wanted;
        arm();
    });
}

void LocalDevice::arm() {
    if (timer_) loop_.cancel(*timer_);
    timer_ = loop_.at(session_.deadline(), [this] {
        timer_.reset();
        session_.tick(loop_.now());
        settle();
    });
}

// --- what the device wants -------------------------------------------------------------------------

void LocalDevice::connect_requested(const ConnectRequest& request) {
    auto key = IdentityKey::parse(request.user.device, request.user.module);
    if (!key) return session_.refuse(ConnectCode::not_authorized, Errc::argument_invalid);
    key_ = *std::move(key);
    server_.logged_in(*this);
    is_hosted_ = true;
    hub_.add(*this);
    session_.accept(false, {}, loop_.now());
}

void LocalDevice::store_subscriptions() {
    session_.subscriptions_stored(true);  // For as long as the connection lasts.
}

void LocalDevice::subscriptions_changed() {
    const auto& subscriptions = session_.subscriptions();
    Interests interests;
    interests.methods = subscriptions.has(FilterKind::methods) || subscriptions.has(FilterKind::method_named);
    interests.desired = subscriptions.has(FilterKind::desired);
    interests.messages = subscriptions.c2d_qos().has_value();
    hub_.set_interests(*this, interests);
    settle();
}

void LocalDevice::telemetry(const TelemetryPublish& publish) {
    const auto bag = parse_property_bag(publish.bag);
    if (!bag) return session_.close(Errc::malformed_packet, "malformed properties");
    amqp::DeviceMessage message;
    message.system = bag->system;
    message.properties = bag->properties;
    message.body = as_text(publish.payload);
    const auto number = ++last_number_;
    tickets_[number] = publish.ticket;
    // Acknowledged when the hub has stored it; until then the device has it too.
    if (!hub_.send_telemetry(*this, number, message))
        session_.close(Errc::throttling_exception, "the gateway keeps too many messages");
}

void LocalDevice::telemetry_settled(std::uint64_t number, bool is_stored) {
    const auto found = tickets_.find(number);
    if (found == tickets_.end()) return;
    // The hub itself ends a connection that sends what it does not take.
    is_stored ? session_.acknowledge(found->second)
              : session_.close(Errc::argument_invalid, "the hub refused a message");
    tickets_.erase(found);
    settle();
}

void LocalDevice::answer_twin(int status, std::string_view rid, std::optional<std::int64_t> version,
                              std::string_view body) {
    session_.send_twin_response(status, rid, version, body);
    settle();
}

void LocalDevice::twin_get(std::string_view rid) {
    if (!hub_.ask_twin(*this, rid, amqp::TwinOperation::get, std::nullopt, {}))
        answer_twin(service_unavailable, rid, std::nullopt, hub_away);
}

void LocalDevice::twin_patch(const TwinPatchPublish& publish) {
    // Its fate is told by the answer.
    session_.acknowledge(publish.ticket);
    const std::string rid(publish.rid);
    // One that wants no answer is asked for all the same, under a name that no device uses.
    const std::string request = rid.empty() ? "gateway/unanswered" : rid;
    if (!hub_.ask_twin(*this, request, amqp::TwinOperation::patch_reported, publish.version,
                       as_text(publish.payload)) &&
        !rid.empty())
        answer_twin(service_unavailable, rid, std::nullopt, hub_away);
}

void LocalDevice::twin_answered(std::string_view request, const amqp::TwinNews& news) {
    if (request == "gateway/unanswered") return;
    answer_twin(news.status, request, news.version, news.body);
}

void LocalDevice::desired_changed(std::int64_t version, std::string_view body) {
    session_.send_desired(version, body);
    settle();
}

void LocalDevice::method_called(std::string correlation, std::string_view name, std::string_view payload) {
    // The caller gets its timeout, as from a device that does not answer.
    if (!session_.takes_method(name) || calls_.size() >= method_calls_max) return;
    do {
        ++last_call_;
    } while (last_call_ == 0 || calls_.contains(last_call_));
    calls_.emplace(last_call_, std::move(correlation));
    session_.send_method(last_call_, name, payload);
    settle();
}

void LocalDevice::method_answered(std::uint16_t request_id, int status, std::string_view payload) {
    const auto call = calls_.extract(request_id);
    if (call) hub_.answer_method(*this, call.mapped(), status, payload);
}

// --- cloud-to-device messages ----------------------------------------------------------------------

void LocalDevice::tell_room() {
    if (is_hosted_) hub_.set_room(*this, static_cast<std::uint32_t>(session_.cloud_message_room()));
}

void LocalDevice::message_came(const amqp::Receipt& receipt, const amqp::DeviceMessage& message) {
    if (session_.cloud_message_room() == 0) return hub_.settle_message(receipt, amqp::Outcome::released);
    std::vector<std::pair<std::string, std::string>> system;
    std::string_view ack;
    for (const auto& [name, value] : message.system) {
        if (name == "iothub-ack") ack = value;
        for (const auto& [long_name, short_name] : short_names) {
            if (name == long_name) system.emplace_back(short_name, value);
        }
    }
    const auto topic = c2d_topic(session_.identity(), system, ack, message.properties);
    const auto number = ++last_message_;
    if (session_.send_cloud_message(topic, as_bytes(message.body), false, tag_of(number))) {
        messages_.emplace(number, receipt);
    } else {
        hub_.settle_message(receipt, amqp::Outcome::accepted);
    }
    settle();
}

void LocalDevice::cloud_message_acknowledged(const DeliveryTag& tag) {
    const auto found = messages_.extract(number_of(tag));
    if (found) hub_.settle_message(found.mapped(), amqp::Outcome::accepted);
    settle();
}

// --- the hub comes and goes ------------------------------------------------------------------------

void LocalDevice::hub_lost() {
    calls_.clear();
    messages_.clear();
}

/// A device that follows its desired properties may have missed changes: it connects again, and reads its
/// twin as after any loss of a connection. What the hub has not stored it sends again.
void LocalDevice::hub_back() {
    if (session_.takes_desired()) close(Errc::connection_closed, "the hub is back");
}

void LocalDevice::refused(std::string_view reason) {
    std::cerr << path() << ": the hub does not take it: " << reason << std::endl;
    is_hosted_ = false;
    close(Errc::iot_hub_unauthorized, "the hub does not take the device");
}

// --- the server ------------------------------------------------------------------------------------

Result<std::unique_ptr<LocalServer>> LocalServer::open(client::Loop& loop, HubLink& hub,
                                                       const std::string& address, std::uint16_t port) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    const bool is_address = inet_pton(AF_INET, address.c_str(), &place.sin_addr) == 1;
    if (!is_address || (ntohl(place.sin_addr.s_addr) >> 24) != IN_LOOPBACKNET)
        return fail(Errc::argument_invalid, address + " is not an address of loopback (127.…)");
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    std::unique_ptr<LocalServer> server(new LocalServer(loop, hub, descriptor));
    const bool listens = descriptor >= 0 &&
                         ::bind(descriptor, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0 &&
                         ::listen(descriptor, SOMAXCONN) == 0 && loop.watch(descriptor, EPOLLIN, *server);
    if (!listens) return fail(Errc::io_failed, address + ": " + std::strerror(errno));
    return server;
}

LocalServer::~LocalServer() {
    devices_.clear();
    if (descriptor_ < 0) return;
    loop_.unwatch(descriptor_, *this);
    ::close(descriptor_);
}

void LocalServer::ready(std::uint32_t) {
    for (;;) {
        const int accepted = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) return;
        if (devices_.size() >= devices_max) {
            ::close(accepted);
            continue;
        }
        auto device = std::make_unique<LocalDevice>(*this, loop_, hub_, accepted);
        const LocalDevice* name = device.get();
        devices_.emplace(name, std::move(device));
    }
}

void LocalServer::logged_in(LocalDevice& device) {
    auto& newest = by_path_[device.path()];
    if (newest != nullptr && newest != &device) newest->replaced();
    newest = &device;
}

void LocalServer::ended(LocalDevice& device) {
    const auto named = by_path_.find(device.path());
    if (named != by_path_.end() && named->second == &device) by_path_.erase(named);
    const auto found = devices_.extract(&device);
    if (!found) return;
    // Not within a call of its own.
    loop_.defer([dead = std::shared_ptr<LocalDevice>(std::move(found.mapped()))] {});
}

}  // namespace gateway
