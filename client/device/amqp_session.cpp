#include "device/amqp_session.hpp"

#include "base/text.hpp"
#include "wire/amqp/device/device_messages.hpp"
#include "wire/amqp/encode.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

using amqp::Attach;
using amqp::LinkId;
using amqp::LinkRole;
using amqp::MessageView;
using amqp::Outcome;
using amqp::TwinOperation;

namespace {

constexpr std::string_view desired_request = "desired";
constexpr std::string_view input_name = "x-opt-input-name";

void put_address(amqp::Terminus& terminus, std::string_view address) {
    terminus.is_present = true;
    terminus.address = address;
}

std::string address_of(const IdentityKey& identity) {
    std::string address = "/devices/" + percent_encode(identity.device.str()) + '/';
    if (identity.is_module()) address += "modules/" + percent_encode(identity.module) + '/';
    return address;
}

/// Of a delivery that the hub did not take.
Error refusal_of(const amqp::DeliveryState& state) {
    const amqp::Condition& condition = state.condition;
    const std::string detail(condition.description.empty() ? condition.name : condition.description);
    if (state.outcome != Outcome::rejected) return {Errc::service_unavailable, detail};
    if (condition.name == "com.microsoft:device-container-throttled")
        return {Errc::throttling_exception, detail};
    if (condition.name == "amqp:link:message-size-exceeded") return {Errc::message_too_large, detail};
    return {Errc::argument_invalid, detail};
}

}  // namespace

AmqpSession::AmqpSession(DeviceSessionHost& host, const IdentityKey& identity, std::uint16_t last_packet_id)
    : host_(host), identity_(identity), address_(address_of(identity)), last_packet_id_(last_packet_id) {}

AmqpSession::~AmqpSession() = default;

// --- the connection --------------------------------------------------------------------------------

void AmqpSession::connect(const DeviceIntroduction& introduction, TimePoint now) {
    CARILLON_ASSERT(stage_ == Stage::idle);
    now_ = now;
    stage_ = Stage::opening;
    opening_until_ = now + AmqpSessionLimits::opening_max;
    host_name_ = introduction.host_name;
    token_ = introduction.token;
    client_type_ = introduction.client_type;
    model_id_ = introduction.model_id;
    settings_.container_id = identity_.path();
    settings_.hostname = host_name_;
    settings_.mechanism = token_.empty() ? amqp::sasl_external : amqp::sasl_anonymous;
    amqp::ConnectionHost& told = *this;
    connection_ = std::make_unique<amqp::Connection>(told, settings_, amqp::Side::client, now);
    // The hub is who TLS says; how long it may take is this session's business.
    connection_->authenticated(now);
    connection_->start();
    settle_connection();
}

void AmqpSession::receive(Bytes input, TimePoint now) {
    if (is_closed() || connection_ == nullptr) return;
    now_ = now;
    connection_->receive(input, now);
    settle_connection();
}

TimePoint AmqpSession::deadline() const {
    if (is_closed() || connection_ == nullptr) return TimePoint::max();
    return std::min(opening_until_, connection_->deadline());
}

void AmqpSession::tick(TimePoint now) {
    if (is_closed() || connection_ == nullptr) return;
    now_ = now;
    if (now >= opening_until_) close(Errc::gateway_timeout, "the hub does not take the device in time");
    if (!is_closed()) connection_->tick(now);
    settle_connection();
}

/// The end of every call: what was asked of the connection leaves, and the session ends with it.
void AmqpSession::settle_connection() {
    connection_->flush();
    if (!connection_->is_closed() || is_closed()) return;
    is_refused_ = is_refused_ || connection_->close_reason() == Errc::iot_hub_unauthorized;
    close(connection_->close_reason(), connection_->close_detail());
}

void AmqpSession::close(Errc reason, std::string_view detail) {
    if (is_closed()) return;
    stage_ = Stage::closed;
    opening_until_ = TimePoint::max();
    close_reason_ = reason;
    close_detail_ = detail;
    connection_->close(reason, "the device leaves", {});
}

void AmqpSession::disconnect() {
    if (connection_ == nullptr) return;
    close(Errc::connection_closed, "the device has said goodbye");
    settle_connection();
}

LinkId AmqpSession::attach(LinkRole role, std::string_view address, std::uint32_t credit) {
    const bool sends = role == LinkRole::sender;
    std::string name = sends ? "to" : "from";
    name += address;
    std::string properties;
    {
        amqp::MapWriter map(properties);
        amqp::append_string(map.symbol_key("com.microsoft:client-version"), client_type_);
        amqp::append_string(map.symbol_key("com.microsoft:api-version"), "2021-04-12");
        // The two links of methods, and those of the twin, belong together. Source: azure-iot-sdk-node:
        // amqp_device_method_client.ts, amqp_twin_client.ts.
        if (address.ends_with("/twin") || address.ends_with("/methods/devicebound")) {
            const std::string kind = address.ends_with("/twin") ? "twin:" : "methods:";
            amqp::append_string(map.symbol_key("com.microsoft:channel-correlation-id"),
                                kind + identity_.path());
        }
        if (!model_id_.empty()) amqp::append_string(map.symbol_key("com.microsoft:model-id"), model_id_);
    }
    Attach asked;
    asked.name = name;
    asked.role = role;
    put_address(sends ? asked.target : asked.source, address);
    put_address(sends ? asked.source : asked.target, name);
    asked.properties = as_bytes(properties);
    return connection_->attach(session_, asked, {.credit = credit}).value_or(0);
}

void AmqpSession::opened(const amqp::Open&) {
    session_ = connection_->begin().value_or(0);
    if (token_.empty()) {
        telemetry_link_ = attach(LinkRole::sender, address_ + "messages/events", 0);
        return;
    }
    token_answers_link_ = attach(LinkRole::receiver, "$cbs", AmqpSessionLimits::answers_credit);
    token_link_ = attach(LinkRole::sender, "$cbs", 0);
}

void AmqpSession::flowed(LinkId link) {
    if (link != token_link_ || std::exchange(is_token_sent_, true)) return;
    std::string audience = host_name_ + "/devices/" + identity_.device.str();
    if (identity_.is_module()) audience += "/modules/" + identity_.module;
    std::string message;
    amqp::append_put_token(message, "token", audience, token_);
    token_.clear();
    if (!send(token_link_, message, 0)) close(Errc::connection_closed, "the hub takes no token");
}

void AmqpSession::token_answered(const MessageView& message) {
    const auto answer = amqp::parse_cbs_answer(message);
    if (!answer) return close(Errc::malformed_packet, answer.error().detail);
    constexpr int ok = 200;
    if (answer->status == ok) {
        if (telemetry_link_ == 0) telemetry_link_ = attach(LinkRole::sender, address_ + "messages/events", 0);
        return;
    }
    is_refused_ = true;
    constexpr int unauthorized = 401;
    constexpr int not_found = 404;
    const bool is_final = answer->status == unauthorized || answer->status == not_found;
    close(is_final ? Errc::iot_hub_unauthorized : Errc::service_unavailable, answer->description);
}

void AmqpSession::link_requested(LinkId link, const Attach&) {
    connection_->refuse_link(
        link, {.name = "amqp:not-allowed", .description = "a device takes no links", .info = {}});
}

void AmqpSession::attached(LinkId link, const Attach& attach) {
    const bool is_taken =
        attach.role == LinkRole::receiver ? attach.target.is_present : attach.source.is_present;
    if (!is_taken) return;  // Its detach follows, and says why.
    attached_.push_back(link);
    if (link == telemetry_link_) {
        if (stage_ != Stage::opening) return;
        stage_ = Stage::running;
        opening_until_ = TimePoint::max();
        return host_.connected(false);
    }
    bool wants_desired = false;
    for (Subscribing& one : subscribing_) {
        std::erase(one.links, link);
        wants_desired = wants_desired || one.awaits_desired;
    }
    if (link == twin_requests_link_ && wants_desired) ask_for_desired();
    tell_subscribed();
}

void AmqpSession::detached(LinkId link, const amqp::Condition& error) {
    if (link == messages_link_ && identity_.is_module()) {
        // A hub whose modules have inputs alone.
        for (Subscribing& one : subscribing_) std::erase(one.links, link);
        return tell_subscribed();
    }
    const std::string_view why = error.description.empty() ? error.name : error.description;
    const bool is_unauthorized = error.name == "amqp:unauthorized-access" || error.name == "amqp:not-found";
    is_refused_ = is_refused_ || stage_ == Stage::opening;
    close(is_unauthorized ? Errc::iot_hub_unauthorized : Errc::connection_closed, why);
}

bool AmqpSession::send(LinkId link, std::string_view message, std::uint64_t cookie) {
    if (link == 0) return false;
    const std::uint64_t tag = ++last_tag_;
    amqp::Outgoing outgoing;
    outgoing.tag = {reinterpret_cast<const std::uint8_t*>(&tag), sizeof tag};
    outgoing.cookie = cookie;
    return connection_->send(link, outgoing, as_bytes(message));
}

// --- what the device asks for ------------------------------------------------------------------------

void AmqpSession::want(LinkId& link, LinkRole role, std::string_view suffix, std::uint32_t credit,
                       Subscribing& subscribing) {
    if (link == 0) link = attach(role, address_ + std::string(suffix), credit);
    if (!is_attached(link)) subscribing.links.push_back(link);
}

bool AmqpSession::is_attached(LinkId link) const {
    return std::find(attached_.begin(), attached_.end(), link) != attached_.end();
}

/// Nothing is sent over a link that the hub has not taken yet.
void AmqpSession::ask_for_desired() {
    std::string message;
    amqp::append_twin_request(message, desired_request, TwinOperation::subscribe_desired, std::nullopt, {});
    if (!send(twin_requests_link_, message, 0))
        close(Errc::connection_closed, "the hub takes no twin request");
}

void AmqpSession::subscribe(DeviceFeatures features) {
    CARILLON_ASSERT(is_running() && !features.is_empty());
    Subscribing asked{.features = features, .links = {}, .awaits_desired = false};
    constexpr std::uint32_t credit = AmqpSessionLimits::answers_credit;
    if (features.has(DeviceFeature::methods)) {
        want(method_answers_link_, LinkRole::sender, "methods/devicebound", 0, asked);
        want(method_calls_link_, LinkRole::receiver, "methods/devicebound", credit, asked);
    }
    if (features.has(DeviceFeature::twin_responses) || features.has(DeviceFeature::desired)) {
        want(twin_answers_link_, LinkRole::receiver, "twin", credit, asked);
        want(twin_requests_link_, LinkRole::sender, "twin", 0, asked);
    }
    asked.awaits_desired = features.has(DeviceFeature::desired);
    if (asked.awaits_desired && is_attached(twin_requests_link_)) ask_for_desired();
    if (features.has(DeviceFeature::c2d) || features.has(DeviceFeature::inputs))
        want(messages_link_, LinkRole::receiver, "messages/devicebound",
             AmqpSessionLimits::messages_in_hand_max, asked);
    if (features.has(DeviceFeature::inputs))
        want(inputs_link_, LinkRole::receiver, "messages/events", AmqpSessionLimits::messages_in_hand_max,
             asked);
    subscribing_.push_back(std::move(asked));
    connection_->flush();
    // Also where nothing is left to wait for.
    tell_subscribed();
}

void AmqpSession::tell_subscribed() {
    for (std::size_t i = 0; i < subscribing_.size();) {
        if (!subscribing_[i].links.empty() || subscribing_[i].awaits_desired) {
            ++i;
            continue;
        }
        const DeviceFeatures features = subscribing_[i].features;
        subscribing_.erase(subscribing_.begin() + static_cast<std::ptrdiff_t>(i));
        host_.subscribed(features);
    }
}

void AmqpSession::answer_method(std::string_view rid, int status, std::string_view payload_json) {
    std::string message;
    amqp::append_method_answer(message, rid, status, payload_json);
    // One that the connection does not take is lost: its caller's time runs out.
    static_cast<void>(send(method_answers_link_, message, 0));
    connection_->flush();
}

std::uint32_t AmqpSession::ask_twin(bool is_patch, std::string_view body) {
    std::string message;
    const std::uint32_t request = ++last_request_;
    amqp::append_twin_request(message, std::to_string(request),
                              is_patch ? TwinOperation::patch_reported : TwinOperation::get, std::nullopt,
                              body);
    static_cast<void>(send(twin_requests_link_, message, 0));
    connection_->flush();
    return request;
}

std::uint32_t AmqpSession::get_twin() {
    return ask_twin(false, {});
}

std::uint32_t AmqpSession::patch_reported(std::string_view patch_json) {
    return ask_twin(true, patch_json);
}

Result<std::uint16_t> AmqpSession::send_telemetry(std::string_view bag, std::string_view payload,
                                                  std::uint16_t resent_id) {
    if (in_flight_.size() >= DeviceSessionLimits::telemetry_in_flight_max) {
        return fail(Errc::throttling_backlog_limit_exceeded, "too many messages are on their way");
    }
    auto properties = mqtt::parse_property_bag(bag);
    if (!properties) return fail(std::move(properties).error());
    amqp::DeviceMessage message;
    message.system = std::move(properties->system);
    message.properties = std::move(properties->properties);
    message.body = payload;
    std::string encoded;
    amqp::append_telemetry(encoded, message);
    std::uint16_t number = resent_id;
    while (number == 0 || std::find(in_flight_.begin(), in_flight_.end(), number) != in_flight_.end())
        number = ++last_packet_id_;
    if (!send(telemetry_link_, encoded, number))
        return fail(Errc::throttling_backlog_limit_exceeded, "the connection takes no more");
    in_flight_.push_back(number);
    connection_->flush();
    return number;
}

void AmqpSession::settle(std::uint16_t packet_id, MessageAnswer answer) {
    const auto found = in_hand_.find(packet_id);
    // What is left stays locked until the connection ends, and counts against what the hub may give.
    if (found == in_hand_.end() || answer == MessageAnswer::leave) return;
    amqp::DeliveryState state;
    state.outcome = Outcome::accepted;
    if (answer == MessageAnswer::abandon) state.outcome = Outcome::released;
    if (answer == MessageAnswer::reject) state.outcome = Outcome::rejected;
    const amqp::Receipt receipt = found->second;
    in_hand_.erase(found);
    connection_->dispose(receipt, state);
    connection_->flush();
}

// --- what the hub says -----------------------------------------------------------------------------

void AmqpSession::delivered(const amqp::Delivery& delivery) {
    const LinkId link = delivery.receipt.link;
    const auto view = amqp::decode_message(delivery.message);
    const bool is_message = link == messages_link_ || link == inputs_link_;
    if (!is_message || !view) {
        amqp::DeliveryState accepted;
        accepted.outcome = Outcome::accepted;
        connection_->dispose(delivery.receipt, accepted);
    }
    if (!view) return;
    if (link == token_answers_link_) return token_answered(*view);
    if (is_message) return take_message(delivery, *view);
    if (link == twin_answers_link_) return take_twin_news(*view);
    if (link != method_calls_link_) return;
    const auto call = amqp::parse_method_call(*view);
    if (!call) return;
    const IncomingMethod method{.name = call->name, .rid = call->correlation, .payload = call->payload};
    host_.method_called(method);
}

void AmqpSession::take_message(const amqp::Delivery& delivery, const MessageView& view) {
    do ++last_message_;
    while (last_message_ == 0 || in_hand_.contains(last_message_));
    in_hand_.emplace(last_message_, delivery.receipt);
    amqp::DeviceMessage read = amqp::read_cloud_message_of(view);
    mqtt::PropertyBag bag;
    bag.system = std::move(read.system);
    bag.properties = std::move(read.properties);
    const bool is_input = delivery.receipt.link == inputs_link_;
    const auto input = find_in_map(view.message_annotations, input_name).as_text();
    const HubMessage message{.input = is_input ? input.value_or(std::string_view()) : std::string_view(),
                             .bag = {},
                             .payload = read.body,
                             .packet_id = last_message_,
                             .properties = &bag};
    host_.message_received(message);
}

void AmqpSession::take_twin_news(const MessageView& view) {
    const auto news = amqp::parse_twin_news(view);
    if (!news) return;
    if (news->is_desired) return host_.desired_changed(news->version.value_or(0), news->body);
    if (news->correlation == desired_request) {
        constexpr int redirection = 300;
        if (news->status >= redirection)
            return close(Errc::connection_closed, "the hub refused a subscription");
        for (Subscribing& one : subscribing_) one.awaits_desired = false;
        return tell_subscribed();
    }
    const auto request = parse_u64(news->correlation);
    if (!request || *request > last_request_) return;
    const TwinAnswer answer{.request = static_cast<std::uint32_t>(*request),
                            .status = news->status,
                            .version = news->version,
                            .body = news->body};
    host_.twin_answered(answer);
}

void AmqpSession::disposed(const amqp::Disposal& disposal) {
    if (!disposal.settled) connection_->settle(disposal, disposal.state);
    if (disposal.link != telemetry_link_) return;
    const auto number = static_cast<std::uint16_t>(disposal.cookie);
    if (std::erase(in_flight_, number) == 0) return;
    if (disposal.state.outcome == Outcome::accepted) return host_.telemetry_stored(number);
    host_.telemetry_refused(number, refusal_of(disposal.state));
}

}  // namespace carillon
