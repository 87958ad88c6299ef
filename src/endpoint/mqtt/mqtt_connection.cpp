#include "endpoint/mqtt/mqtt_connection.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/hub/hub.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/mqtt/telemetry_message.hpp"
#include "endpoint/mqtt/twin_errors.hpp"
#include "net/io_thread.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace carillon::mqtt {

/// What authentication needs of a CONNECT, kept while the connection moves to the device's thread.
struct Connection::PendingConnect {
    IdentityKey key;
    std::string host;
    std::optional<std::string> token;
    std::string model_id;
    std::string client_type;
    bool clean_session = false;
};

Connection::Connection(MqttEndpoint& endpoint, std::unique_ptr<Channel> channel)
    : endpoint_(&endpoint),
      channel_(std::move(channel)),
      thread_state_(&endpoint.state_of(channel_->thread().number())),
      session_(*this, channel_->thread().clock().now()) {
    channel_->set_handler(*this);
    thread_state_->metrics.connections_opened.add();
    endpoint_->enrol(*this);
}

Connection::~Connection() {
    if (endpoint_ != nullptr) endpoint_->discharge(*this);
}

// --- channel ---------------------------------------------------------------------------------------

void Connection::received(Bytes bytes) {
    const Scope scope(*this);
    thread_state_->metrics.bytes_received.add(bytes.size());
    session_.receive(bytes, channel_->thread().clock().now());
}

void Connection::drained() {
    const Scope scope(*this);
    session_.output_drained();
}

void Connection::ended(Channel&) {
    const Scope scope(*this);
    session_.close(Errc::connection_closed, "peer ended the connection");
}

void Connection::shutting_down(Channel&) {
    const Scope scope(*this);
    closed_by_hub_ = true;
    drops_will_ = true;  // That we go down says nothing about the device.
    session_.close(Errc::connection_closed, "server goes down");
}

void Connection::closed(Errc reason) {
    is_gone_ = true;
    session_.close(reason, "connection lost");
    wind_up();
    // After the hub closed the link the record may be gone; if it is not, it still points here.
    if (shard_ != nullptr) {
        Record* record = shard_->directory().find(ordinal_);
        if (record != nullptr) shard_->detach(*record, *this);
    }
    thread_state_->metrics.connections_closed.add();
    channel_.reset();
    if (pins_ == 0) delete this;
}

void Connection::unpin() {
    if (--pins_ == 0 && is_gone_) delete this;
}

void Connection::abandon() {
    endpoint_ = nullptr;
    is_gone_ = true;
    is_wound_up_ = true;
    session_.close(Errc::connection_closed, "server stopped");
    channel_.reset();
    if (pins_ == 0) delete this;
}

void Connection::settle() {
    if (is_moving_ || is_wound_up_ || is_gone_) return;
    flush();
    if (session_.is_closed()) return wind_up();
    update_reading();
}

void Connection::flush() {
    if (output_ == nullptr) return;
    if (!output_->empty() && !channel_->send(as_bytes(*output_))) {
        session_.close(Errc::throttling_exception, "more output than may wait");
    }
    thread_state_->give_output(std::move(output_));
}

void Connection::update_reading() {
    const bool wants_input = session_.wants_input();
    if (wants_input != is_reading_) {
        is_reading_ = wants_input;
        if (wants_input) {
            channel_->resume_reading();
        } else {
            channel_->pause_reading();
        }
    }
    // Output leaves at the end of this turn. If the peer takes it all, nobody says `drained`.
    if (takes_output() || recheck_asked_) return;
    recheck_asked_ = true;
    channel_->thread().post([pin = Pin(*this)] {
        pin->recheck_asked_ = false;
        if (!pin->is_wound_up_ && !pin->channel_->is_congested()) pin->drained();
    });
}

/// The one way down: the will, the record, the channel. Runs once.
void Connection::wind_up() {
    if (is_wound_up_) return;
    is_wound_up_ = true;
    count_end();
    publish_will();
    if (shard_ != nullptr) shard_->timers().cancel(timer_);
    if (record_ != nullptr) {
        Record& record = *std::exchange(record_, nullptr);
        shard_->detach(record, *this);
    }
    pending_.reset();
    if (output_ != nullptr) thread_state_->give_output(std::move(output_));
    if (is_gone_) return;
    // A peer that does not read would keep its successor waiting.
    if (channel_->is_congested()) {
        channel_->abort(session_.close_reason());
    } else {
        channel_->close(session_.close_reason());
    }
}

void Connection::publish_will() {
    const std::unique_ptr<StoredWill> will = session_.take_will();
    if (will == nullptr || record_ == nullptr || drops_will_ || !record_->exists()) return;
    auto message = make_will_message(*will, sender());
    if (!message) return;
    // Nobody is left to be told; what the store refuses is logged there.
    shard_->telemetry().append(*record_, *std::move(message), [](const Result<>&) {});
}

void Connection::count_end() {
    Metrics& metrics = thread_state_->metrics;
    if (session_.is_disconnected()) {
        metrics.closed_by_client.add();
    } else if (closed_by_hub_) {
        metrics.closed_by_hub.add();
    } else if (session_.close_reason() != Errc::connection_closed) {
        metrics.closed_by_breach.add();
    }
    const std::string_view device = session_.identity().device;
    const std::string_view code = errc_name(session_.close_reason());
    const std::string_view why = session_.close_detail();
    log.debug("mqtt connection ended device={} peer={} code={} why=\"{}\"", device, channel_->peer_address(),
              code, why);
}

// --- output ----------------------------------------------------------------------------------------

std::string& Connection::output() {
    if (output_ == nullptr) output_ = thread_state_->take_output();
    return *output_;
}

std::size_t Connection::waiting_output() const {
    return channel_->unsent() + (output_ != nullptr ? output_->size() : 0);
}

bool Connection::has_room_for(std::size_t bytes) const {
    const std::size_t limit = channel_->is_congested() ? output_bytes_max : turn_output_bytes_max;
    return waiting_output() + bytes <= limit;
}

bool Connection::takes_output() const {
    return waiting_output() < output_bytes_max;
}

// --- CONNECT ---------------------------------------------------------------------------------------

void Connection::connect_requested(const ConnectRequest& request) {
    auto key = IdentityKey::parse(request.user.device, request.user.module);
    if (!key) {
        thread_state_->metrics.connects_refused.add();
        return session_.refuse(ConnectCode::not_authorized, Errc::argument_invalid);
    }
    Shard& shard = endpoint_->hub().shards().owner(key->device);
    std::optional<std::string> token;
    if (request.password) token = as_text(*request.password);
    pending_ = std::make_unique<PendingConnect>(PendingConnect{.key = *std::move(key),
                                                               .host = std::string(request.user.host),
                                                               .token = std::move(token),
                                                               .model_id = request.user.model_id,
                                                               .client_type = request.user.client_type,
                                                               .clean_session = request.clean_session});
    shard_ = &shard;
    IoThread& thread = endpoint_->threads().of_shard(shard.number());
    if (&thread == &channel_->thread()) return authenticate();
    is_moving_ = true;
    channel_->move_to(thread, [this, &thread] {
        is_moving_ = false;
        thread_state_ = &endpoint_->state_of(thread.number());
        const Scope scope(*this);
        authenticate();
    });
}

void Connection::authenticate() {
    const std::unique_ptr<PendingConnect> connect = std::move(pending_);
    Record* record = shard_->directory().find(connect->key);
    Record* device = shard_->directory().find(IdentityKey(connect->key.device));
    auto registered = [](const Record* found) {
        return found != nullptr && found->exists() ? std::optional(found->committed->identity.unpack())
                                                   : std::nullopt;
    };
    const std::optional<Identity> identity = registered(record);
    const std::optional<Identity> device_identity = connect->key.is_module() ? registered(device) : identity;
    const Credentials credentials{.key = connect->key,
                                  .host = connect->host,
                                  .token = connect->token,
                                  .certificate = channel_->peer_certificate()};
    Hub& hub = endpoint_->hub();
    const Verdict verdict =
        judge(credentials, identity ? &*identity : nullptr, device_identity ? &*device_identity : nullptr,
              hub.policies(), hub.host_names(), shard_->clock().wall_now());
    if (verdict.code != ConnectCode::accepted) {
        thread_state_->metrics.connects_refused.add();
        const std::string path = connect->key.path();
        const std::string_view code = errc_name(verdict.reason);
        const std::string_view why = verdict.why;
        log.debug("mqtt connect refused device={} peer={} code={} why=\"{}\"", path, channel_->peer_address(),
                  code, why);
        return session_.refuse(verdict.code, verdict.reason);
    }
    if (const auto passed = hub.throttles().take_now(ThrottleClass::connections, shard_->clock().now());
        !passed) {
        thread_state_->metrics.connects_refused.add();
        return session_.refuse(ConnectCode::server_unavailable, passed.error().code);
    }
    if (log.is_on(LogLevel::debug)) {
        const std::string path = connect->key.path();
        log.debug("mqtt device connected device={} peer={} client={}", path, channel_->peer_address(),
                  connect->client_type);
    }
    auth_method_ = verdict.method;
    token_end_ = verdict.expires;
    if (!connect->model_id.empty()) model_id_ = std::make_unique<std::string>(connect->model_id);
    record_ = record;
    ordinal_ = record->ordinal;
    channel_->authenticated();
    shard_->attach(*record, *this);  // Ends an older connection.
    if (model_id_ && is_model_id(*model_id_)) shard_->announce_model(*record, *model_id_);
    begin(connect->clean_session);
}

/// Finds the session the client comes back to, or ends it if it asks for a clean one.
void Connection::begin(bool clean_session) {
    if (clean_session && record_->has_session) {
        return shard_->store_session(*record_, std::nullopt, [pin = Pin(*this)](const Result<>& stored) {
            const Scope scope(*pin);
            if (stored) return pin->accept(false, {});
            pin->session_.refuse(ConnectCode::server_unavailable, Errc::service_unavailable);
        });
    }
    if (clean_session) return accept(false, {});
    std::vector<StoredFilter> restored;
    for (const Subscription& subscription : record_->subscriptions) {
        restored.push_back({.filter = subscription.filter, .qos = subscription.qos});
    }
    const bool session_present = record_->has_session;
    if (!session_present) {
        // An empty session that a crash loses is no loss, so nothing waits for this.
        shard_->store_session(*record_, std::vector<Subscription>(), [](const Result<>&) {});
    }
    accept(session_present, restored);
}

void Connection::accept(bool session_present, const std::vector<StoredFilter>& restored) {
    if (session_.is_closed()) return;
    thread_state_->metrics.connects_accepted.add();
    session_.accept(session_present, restored, shard_->clock().now());
    arm();
}

/// One lazy timer: the keep-alive deadline moves with every byte, but the timer does not.
void Connection::arm() {
    if (session_.is_closed()) return;
    const TimePoint now = shard_->clock().now();
    TimePoint due = session_.deadline();
    if (token_end_) {
        // No further ahead than the longest silence; it is looked at again then.
        const std::int64_t left_s = token_end_->unix_s() - shard_->clock().wall_now().unix_s() + 1;
        const auto cap_s = static_cast<std::int64_t>(SessionLimits::silence_max.count());
        due = std::min(due, now + std::chrono::seconds(std::clamp<std::int64_t>(left_s, 0, cap_s)));
    }
    timer_ = shard_->timers().at(due, [this] { timer_fired(); });
}

void Connection::timer_fired() {
    timer_ = {};
    const Scope scope(*this);
    if (token_end_ && *token_end_ < shard_->clock().wall_now()) {
        closed_by_hub_ = true;
        return session_.close(Errc::iot_hub_unauthorized, "token expired");
    }
    session_.tick(shard_->clock().now());
    if (session_.is_closed()) thread_state_->metrics.keep_alives_expired.add();
    arm();
}

// --- requests of the device ------------------------------------------------------------------------

void Connection::store_subscriptions() {
    std::vector<Subscription> subscriptions;
    for (StoredFilter& stored : session_.proposed().stored(session_.identity())) {
        subscriptions.push_back({.filter = std::move(stored.filter), .qos = stored.qos});
    }
    shard_->store_session(*record_, std::move(subscriptions), [pin = Pin(*this)](const Result<>& stored) {
        const Scope scope(*pin);
        pin->session_.subscriptions_stored(stored.has_value());
    });
}

void Connection::subscriptions_changed() {
    const Subscriptions& subscriptions = session_.subscriptions();
    if (subscriptions.has(FilterKind::methods) || subscriptions.has(FilterKind::method_named)) {
        shard_->method_subscriptions_changed(*record_);
    }
}

Sender Connection::sender() const {
    return {.record = *record_,
            .method = auth_method_,
            .model_id = model_id_ ? std::string_view(*model_id_) : std::string_view(),
            .now = shard_->clock().wall_now()};
}

void Connection::telemetry(const TelemetryPublish& publish) {
    shard_->touch(*record_);
    if (!record_->exists()) return session_.close(Errc::device_not_found, "identity is gone");
    if (const auto passed = throttle(ThrottleClass::telemetry); !passed) {
        return session_.close(passed.error().code, "messages come too fast");
    }
    auto message = make_message(publish, sender());
    if (!message) return session_.close(message.error().code, "message refused");
    thread_state_->metrics.telemetry_received.add();
    auto done = [pin = Pin(*this), ticket = publish.ticket](const Result<>& stored) {
        const Scope scope(*pin);
        if (stored) return pin->session_.acknowledge(ticket);
        pin->session_.close(Errc::service_unavailable, "message could not be stored");
    };
    shard_->telemetry().append(*record_, *std::move(message), std::move(done));
}

/// A device is not made to wait: the service answers or closes. Source: IoT Hub docs, "Communicate with
/// your IoT hub using the MQTT protocol"; azure-iot-sdk-c#1766.
Result<> Connection::throttle(ThrottleClass what) {
    return endpoint_->hub().throttles().take_now(what, shard_->clock().now());
}

void Connection::twin_get(std::string_view rid) {
    shard_->touch(*record_);
    thread_state_->metrics.twin_reads.add();
    if (!record_->exists()) return answer_failure(rid, Error{Errc::device_not_found, "identity is gone"});
    if (const auto passed = throttle(ThrottleClass::twin_reads); !passed) {
        return answer_failure(rid, passed.error());
    }
    std::string body;
    append_device_twin_json(body, record_->committed->twin);
    session_.send_twin_response(200, rid, std::nullopt, body);
}

void Connection::twin_patch(const TwinPatchPublish& publish) {
    shard_->touch(*record_);
    thread_state_->metrics.twin_writes.add();
    std::string rid(publish.rid);
    const Ticket ticket = publish.ticket;
    if (auto passed = throttle(ThrottleClass::twin_updates); !passed) {
        return answer_patch(rid, ticket, fail(std::move(passed).error()));
    }
    if (publish.has_version && !publish.version) {
        return answer_patch(rid, ticket, fail(Errc::argument_invalid, "$version is no number"));
    }
    const std::string_view text = as_text(publish.payload);
    auto document = JsonDocument::parse(text);
    if (!document) return answer_patch(rid, ticket, fail(std::move(document).error()));
    auto patch = SectionPatch::parse(document->root());
    if (!patch) return answer_patch(rid, ticket, fail(std::move(patch).error()));
    auto done = [pin = Pin(*this), rid = std::move(rid), ticket](const Result<std::int64_t>& written) {
        const Scope scope(*pin);
        pin->answer_patch(rid, ticket, written);
    };
    shard_->write_reported(*record_, *patch, publish.version, std::move(done));
}

void Connection::answer_patch(const std::string& rid, Ticket ticket, const Result<std::int64_t>& result) {
    if (result) {
        session_.send_twin_response(204, rid, *result, {});
    } else {
        answer_failure(rid, result.error());
    }
    session_.acknowledge(ticket);
}

void Connection::answer_failure(std::string_view rid, const Error& error) {
    const TwinFailure failure = twin_failure(error, shard_->clock().wall_now(), shard_->random());
    session_.send_twin_response(failure.status, rid, std::nullopt, failure.body);
}

void Connection::method_answered(std::uint16_t request_id, int status, std::string_view payload) {
    shard_->touch(*record_);
    thread_state_->metrics.methods_answered.add();
    shard_->methods().answered(*record_, request_id, status, payload);
}

// --- requests of the hub ---------------------------------------------------------------------------

bool Connection::takes_method(std::string_view name) const {
    return session_.is_running() && session_.subscriptions().takes_method(name);
}

void Connection::send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) {
    if (is_wound_up_) return;
    if (!has_room_for(payload.size())) {
        thread_state_->metrics.methods_dropped.add();
        return;
    }
    const Scope scope(*this);
    thread_state_->metrics.methods_sent.add();
    session_.send_method(request_id, name, payload);
}

bool Connection::takes_desired() const {
    return session_.is_running() && session_.subscriptions().has(FilterKind::desired);
}

void Connection::send_desired(std::int64_t version, std::string_view body) {
    if (is_wound_up_) return;
    const Scope scope(*this);
    if (!has_room_for(body.size())) {
        return session_.close(Errc::throttling_exception, "more notifications than may wait");
    }
    thread_state_->metrics.desired_sent.add();
    session_.send_desired(version, body);
}

bool Connection::is_congested() const {
    return !is_wound_up_ && (channel_->is_congested() || waiting_output() >= output_bytes_max);
}

void Connection::close(Errc reason) {
    if (is_wound_up_) {
        record_ = nullptr;
        return;
    }
    const Scope scope(*this);
    closed_by_hub_ = true;
    drops_will_ = drops_will_ || reason == Errc::device_not_found;
    session_.close(reason, "closed by the hub");
    publish_will();
    // The core is about to forget this link, and perhaps the record: `closed` looks it up again.
    record_ = nullptr;
}

}  // namespace carillon::mqtt
