#include "fleet/simulated_device.hpp"

#include "base/json.hpp"
#include "device/amqp_session.hpp"
#include "device/device_session.hpp"
#include "device/message_bag.hpp"
#include "fleet/fleet.hpp"
#include "fleet/script.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::fleet {
namespace {

constexpr int too_many_status = 429;

/// What a device has asked to be told of, as SDKs do for a program that has methods and a twin.
constexpr DeviceFeatures features{DeviceFeature::methods, DeviceFeature::twin_responses,
                                  DeviceFeature::desired};

/// Telemetry is JSON in UTF-8, so that what reads it may look inside.
constexpr std::string_view json_bag = "%24.ct=application%2Fjson&%24.ce=utf-8";

constexpr std::string_view websocket_target = "/$iothub/websocket?iothub-no-client-cert=true";

/// Empty where there is to be no WebSocket.
std::string_view websocket_protocol(DeviceTransport transport) {
    if (transport == DeviceTransport::mqtt_websocket) return "mqtt";
    return transport == DeviceTransport::amqp_websocket ? "AMQPWSB10" : std::string_view();
}

std::uint64_t& gauge(Statistics& statistics, std::uint8_t state) {
    constexpr std::array<std::uint64_t Statistics::*, 4> gauges{
        &Statistics::away, &Statistics::waiting, &Statistics::connecting, &Statistics::connected};
    return statistics.*gauges.at(state);
}

}  // namespace

SimulatedDevice::SimulatedDevice(Fleet& fleet, std::uint64_t number, IdentityKey identity)
    : fleet_(fleet), number_(number), identity_(std::move(identity)) {
    ++fleet_.statistics_.away;
}

void SimulatedDevice::enter(State state) {
    Statistics& statistics = fleet_.statistics_;
    if (state_ != State::gone) --gauge(statistics, static_cast<std::uint8_t>(state_));
    if (state != State::gone) ++gauge(statistics, static_cast<std::uint8_t>(state));
    state_ = state;
}

void SimulatedDevice::after(Timers::Id& timer, Duration delay, void (SimulatedDevice::*then)()) {
    Timers& timers = fleet_.thread_.timers();
    timers.cancel(timer);
    timer = timers.at(fleet_.now() + delay, [this, then, &timer] {
        timer = {};
        (this->*then)();
    });
}

// --- coming and going --------------------------------------------------------------------------------

void SimulatedDevice::start() {
    const Duration delay = fleet_.behaviour_.begins_after(number_);
    if (delay == Duration::zero()) return begin();
    enter(State::waiting);
    after(life_, delay, &SimulatedDevice::begin);
}

void SimulatedDevice::begin() {
    if (fleet_.behaviour_.begins_away(number_)) return go_away();
    wait_for_place();
}

void SimulatedDevice::go_away() {
    enter(State::away);
    if (const auto absence = fleet_.behaviour_.absence(number_, absences_++)) {
        after(life_, *absence, &SimulatedDevice::come_back);
    }
}

void SimulatedDevice::come_back() {
    wait_for_place();
}

void SimulatedDevice::wait_for_place() {
    enter(State::waiting);
    fleet_.wait_for_place(*this);
}

void SimulatedDevice::back_off() {
    enter(State::waiting);
    ++failures_;
    after(life_, fleet_.behaviour_.backoff(number_, backoffs_++, failures_),
          &SimulatedDevice::wait_for_place);
}

void SimulatedDevice::presence_over() {
    say_goodbye();
}

void SimulatedDevice::say_goodbye() {
    leaves_as_planned_ = true;
    session_->disconnect();
    serve_session();
}

bool SimulatedDevice::leave() {
    Timers& timers = fleet_.thread_.timers();
    timers.cancel(life_);
    if (!channel_) {
        enter(State::gone);
        return false;
    }
    if (session_->is_running()) {
        say_goodbye();
    } else {
        channel_->abort(Errc::connection_closed);
    }
    return true;
}

void SimulatedDevice::cut() {
    if (channel_) channel_->abort(Errc::connection_closed);
}

// --- a connection ------------------------------------------------------------------------------------

void SimulatedDevice::open() {
    enter(State::connecting);
    ++connection_;
    answers_pending_ = 0;
    follows_pending_ = 0;
    leaves_as_planned_ = false;
    began_ = fleet_.now();
    auto channel = fleet_.connector_.connect(fleet_.thread_, *this, fleet_.source_of(number_));
    if (!channel) return connection_over(channel.error().code);
    channel_ = *std::move(channel);
    DeviceSessionHost& told = *this;
    if (is_amqp(fleet_.options_.transport)) {
        session_ = std::make_unique<AmqpSession>(told, identity_);
    } else {
        session_ = std::make_unique<DeviceSession>(told, identity_);
    }
}

void SimulatedDevice::handshaken() {
    fleet_.statistics_.handshakes.add(fleet_.now() - began_);
    const std::string_view subprotocol = websocket_protocol(fleet_.options_.transport);
    if (subprotocol.empty()) return introduce();
    websocket_ = std::make_unique<websocket::ClientStream>(fleet_.random_);
    const std::string asked =
        websocket_->request(fleet_.credentials_.host_name(), websocket_target, subprotocol);
    if (!channel_->send(as_bytes(asked))) channel_->abort(Errc::connection_closed);
}

/// Once bytes of the protocol can be sent.
void SimulatedDevice::introduce() {
    const std::string token =
        fleet_.credentials_.token(identity_.device.str(), fleet_.thread_.clock().wall_now());
    DeviceIntroduction introduction;
    introduction.host_name = fleet_.credentials_.host_name();
    introduction.token = token;
    introduction.client_type = "carillon-simulate/" CARILLON_VERSION;
    introduction.keep_alive_s = fleet_.options_.keep_alive_s;
    introduction.clean_session = fleet_.options_.clean_session;
    session_->connect(introduction, fleet_.now());
    serve_session();
    settle_session();
}

void SimulatedDevice::received(Bytes bytes) {
    if (!websocket_) {
        session_->receive(bytes, fleet_.now());
        return serve_session();
    }
    const bool was_open = websocket_->is_open();
    std::string reply;
    const auto taken =
        websocket_->receive(bytes, reply, [this](Bytes within) { session_->receive(within, fleet_.now()); });
    const bool is_sent = reply.empty() || channel_->send(as_bytes(reply));
    if (!taken || !is_sent) return channel_->abort(taken ? Errc::connection_closed : taken.error().code);
    if (!was_open && websocket_->is_open()) return introduce();
    serve_session();
}

bool SimulatedDevice::send(std::string_view bytes) {
    if (!websocket_) return channel_->send(as_bytes(bytes));
    std::string frame;
    websocket_->append(frame, as_bytes(bytes));
    return channel_->send(as_bytes(frame));
}

/// Sends what the session has said, and ends the connection with it.
void SimulatedDevice::serve_session() {
    std::string& said = fleet_.output_;
    const bool is_sent = said.empty() || send(said);
    said.clear();
    if (!is_sent) return channel_->abort(Errc::connection_closed);
    if (session_->is_closed()) channel_->close(session_->close_reason());
}

/// Looks after the session's deadline, which only moves on.
void SimulatedDevice::settle_session() {
    session_->tick(fleet_.now());
    serve_session();
    if (session_->deadline() == TimePoint::max()) return;
    after(session_timer_, session_->deadline() - fleet_.now(), &SimulatedDevice::settle_session);
}

void SimulatedDevice::closed(Errc reason) {
    channel_.reset();
    connection_over(reason);
    session_.reset();
    websocket_.reset();
}

void SimulatedDevice::connection_over(Errc reason) {
    Timers& timers = fleet_.thread_.timers();
    for (Timers::Id* timer : {&life_, &session_timer_, &reported_timer_, &telemetry_timer_}) {
        timers.cancel(*timer);
    }
    if (state_ == State::connecting) fleet_.place_is_free();
    if (fleet_.is_leaving_) {
        enter(State::gone);
        return fleet_.has_left();
    }
    if (leaves_as_planned_) return go_away();
    Statistics& statistics = fleet_.statistics_;
    if (state_ == State::connected) {
        ++statistics.lost;
        if (fleet_.script_ != nullptr) fleet_.script_->lost(reason);
    } else if (session_ && session_->is_refused()) {
        ++statistics.refused;
        fleet_.last_failure_ = session_->close_reason();
    } else {
        ++statistics.unreachable;
        fleet_.last_failure_ = reason;
    }
    back_off();
}

std::string& SimulatedDevice::output() {
    return fleet_.output_;
}

void SimulatedDevice::connected(bool) {
    channel_->authenticated();
    // Again even where the hub remembers: as the C SDK does, and it costs little.
    DeviceFeatures wanted = features;
    if (fleet_.script_ != nullptr || fleet_.options_.message_answer) wanted.add(DeviceFeature::c2d);
    session_->subscribe(wanted);
}

void SimulatedDevice::subscribed(DeviceFeatures) {
    if (state_ != State::connecting) return;
    Statistics& statistics = fleet_.statistics_;
    statistics.readiness.add(fleet_.now() - began_);
    ++statistics.connects;
    if (std::exchange(has_been_connected_, true)) ++statistics.reconnects;
    failures_ = 0;
    enter(State::connected);
    const Behaviour& behaviour = fleet_.behaviour_;
    if (const auto presence = behaviour.presence(number_, presences_++)) {
        after(life_, *presence, &SimulatedDevice::presence_over);
    }
    if (behaviour.options().reported_every) {
        after(reported_timer_, behaviour.until_reported(number_, reports_), &SimulatedDevice::report);
    }
    if (behaviour.options().telemetry_every) {
        after(telemetry_timer_, behaviour.until_telemetry(number_, messages_),
              &SimulatedDevice::send_telemetry);
    }
    fleet_.place_is_free();
    if (fleet_.script_ != nullptr) return begin_script();
    report_firmware();
    // What was written meanwhile. Called within `receive`, whose caller sends it.
    if (behaviour.options().follow) twin_request_ = session_->get_twin();
}

// --- methods -----------------------------------------------------------------------------------------

void SimulatedDevice::method_called(const IncomingMethod& call) {
    Statistics& statistics = fleet_.statistics_;
    ++statistics.methods;
    const std::uint64_t nth = methods_++;
    ScriptedAnswer decided;
    if (fleet_.script_ != nullptr) {
        decided = fleet_.script_->method_called(call.name, call.payload);
    } else {
        const MethodDecision decision = fleet_.behaviour_.on_method(number_, nth);
        decided.status = decision.status;
        decided.latency = decision.latency;
        decided.payload_json = "{\"call\":" + std::to_string(methods_) + "}";
    }
    if (!decided.status) {
        ++statistics.methods_silent;
        return;
    }
    if (decided.latency == Duration::zero()) return answer(call.rid, *decided.status, decided.payload_json);
    if (answers_pending_ >= answers_pending_max) return answer(call.rid, too_many_status, "{}");
    ++answers_pending_;
    fleet_.thread_.timers().at(
        fleet_.now() + decided.latency,
        [this, connection = connection_, rid = std::string(call.rid), answered = decided] {
            const bool is_there = connection == connection_ && session_ && session_->is_running();
            if (connection == connection_) --answers_pending_;
            if (!is_there) {
                ++fleet_.statistics_.methods_cut_off;
                return;
            }
            answer(rid, *answered.status, answered.payload_json);
            serve_session();
        });
}

/// The caller sends it, by `serve_session`.
void SimulatedDevice::answer(std::string_view rid, int status, std::string_view payload) {
    Statistics& statistics = fleet_.statistics_;
    switch (status) {
        case method_ok_status:
            ++statistics.methods_ok;
            break;
        case too_many_status:
            ++statistics.methods_overload;
            break;
        default:
            ++statistics.methods_failed;
    }
    session_->answer_method(rid, status, payload);
}

// --- twin and telemetry ------------------------------------------------------------------------------

void SimulatedDevice::report() {
    if (!session_->is_running()) return;  // The connection is about to be over.
    std::string patch;
    JsonWriter json(patch);
    json.begin_object().key("simulated").begin_object();
    json.member("reports", reports_ + 1).member("temperature", fleet_.behaviour_.reading(number_, reports_));
    json.end_object().end_object();
    ++reports_;
    ++fleet_.statistics_.reported_sent;
    session_->patch_reported(patch);
    after(reported_timer_, fleet_.behaviour_.until_reported(number_, reports_), &SimulatedDevice::report);
    serve_session();
}

void SimulatedDevice::twin_answered(const TwinAnswer& answer) {
    constexpr int stored = 204;
    if (fleet_.script_ != nullptr) return report_to_script(answer);
    if (twin_request_ != 0 && answer.request == twin_request_) {
        twin_request_ = 0;
        return follow_whole(answer.body);
    }
    Statistics& statistics = fleet_.statistics_;
    ++(answer.status == stored ? statistics.reported_stored : statistics.reported_refused);
}

void SimulatedDevice::desired_changed(std::int64_t version, std::string_view patch_json) {
    ++fleet_.statistics_.desired;
    if (fleet_.script_ != nullptr) {
        return report_scripted(fleet_.script_->desired_changed(version, patch_json, false));
    }
    if (!fleet_.behaviour_.options().follow) return;
    if (const auto patch = JsonDocument::parse(patch_json)) follow(patch->root(), version);
}

/// Once: a device tells what it runs when it has started.
void SimulatedDevice::report_firmware() {
    const std::string& version = fleet_.behaviour_.firmware(number_);
    if (version.empty() || std::exchange(has_told_firmware_, true)) return;
    std::string patch;
    JsonWriter json(patch);
    json.begin_object().key("firmware").begin_object().member("version", version).end_object().end_object();
    ++fleet_.statistics_.reported_sent;
    session_->patch_reported(patch);
}

void SimulatedDevice::follow_whole(std::string_view twin) {
    const auto document = JsonDocument::parse(twin);
    const JsonValue desired = document ? document->root().find("desired") : JsonValue();
    const std::int64_t version = desired.find("$version").integer().value_or(0);
    // The first version is that of a twin that nobody has written.
    if (version > 1 && version > followed_) follow(desired, version);
}

/// Reports what it was told, when it is due; one whose connection ends before reads its twin at the next.
void SimulatedDevice::follow(const JsonValue& desired, std::int64_t version) {
    const FollowDecision decision = fleet_.behaviour_.on_desired(number_, version);
    std::string patch =
        following_json(desired, version, decision.how, fleet_.behaviour_.options().acknowledges);
    if (patch.empty() || follows_pending_ >= follows_pending_max) return;
    ++follows_pending_;
    fleet_.thread_.timers().at(
        fleet_.now() + decision.latency,
        [this, connection = connection_, version, how = decision.how, patch = std::move(patch)] {
            if (connection != connection_) return;
            --follows_pending_;
            if (!session_ || !session_->is_running()) return;
            followed_ = std::max(followed_, version);
            Statistics& statistics = fleet_.statistics_;
            ++(how == Following::wrongly ? statistics.follows_wrong : statistics.follows_right);
            ++statistics.reported_sent;
            session_->patch_reported(patch);
            serve_session();
        });
}

/// Called within `receive`, whose caller sends what this says.
void SimulatedDevice::begin_script() {
    report_scripted(fleet_.script_->connected());
    twin_request_ = session_->get_twin();
}

void SimulatedDevice::report_scripted(const std::string& patch_json) {
    if (patch_json.empty()) return;
    ++fleet_.statistics_.reported_sent;
    session_->patch_reported(patch_json);
}

void SimulatedDevice::report_to_script(const TwinAnswer& answer) {
    if (answer.request != twin_request_) return fleet_.script_->reported(answer.status, answer.body);
    twin_request_ = 0;
    const auto twin = JsonDocument::parse(answer.body);
    const JsonValue desired = twin ? twin->root().find("desired") : JsonValue();
    if (!desired.is_object()) return;
    const std::int64_t version = desired.find("$version").integer().value_or(0);
    report_scripted(fleet_.script_->desired_changed(version, desired.raw(), true));
}

void SimulatedDevice::send_telemetry() {
    if (!session_->is_running()) return;
    std::string body;
    if (fleet_.script_ != nullptr) {
        auto scripted = fleet_.script_->telemetry(messages_);
        if (!scripted) return;
        body = *std::move(scripted);
    } else {
        JsonWriter json(body);
        json.begin_object().member("count", messages_ + 1);
        json.member("temperature", fleet_.behaviour_.reading(number_, messages_)).end_object();
    }
    ++messages_;
    // One that the hub is too slow for is not sent; the next comes in its time.
    if (session_->send_telemetry(json_bag, body)) ++fleet_.statistics_.telemetry_sent;
    after(telemetry_timer_, fleet_.behaviour_.until_telemetry(number_, messages_),
          &SimulatedDevice::send_telemetry);
    serve_session();
}

void SimulatedDevice::message_received(const HubMessage& message) {
    ++fleet_.statistics_.messages;
    MessageAnswer answer = fleet_.options_.message_answer.value_or(MessageAnswer::complete);
    if (fleet_.script_ != nullptr) {
        const auto read = client::message_of(message);
        if (read) answer = fleet_.script_->message_received(*read);
    }
    session_->settle(message.packet_id, answer);
}

void SimulatedDevice::telemetry_stored(std::uint16_t) {
    ++fleet_.statistics_.telemetry_stored;
}

}  // namespace carillon::fleet
