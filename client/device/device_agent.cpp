#include "device/device_agent.hpp"

#include "carillon/device_client.hpp"
#include "device/amqp_session.hpp"
#include "device/device_session.hpp"
#include "device/message_bag.hpp"
#include "device/retry_schedule.hpp"

#include <algorithm>

namespace carillon::client {

namespace {

/// What another attempt would not change.
bool is_final(Errc reason) {
    return reason == Errc::iot_hub_unauthorized || reason == Errc::tls_failed ||
           reason == Errc::invalid_protocol_version;
}

std::unique_ptr<DeviceProtocol> make_session(DeviceTransport transport, DeviceSessionHost& host,
                                             const IdentityKey& identity, std::uint16_t last_packet_id) {
    if (is_amqp(transport)) return std::make_unique<AmqpSession>(host, identity, last_packet_id);
    return std::make_unique<DeviceSession>(host, identity, last_packet_id);
}

}  // namespace

DeviceAgent::DeviceAgent(AgentHost& host, AgentSettings settings)
    : host_(host), settings_(std::move(settings)) {}

// --- what the application wants ----------------------------------------------------------------

void DeviceAgent::connect(TimePoint now) {
    const bool may_begin =
        status_.state == ConnectionState::idle || status_.state == ConnectionState::stopped;
    if (!may_begin || is_closing_) return;
    failures_ = 0;
    begin(now);
}

void DeviceAgent::want(DeviceFeature feature, TimePoint now) {
    wanted_.add(feature);
    if (feature == DeviceFeature::desired) wanted_.add(DeviceFeature::twin_responses);
    settle(now);
}

void DeviceAgent::send(TelemetryEntry entry, TimePoint now) {
    if (is_over()) return entry.done({MessageFate::not_sent, status_.reason, status_.detail});
    entry.until = now + settings_.operation_timeout;
    telemetry_.add(std::move(entry));
    settle(now);
}

void DeviceAgent::get_twin(TwinRequests::Done done, TimePoint now) {
    if (is_over()) return done(fail(status_.reason, status_.detail));
    wanted_.add(DeviceFeature::twin_responses);
    twin_.get(std::move(done), now + settings_.operation_timeout);
    settle(now);
}

void DeviceAgent::report(std::string patch_json, TwinRequests::Done done, TimePoint now) {
    if (is_over()) return done(fail(status_.reason, status_.detail));
    wanted_.add(DeviceFeature::twin_responses);
    twin_.patch(std::move(patch_json), std::move(done), now + settings_.operation_timeout);
    settle(now);
}

bool DeviceAgent::answer_method(std::uint64_t call, const MethodResponse& answer, TimePoint now) {
    const auto found =
        std::find_if(calls_.begin(), calls_.end(), [call](const Call& one) { return one.number == call; });
    if (found == calls_.end() || !is_online()) return false;
    session_->answer_method(found->rid, answer.status, answer.payload_json);
    calls_.erase(found);
    settle(now);
    return true;
}

void DeviceAgent::close(TimePoint until, TimePoint now) {
    if (is_closing_) return;
    is_closing_ = true;
    close_at_ = until;
    settle(now);
}

// --- what the line says ------------------------------------------------------------------------

void DeviceAgent::link_opened(TimePoint now) {
    opening_until_ = TimePoint::max();
    const std::string token = host_.new_token();
    DeviceIntroduction introduction;
    introduction.host_name = settings_.host_name;
    introduction.token = token;
    introduction.model_id = settings_.model_id;
    introduction.keep_alive_s = settings_.keep_alive_s;
    DeviceSessionHost& told = *this;
    session_ = make_session(settings_.transport, told, settings_.identity, last_packet_id_);
    session_->connect(introduction, now);
    settle(now);
}

void DeviceAgent::link_received(Bytes bytes, TimePoint now) {
    if (!session_) return;
    now_ = now;
    session_->receive(bytes, now);
    settle(now);
}

void DeviceAgent::link_drained(TimePoint now) {
    settle(now);
}

void DeviceAgent::link_closed(const Error& reason, TimePoint now) {
    lost(reason, now);
    settle(now);
}

// --- what the session says ---------------------------------------------------------------------

void DeviceAgent::connected(bool) {
    connected_at_ = now_;
    if (settings_.renews_token) renew_at_ = now_ + settings_.token_lifetime * 4 / 5;
    enter(ConnectionState::connected);
}

void DeviceAgent::subscribed(DeviceFeatures features) {
    for (std::size_t i = 0; i < device_features; ++i) {
        const auto feature = static_cast<DeviceFeature>(i);
        if (features.has(feature)) confirmed_.add(feature);
    }
}

void DeviceAgent::method_called(const IncomingMethod& call) {
    if (calls_.size() >= DeviceClient::methods_pending_max) {
        constexpr int too_many_requests = 429;
        return session_->answer_method(call.rid, too_many_requests, "null");
    }
    calls_.push_back({++last_call_, std::string(call.rid), now_ + method_time_max});
    const MethodRequest request{std::string(call.name),
                                call.payload.empty() ? "null" : std::string(call.payload)};
    host_.method_called(request, last_call_);
}

void DeviceAgent::twin_answered(const TwinAnswer& answer) {
    twin_.answered(answer);
}

void DeviceAgent::desired_changed(std::int64_t version, std::string_view patch_json) {
    if (!wanted_.has(DeviceFeature::desired)) return;
    if (const auto desired = desired_.changed(version, patch_json)) host_.desired_changed(*desired);
}

void DeviceAgent::message_received(const HubMessage& message) {
    // A subscription that an earlier program left with the hub: its messages wait for one that takes them.
    if (!wanted_.has(DeviceFeature::c2d) && !wanted_.has(DeviceFeature::inputs)) return;
    const auto made = message_of(message);
    if (made) session_->settle(message.packet_id, host_.message_received(*made));
}

void DeviceAgent::telemetry_stored(std::uint16_t packet_id) {
    telemetry_.stored(packet_id);
}

void DeviceAgent::telemetry_refused(std::uint16_t packet_id, const Error& reason) {
    telemetry_.refused(packet_id, reason);
}

// --- the way from state to state ---------------------------------------------------------------

void DeviceAgent::enter(ConnectionState state, const Error& reason) {
    status_ = {state, reason.code, reason.detail};
    host_.status_changed(status_);
}

void DeviceAgent::begin(TimePoint now) {
    retry_at_ = TimePoint::max();
    opening_until_ = now + opening_max;
    enter(ConnectionState::connecting);
    host_.open_link();
}

/// The end of every call: does what has become possible.
void DeviceAgent::settle(TimePoint now) {
    now_ = now;
    if (session_ && session_->is_closed()) {
        lost({session_->close_reason(), session_->close_detail()}, now);
    }
    if (is_online() && drain_until_ == TimePoint::max()) pump();
    flush();
    if (is_online()) renew_if_drained(now);
    if (is_closing_ && status_.state != ConnectionState::closed) {
        const bool is_settled = telemetry_.is_empty() && twin_.is_empty();
        const bool is_away =
            status_.state == ConnectionState::idle || status_.state == ConnectionState::stopped;
        if (is_settled || is_away || now >= close_at_) {
            give_up(ConnectionState::closed, {Errc::connection_closed, "the client was closed"});
        }
    }
}

void DeviceAgent::pump() {
    subscribe_missing();
    read_desired();
    if (confirmed_.has(DeviceFeature::twin_responses)) twin_.send(*session_);
    while (output_.size() + host_.unsent() < unsent_bytes_max && telemetry_.send_next(*session_)) {
    }
}

void DeviceAgent::subscribe_missing() {
    DeviceFeatures missing;
    for (std::size_t i = 0; i < device_features; ++i) {
        const auto feature = static_cast<DeviceFeature>(i);
        if (!wanted_.has(feature) || asked_.has(feature)) continue;
        missing.add(feature);
        asked_.add(feature);
    }
    if (!missing.is_empty()) session_->subscribe(missing);
}

/// Reads the twin if its desired properties are to be told and are not known.
void DeviceAgent::read_desired() {
    const bool is_told =
        confirmed_.has(DeviceFeature::desired) && confirmed_.has(DeviceFeature::twin_responses);
    if (!is_told || !desired_.wants_twin() || resync_at_ != TimePoint::max()) return;
    desired_.reading();
    const auto done = [this](const Result<TwinReply>& reply) {
        if (!reply) desired_.reading_failed();
        const Result<std::vector<DesiredProperties>> told =
            reply ? desired_.twin_read(reply->body) : fail(reply.error());
        if (!told) {
            resync_at_ = now_ + resync_after;
            return;
        }
        for (const DesiredProperties& one : *told) host_.desired_changed(one);
    };
    twin_.get(done, now_ + settings_.operation_timeout);
}

void DeviceAgent::flush() {
    if (output_.empty()) return;
    const std::string bytes = std::exchange(output_, {});
    host_.send(bytes);
}

/// What was not acknowledged is taken back, to be sent on the next connection.
void DeviceAgent::drop_connection() {
    if (session_) last_packet_id_ = session_->last_packet_id();
    session_.reset();
    output_.clear();
    host_.close_link();
    telemetry_.take_back();
    twin_.take_back();
    desired_.connection_over();
    calls_.clear();
    asked_ = confirmed_ = DeviceFeatures{};
    opening_until_ = renew_at_ = drain_until_ = resync_at_ = TimePoint::max();
}

void DeviceAgent::lost(const Error& reason, TimePoint now) {
    // A connection that lasted was a success; one that ends at once is as good as none.
    const bool has_lasted =
        status_.state == ConnectionState::connected && now - connected_at_ >= settings_.retry.delay_max;
    failures_ = has_lasted ? 1 : failures_ + 1;
    const auto delay = next_delay(settings_.retry, failures_, host_.chance());
    if (is_final(reason.code) || !delay) return give_up(ConnectionState::stopped, reason);
    drop_connection();
    retry_at_ = now + *delay;
    enter(ConnectionState::waiting, reason);
}

/// Goes over to a new connection with a new token, once nothing is under way on this one.
void DeviceAgent::renew_if_drained(TimePoint now) {
    if (drain_until_ == TimePoint::max()) return;
    const bool is_quiet = !telemetry_.has_in_flight() && !twin_.has_in_flight() && calls_.empty();
    if (!is_quiet && now < drain_until_) return;
    session_->disconnect();
    flush();
    drop_connection();
    begin(now);
}

void DeviceAgent::give_up(ConnectionState state, const Error& reason) {
    if (is_online()) {
        session_->disconnect();
        flush();
    }
    drop_connection();
    retry_at_ = TimePoint::max();
    if (state == ConnectionState::closed) close_at_ = TimePoint::max();
    telemetry_.give_up(reason);
    twin_.give_up(reason);
    enter(state, reason);
}

// --- time --------------------------------------------------------------------------------------

TimePoint DeviceAgent::deadline() const {
    TimePoint first = std::min({opening_until_, retry_at_, renew_at_, drain_until_, resync_at_, close_at_,
                                telemetry_.deadline(), twin_.deadline()});
    if (session_) first = std::min(first, session_->deadline());
    if (!calls_.empty()) first = std::min(first, calls_.front().until);
    return first;
}

void DeviceAgent::tick(TimePoint now) {
    now_ = now;
    expire(now);
    if (now >= opening_until_) {
        lost({Errc::gateway_timeout, "no connection within its time"}, now);
    } else if (now >= retry_at_) {
        begin(now);
    } else if (session_) {
        session_->tick(now);
    }
    if (now >= renew_at_) {
        renew_at_ = TimePoint::max();
        const Duration patience = std::min<Duration>(drain_max, settings_.token_lifetime / 10);
        drain_until_ = now + patience;
    }
    if (now >= resync_at_) resync_at_ = TimePoint::max();
    settle(now);
}

void DeviceAgent::expire(TimePoint now) {
    telemetry_.expire(now);
    twin_.expire(now);
    while (!calls_.empty() && calls_.front().until <= now) calls_.pop_front();
}

}  // namespace carillon::client
