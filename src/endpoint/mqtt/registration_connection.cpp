#include "endpoint/mqtt/registration_connection.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/login_brake.hpp"
#include "endpoint/device/registrant.hpp"
#include "endpoint/device/twin_errors.hpp"
#include "net/io_thread.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/registration_topics.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace carillon::mqtt {

namespace {

constexpr std::uint8_t refused_filter = 0x80;
/// A keep-alive is over after one and a half of it. [MQTT-3.1.2-24]
constexpr int keep_alive_percent = 150;

}  // namespace

void RegistrationConnection::serve(Hub& hub, std::unique_ptr<Channel> channel, Bytes begun) {
    const std::shared_ptr<RegistrationConnection> made(new RegistrationConnection(hub, std::move(channel)));
    made->self_ = made;
    made->channel_->set_handler(*made);
    made->received(begun);
}

RegistrationConnection::RegistrationConnection(Hub& hub, std::unique_ptr<Channel> channel)
    : hub_(hub),
      channel_(std::move(channel)),
      framer_(PacketLimits::unauthenticated_bytes_max),
      ids_(hub.shards()[0].random().u64()) {}

void RegistrationConnection::received(Bytes bytes) {
    heard_ = channel_->thread().clock().now();
    while (stage_ == Stage::awaiting_connect || stage_ == Stage::running) {
        const auto packet = framer_.next(bytes);
        if (!packet) return close(packet.error().code, "malformed packet");
        if (!*packet) return;
        take(**packet);
    }
    if (stage_ == Stage::busy) held_ += as_text(bytes);
}

void RegistrationConnection::closed(Errc) {
    stage_ = Stage::closing;
    if (timer_) channel_->thread().timers().cancel(timer_);
    const auto last = std::move(self_);  // Work under way may hold it longer.
}

void RegistrationConnection::close(Errc reason, const char* why) {
    if (stage_ == Stage::closing) return;
    stage_ = Stage::closing;
    log.debug("registration connection ended id={} peer={} why=\"{}\"", registration_id_,
              channel_->peer_address(), why);
    channel_->close(reason);
}

void RegistrationConnection::say(std::string_view bytes) {
    if (stage_ == Stage::closing) return;
    if (!channel_->send(as_bytes(bytes))) close(Errc::throttling_exception, "more output than may wait");
}

void RegistrationConnection::run(Task<> work) {
    stage_ = Stage::busy;
    channel_->pause_reading();
    boost::asio::co_spawn(channel_->thread().executor(), std::move(work), boost::asio::detached);
}

/// The request is answered; what came behind it is next.
void RegistrationConnection::go_on() {
    if (stage_ != Stage::busy) return;
    stage_ = Stage::running;
    const std::string held = std::move(held_);
    held_.clear();
    if (!held.empty()) received(as_bytes(held));
    if (stage_ == Stage::running) channel_->resume_reading();
}

/// One lazy timer: the deadline moves with every byte, but the timer does not.
void RegistrationConnection::arm() {
    IoThread& thread = channel_->thread();
    timer_ = thread.timers().at(heard_ + silence_, [this] {
        timer_ = {};
        if (channel_->thread().clock().now() >= heard_ + silence_)
            return close(Errc::connection_closed, "silent for too long");
        arm();
    });
}

void RegistrationConnection::take(const Packet& packet) {
    if (stage_ == Stage::awaiting_connect) return take_connect(packet);
    switch (static_cast<PacketType>(packet.type_bits())) {
        case PacketType::subscribe:
            return take_subscribe(packet);
        case PacketType::unsubscribe:
            return take_unsubscribe(packet);
        case PacketType::publish:
            return take_publish(packet);
        case PacketType::puback:  // A device that loses an answer asks again.
            if (!decode_puback(packet)) close(Errc::malformed_packet, "malformed PUBACK");
            return;
        case PacketType::pingreq:
            return take_pingreq(packet);
        case PacketType::disconnect:
            return close(Errc::connection_closed, "disconnected");
        default:
            return close(Errc::malformed_packet, "a packet that no device sends");
    }
}

void RegistrationConnection::take_pingreq(const Packet& packet) {
    if (!decode_empty(packet)) return close(Errc::malformed_packet, "malformed PINGREQ");
    std::string out;
    append_pingresp(out);
    say(out);
}

// --- CONNECT ---------------------------------------------------------------------------------------

void RegistrationConnection::refuse_connect() {
    std::string out;
    append_connack(out, ConnectCode::not_authorized, false);
    say(out);
    close(Errc::iot_hub_unauthorized, "refused");
}

void RegistrationConnection::take_connect(const Packet& packet) {
    const auto connect = decode_connect(packet);
    if (!connect) return close(connect.error().code, "malformed CONNECT");
    if (connect->protocol_name != "MQTT" || connect->protocol_level != 4) {
        std::string out;
        append_connack(out, ConnectCode::unacceptable_protocol_version, false);
        say(out);
        return close(Errc::malformed_packet, "another MQTT");
    }
    const auto name = parse_registration_user_name(connect->user_name.value_or(""));
    if (!name || !equals_ignoring_case(name->registration_id, connect->client_id)) return refuse_connect();
    scope_ = name->scope;
    registration_id_ = name->registration_id;
    if (connect->keep_alive_s != 0) {
        silence_ = std::chrono::seconds(connect->keep_alive_s) * keep_alive_percent / 100;
    }
    std::optional<std::string> token;
    if (connect->password && !connect->password->empty()) token = as_text(*connect->password);
    run(authenticate(std::move(token), std::string(name->api_version)));
}

Task<> RegistrationConnection::authenticate(std::optional<std::string> token, std::string api_version) {
    const auto keep = shared_from_this();
    device::RegistrantCredentials credentials;
    credentials.scope = scope_;
    credentials.registration_id = registration_id_;
    credentials.token = std::move(token);
    credentials.api_version = std::move(api_version);
    device::take_certificate(credentials, *channel_);
    const WallTime now = channel_->thread().clock().wall_now();
    auto finding = device::identify_registrant(hub_, std::move(credentials), now);
    auto found = co_await std::move(finding);
    if (stage_ == Stage::closing) co_return;
    if (found) {
        request_ = *std::move(found);
        channel_->authenticated();
        framer_.set_limit(packet_bytes_max);
        std::string out;
        append_connack(out, ConnectCode::accepted, false);
        say(out);
        heard_ = channel_->thread().clock().now();
        arm();
        co_return go_on();
    }
    const LoginBrake::Failure failure{.protocol = "mqtt",
                                      .identity = registration_id_,
                                      .peer = channel_->peer_address(),
                                      .why = found.error().detail};
    const TimePoint tried = channel_->thread().clock().now();
    const Duration wait = hub_.logins().failed(failure, tried);
    if (wait == Duration::zero()) co_return refuse_connect();
    timer_ = channel_->thread().timers().at(tried + wait, [this] {
        timer_ = {};
        refuse_connect();
    });
}

// --- subscriptions ---------------------------------------------------------------------------------

void RegistrationConnection::take_subscribe(const Packet& packet) {
    FilterList list;
    if (auto decoded = decode_subscribe(packet, list); !decoded)
        return close(decoded.error().code, "malformed SUBSCRIBE");
    std::array<std::uint8_t, PacketLimits::filters_max> codes{};
    for (std::size_t i = 0; i < list.count; ++i) {
        if (list.entries[i].filter != registration_answers) {
            codes[i] = refused_filter;
            continue;
        }
        granted_qos_ = std::min<std::uint8_t>(list.entries[i].qos, 1);
        is_subscribed_ = true;
        codes[i] = granted_qos_;
    }
    std::string out;
    append_suback(out, list.packet_id, {codes.data(), list.count});
    say(out);
}

void RegistrationConnection::take_unsubscribe(const Packet& packet) {
    FilterList list;
    if (auto decoded = decode_unsubscribe(packet, list); !decoded)
        return close(decoded.error().code, "malformed UNSUBSCRIBE");
    for (const FilterList::Entry& entry : list.filters()) {
        if (entry.filter == registration_answers) is_subscribed_ = false;
    }
    std::string out;
    append_unsuback(out, list.packet_id);
    say(out);
}

// --- requests --------------------------------------------------------------------------------------

void RegistrationConnection::take_publish(const Packet& packet) {
    const auto publish = decode_publish(packet);
    if (!publish || publish->qos > 1) return close(Errc::malformed_packet, "malformed PUBLISH");
    if (publish->qos == 1) {
        // Before the answer: the C# device reads nothing else until it has come.
        std::string out;
        append_puback(out, publish->packet_id);
        say(out);
    }
    begin_request(publish->topic, publish->payload);
}

void RegistrationConnection::begin_request(std::string_view topic, Bytes payload) {
    const auto request = parse_registration_topic(topic);
    if (!request) return close(Errc::iot_hub_unauthorized, "a topic that no registration has");
    std::string rid(request->rid);
    if (request->kind == RegistrationTopic::Kind::begin)
        return run(register_device(std::move(rid), std::string(as_text(payload))));
    run(poll(std::move(rid), std::string(request->operation_id)));
}

Task<> RegistrationConnection::register_device(std::string rid, std::string body) {
    const auto keep = shared_from_this();
    auto request = device::read_registration(*request_, body);
    if (!request) {
        answer_failure(rid, request.error());
        co_return go_on();
    }
    auto registering = hub_.provisioning().register_device(*std::move(request));
    const auto registered = co_await std::move(registering);
    if (stage_ == Stage::closing) co_return;
    if (registered) {
        answer(202, rid, device::registration_poll_s, device::operation_begun_json(*registered));
    } else {
        answer_failure(rid, registered.error());
    }
    go_on();
}

Task<> RegistrationConnection::poll(std::string rid, std::string operation_id) {
    const auto keep = shared_from_this();
    auto finding = hub_.provisioning().operation(registration_id_, std::move(operation_id));
    const auto found = co_await std::move(finding);
    if (stage_ == Stage::closing) co_return;
    if (found) {
        answer(200, rid, 0, device::operation_ended_json(*found));
    } else {
        answer_failure(rid, found.error());
    }
    go_on();
}

void RegistrationConnection::answer_failure(std::string_view rid, const Error& error) {
    const WallTime now = channel_->thread().clock().wall_now();
    const auto told = device::twin_failure(error, now, ids_);
    const bool is_passing = told.status >= 429;
    answer(told.status, rid, is_passing ? device::registration_retry_s : 0, told.body);
}

/// `$rid` first, then `retry-after`: SDKs cut the topic at these places.
/// Source: azure-iot-sdk-python: mqtt_topic_provisioning.py; azure-iot-sdk-java: ContractAPIMqtt.java.
void RegistrationConnection::answer(int status, std::string_view rid, int retry_after_s,
                                    std::string_view body) {
    if (!is_subscribed_) return;
    std::string topic = fmt::format("$dps/registrations/res/{}/?$rid={}", status, rid);
    if (retry_after_s != 0) topic += fmt::format("&retry-after={}", retry_after_s);
    Publish publish;
    publish.qos = granted_qos_;
    publish.topic = topic;
    if (++last_packet_id_ == 0) last_packet_id_ = 1;
    publish.packet_id = last_packet_id_;
    publish.payload = as_bytes(body);
    std::string out;
    append_publish(out, publish);
    say(out);
}

}  // namespace carillon::mqtt
