#include "gateway/hub_link.hpp"

#include "base/text.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/sas/sas_token.hpp"

#include <algorithm>
#include <iostream>
#include <utility>
#include <vector>

namespace gateway {

using namespace amqp;

namespace {

void set_place(Terminus& terminus, std::string_view address) {
    terminus.is_present = true;
    terminus.address = address;
}

}  // namespace

Result<std::unique_ptr<HubLink>> HubLink::open(client::ClientIo& io, HubAddress address) {
    auto tls = io.tls({.ca_file = address.ca_file, .certificate_file = {}, .key_file = {}});
    if (!tls) return fail(std::move(tls).error());
    return std::unique_ptr<HubLink>(new HubLink(io, std::move(address), *std::move(tls)));
}

HubLink::HubLink(client::ClientIo& io, HubAddress address, std::shared_ptr<const client::TlsClient> tls)
    : io_(io), address_(std::move(address)), tls_(std::move(tls)) {
    settings_.container_id = "gateway";
    settings_.hostname = address_.login.host_name;
    settings_.mechanism = sasl_anonymous;
}

HubLink::~HubLink() = default;

// --- the connection --------------------------------------------------------------------------------

void HubLink::start() {
    connect();
}

void HubLink::connect() {
    const auto attempt = ++attempt_;
    const std::string name = address_.address.empty() ? address_.login.host_name : address_.address;
    io_.resolver().resolve(name, [this, attempt](const Result<std::vector<client::SocketAddress>>& found) {
        if (attempt != attempt_) return;
        if (!found) return lost(found.error().detail);
        std::vector<client::SocketAddress> addresses = *found;
        for (auto& each : addresses) each.set_port(address_.port);
        stream_ = std::make_unique<client::TlsStream>(io_.loop(), static_cast<client::StreamHandler&>(*this));
        stream_->connect(std::move(addresses), tls_, address_.login.host_name);
    });
}

void HubLink::opened() {
    output_.clear();
    connection_ = std::make_unique<Connection>(static_cast<ConnectionHost&>(*this), settings_, Side::client,
                                               io_.loop().now());
    connection_->start();
    settle();
}

void HubLink::received(Bytes bytes) {
    if (!connection_) return;
    connection_->receive(bytes, io_.loop().now());
    settle();
}

void HubLink::drained() {
    if (connection_) connection_->output_drained();
    settle();
}

void HubLink::closed(const Error& reason) {
    lost(reason.detail.empty() ? "the hub closed the connection" : reason.detail);
}

void HubLink::opened(const Open&) {
    connection_->authenticated(io_.loop().now());
    session_ = connection_->begin().value_or(0);
    const auto attach_token_link = [this](LinkRole role) {
        Attach attach;
        const bool sends = role == LinkRole::sender;
        attach.name = sends ? "cbs-out" : "cbs-in";
        attach.role = role;
        set_place(sends ? attach.target : attach.source, "$cbs");
        set_place(sends ? attach.source : attach.target, "gateway");
        return connection_->attach(session_, attach, {.credit = sends ? 0U : 8U}).value_or(0);
    };
    token_answers_link_ = attach_token_link(LinkRole::receiver);
    token_link_ = attach_token_link(LinkRole::sender);
}

/// For all devices of the hub, as the policy may speak for them. The links that stand on it stay.
void HubLink::put_token() {
    const auto expires = io_.loop().wall_now().plus_s(token_life.count());
    const auto& login = address_.login;
    std::string message;
    append_put_token(message, "token", login.host_name,
                     sas::make_token(login.host_name, login.key, expires, login.key_name));
    if (!send(token_link_, message, 0)) return lost("the hub takes no token");
    io_.loop().at(io_.loop().now() + token_life * 8 / 10, [this, attempt = attempt_] {
        if (attempt != attempt_ || !is_ready_) return;
        put_token();
        settle();
    });
}

void HubLink::token_answered(const MessageView& message) {
    const auto answer = parse_cbs_answer(message);
    if (!answer || answer->status != 200)
        return lost(answer ? answer->description : std::string("no answer to the token"));
    if (is_ready_) return;
    is_ready_ = true;
    backoff_ = backoff_min;
    std::cout << "connected to the hub, devices: " << devices_.size() << std::endl;
    std::vector<Hosted*> hosts;
    for (auto& [host, device] : devices_) hosts.push_back(device.host);
    for (Hosted* host : hosts) {
        auto* device = find(*host);
        if (device == nullptr) continue;
        attach_links(*device);
        if (std::exchange(device->was_lost, false)) host->hub_back();
    }
}

void HubLink::lost(std::string_view reason) {
    std::cerr << "no connection to the hub: " << reason << std::endl;
    drop_connection();
    try_again();
}

void HubLink::drop_connection() {
    ++attempt_;
    is_ready_ = is_token_sent_ = false;
    links_.clear();
    for (auto& [host, device] : devices_) {
        for (auto& [number, kept] : device.telemetry) kept.is_sent = false;
        device.twin_requests = 0;
        device.unsent_requests.clear();
        device.follows_desired = false;
        device.was_lost = true;
        device.telemetry_link = device.twin_requests_link = device.twin_answers_link = 0;
        device.method_calls_link = device.method_answers_link = device.messages_link = 0;
        device.host->hub_lost();
    }
    // Neither may be destroyed in a call of its own.
    auto dead = std::make_shared<std::pair<std::unique_ptr<Connection>, std::unique_ptr<client::TlsStream>>>(
        std::move(connection_), std::move(stream_));
    if (dead->second) dead->second->close();
    io_.loop().defer([held = std::move(dead)] {});
    output_.clear();
}

void HubLink::try_again() {
    const auto half = static_cast<std::uint64_t>(backoff_.count()) / 2;
    const auto wait = std::chrono::milliseconds(half + io_.random().u64() % (half + 1));
    backoff_ = std::min(backoff_ * 2, backoff_max);
    io_.loop().at(io_.loop().now() + wait, [this, attempt = attempt_] {
        if (attempt == attempt_) connect();
    });
}

/// Sends at the end of the turn what was asked of the connection in it.
void HubLink::settle() {
    if (std::exchange(is_settling_, true)) return;
    io_.loop().defer([this] {
        is_settling_ = false;
        if (!connection_) return;
        connection_->flush();
        if (!output_.empty() && stream_) stream_->send(output_);
        output_.clear();
        if (connection_->is_closed()) return lost(connection_->close_detail());
        arm();
    });
}

void HubLink::arm() {
    if (timer_) io_.loop().cancel(*timer_);
    timer_ = io_.loop().at(connection_->deadline(), [this] {
        timer_.reset();
        if (!connection_) return;
        connection_->tick(io_.loop().now());
        settle();
    });
}

bool HubLink::send(LinkId link, std::string_view message, std::uint64_t cookie) {
    if (!connection_ || link == 0) return false;
    const std::uint64_t tag = ++last_tag_;
    Outgoing outgoing;
    outgoing.tag = {reinterpret_cast<const std::uint8_t*>(&tag), sizeof tag};
    outgoing.cookie = cookie;
    if (!connection_->send(link, outgoing, as_bytes(message))) return false;
    settle();
    return true;
}

// --- devices ---------------------------------------------------------------------------------------

HubLink::Device* HubLink::find(const Hosted& device) {
    const auto found = devices_.find(&device);
    return found == devices_.end() ? nullptr : &found->second;
}

HubLink::Device* HubLink::find_by_link(LinkId link) {
    const auto found = links_.find(link);
    return found == links_.end() || found->second.host == nullptr ? nullptr : find(*found->second.host);
}

void HubLink::add(Hosted& host) {
    auto& device = devices_[&host];
    device.host = &host;
    if (is_ready_) attach_links(device);
}

void HubLink::remove(Hosted& host) {
    auto* device = find(host);
    if (device == nullptr) return;
    detach_links(*device);
    for (const auto& [number, kept] : device->telemetry) kept_bytes_ -= kept.message.size();
    devices_.erase(&host);
}

void HubLink::set_interests(Hosted& host, Interests interests) {
    auto* device = find(host);
    if (device == nullptr) return;
    device->interests = interests;
    if (is_ready_) attach_links(*device);
}

/// Those that the device's interests ask for and that are not there; the others stay until it goes.
void HubLink::attach_links(Device& device) {
    const auto want = [&](LinkId Device::*link, LinkRole role, std::string_view suffix,
                          std::uint32_t credit) {
        if (device.*link != 0) return false;
        device.*link = attach(device, link, role, suffix, credit);
        return device.*link != 0;
    };
    want(&Device::telemetry_link, LinkRole::sender, "messages/events", 0);
    want(&Device::twin_answers_link, LinkRole::receiver, "twin", method_credit);
    want(&Device::twin_requests_link, LinkRole::sender, "twin", 0);
    if (device.interests.desired && !device.follows_desired) {
        device.follows_desired =
            ask_twin(*device.host, "desired", TwinOperation::subscribe_desired, std::nullopt, {});
    }
    if (device.interests.methods) {
        want(&Device::method_answers_link, LinkRole::sender, "methods/devicebound", 0);
        want(&Device::method_calls_link, LinkRole::receiver, "methods/devicebound", method_credit);
    }
    if (device.interests.messages)
        want(&Device::messages_link, LinkRole::receiver, "messages/devicebound", 0);
    pump(device);
    settle();
}

LinkId HubLink::attach(Device& device, LinkId Device::*link, LinkRole role, std::string_view suffix,
                       std::uint32_t credit) {
    const IdentityKey& key = device.host->key();
    std::string address = "/devices/" + percent_encode(key.device.str());
    if (key.is_module()) address += "/modules/" + percent_encode(key.module);
    address += '/';
    address += suffix;
    const bool sends = role == LinkRole::sender;
    const std::string name = (sends ? "to" : "from") + address;
    // The two links of methods, and those of the twin, belong together. Source: azure-iot-sdk-node:
    // amqp_device_method_client.ts, amqp_twin_client.ts.
    std::string properties;
    if (suffix == "twin" || suffix.starts_with("methods")) {
        MapWriter map(properties);
        append_string(map.symbol_key("com.microsoft:channel-correlation-id"),
                      (suffix == "twin" ? "twin:" : "methods:") + key.path());
        append_string(map.symbol_key("com.microsoft:api-version"), "2021-04-12");
    }
    Attach attach;
    attach.name = name;
    attach.role = role;
    set_place(sends ? attach.target : attach.source, address);
    set_place(sends ? attach.source : attach.target, name);
    attach.properties = as_bytes(properties);
    const auto made = connection_->attach(session_, attach, {.credit = credit});
    if (made) links_[*made] = {device.host, link};
    return made.value_or(0);
}

void HubLink::detach_links(Device& device) {
    for (auto link : {&Device::telemetry_link, &Device::twin_requests_link, &Device::twin_answers_link,
                      &Device::method_calls_link, &Device::method_answers_link, &Device::messages_link}) {
        const LinkId id = std::exchange(device.*link, 0);
        if (id == 0) continue;
        links_.erase(id);
        if (connection_) connection_->detach(id, {});
    }
    settle();
}

void HubLink::drop(Device& device, std::string_view reason) {
    Hosted& host = *device.host;
    remove(host);
    host.refused(reason);
}

bool HubLink::send_telemetry(Hosted& host, std::uint64_t number, const DeviceMessage& message) {
    auto* device = find(host);
    std::string encoded;
    append_telemetry(encoded, message);
    if (device == nullptr || kept_bytes_ + encoded.size() > kept_bytes_max) return false;
    kept_bytes_ += encoded.size();
    device->telemetry.emplace(number, Kept{std::move(encoded), false});
    pump(*device);
    return true;
}

/// Sends what waits, in order, as far as the connection takes it.
void HubLink::pump(Device& device) {
    auto& requests = device.unsent_requests;
    while (!requests.empty() && send(device.twin_requests_link, requests.front(), 0)) requests.pop_front();
    for (auto& [number, kept] : device.telemetry) {
        if (kept.is_sent) continue;
        if (!send(device.telemetry_link, kept.message, number)) return;
        kept.is_sent = true;
    }
}

bool HubLink::ask_twin(Hosted& host, std::string_view request, TwinOperation operation,
                       std::optional<std::int64_t> version, std::string_view body) {
    auto* device = find(host);
    if (!is_ready_ || device == nullptr || device->twin_requests >= twin_requests_max) return false;
    append_twin_request(device->unsent_requests.emplace_back(), request, operation, version, body);
    ++device->twin_requests;
    pump(*device);
    return true;
}

void HubLink::answer_method(Hosted& host, std::string_view correlation, int status,
                            std::string_view payload) {
    auto* device = find(host);
    if (device == nullptr) return;
    std::string message;
    append_method_answer(message, correlation, status, payload);
    // An answer that the connection does not take is lost: the caller gets its timeout.
    if (!send(device->method_answers_link, message, 0))
        std::cerr << "an answer of " << host.key().path() << " did not get out" << std::endl;
}

void HubLink::set_room(Hosted& host, std::uint32_t room) {
    auto* device = find(host);
    if (device == nullptr || device->room == room) return;
    device->room = room;
    if (!connection_ || device->messages_link == 0) return;
    connection_->grant(device->messages_link, room, false);
    settle();
}

void HubLink::settle_message(const Receipt& receipt, Outcome outcome) {
    if (!connection_) return;
    DeliveryState state;
    state.outcome = outcome;
    connection_->dispose(receipt, state);
    settle();
}

// --- what the hub says -----------------------------------------------------------------------------

void HubLink::link_requested(LinkId link, const Attach&) {
    connection_->refuse_link(
        link, {.name = "amqp:not-allowed", .description = "a gateway takes no links", .info = {}});
}

void HubLink::attached(LinkId link, const Attach&) {
    const auto* device = find_by_link(link);
    if (device != nullptr && link == device->messages_link) connection_->grant(link, device->room, false);
}

void HubLink::delivered(const Delivery& delivery) {
    const LinkId link = delivery.receipt.link;
    DeliveryState accepted;
    accepted.outcome = Outcome::accepted;
    const auto view = decode_message(delivery.message);
    auto* device = find_by_link(link);
    const bool is_message = device != nullptr && link == device->messages_link;
    if (!is_message || !view) connection_->dispose(delivery.receipt, accepted);
    if (!view) return;
    if (link == token_answers_link_) return token_answered(*view);
    if (device == nullptr) return;
    if (is_message) {
        if (device->room > 0) --device->room;
        return device->host->message_came(delivery.receipt, read_cloud_message_of(*view));
    }
    if (link == device->twin_answers_link) {
        const auto news = parse_twin_news(*view);
        if (!news) return;
        if (news->is_desired) return device->host->desired_changed(news->version.value_or(0), news->body);
        if (device->twin_requests > 0) --device->twin_requests;
        if (news->correlation == "desired") return;
        return device->host->twin_answered(news->correlation, *news);
    }
    auto call = parse_method_call(*view);
    if (call) device->host->method_called(std::move(call->correlation), call->name, call->payload);
}

void HubLink::disposed(const Disposal& disposal) {
    if (!disposal.settled) connection_->settle(disposal, disposal.state);
    auto* device = find_by_link(disposal.link);
    if (device == nullptr || disposal.link != device->telemetry_link) return;
    const auto found = device->telemetry.find(disposal.cookie);
    if (found == device->telemetry.end()) return;
    const bool is_stored = disposal.state.outcome == Outcome::accepted;
    if (!is_stored && disposal.state.outcome != Outcome::rejected) {
        found->second.is_sent = false;  // Released: once more.
        return pump(*device);
    }
    kept_bytes_ -= found->second.message.size();
    device->telemetry.erase(found);
    device->host->telemetry_settled(disposal.cookie, is_stored);
}

void HubLink::flowed(LinkId link) {
    if (link == token_link_ && !std::exchange(is_token_sent_, true)) return put_token();
    if (auto* device = find_by_link(link); device != nullptr) pump(*device);
}

void HubLink::detached(LinkId link, const Condition& error) {
    if (link == token_link_ || link == token_answers_link_) {
        // Not from within the connection's own call.
        connection_->close(Errc::connection_closed, "the hub takes no token", {});
        return;
    }
    auto* device = find_by_link(link);
    if (device == nullptr) return;
    const std::string reason(error.description.empty() ? error.name : error.description);
    drop(*device, reason);
}

}  // namespace gateway
