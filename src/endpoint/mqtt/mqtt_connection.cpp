#include "endpoint/mqtt/mqtt_connection.hpp"

#include "base/log.hpp"
#include "core/hub/hub.hpp"
#include "core/shard/shard.hpp"
#include "endpoint/device/twin_errors.hpp"
#include "endpoint/mqtt/cloud_message_topic.hpp"
#include "endpoint/mqtt/telemetry_publish.hpp"
#include "net/io_thread.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace carillon::mqtt {

namespace {

/// How a refusal is told. Only 3 (and not 5) is for the SDKs a reason to try again later.
/// Source: azure-iot-sdk-c#314 (3 for disabled devices).
ConnectCode connect_code(Errc refusal) {
    switch (refusal) {
        case Errc::device_disabled:
        case Errc::throttling_exception:
            return ConnectCode::server_unavailable;
        default:
            return ConnectCode::not_authorized;
    }
}

}  // namespace

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
      device_(endpoint.hub(), *this, endpoint.connection_logs()),
      session_(*this, channel_->thread().clock().now()) {
    channel_->set_handler(*this);
    thread_state_->metrics.connections_opened.add();
    endpoint_->add(*this);
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
    device_.offer_cloud_messages();
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

void Connection::key_ended(Channel&) {
    const Scope scope(*this);
    closed_by_hub_ = true;
    session_.close(Errc::iot_hub_unauthorized, "the policy's key was renewed");
}

void Connection::closed(Errc reason) {
    is_gone_ = true;
    session_.close(reason, "connection lost");
    wind_up();
    device_.disconnect(session_.close_detail());
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
    if (wants_input || recheck_asked_ || takes_output()) return;
    recheck_asked_ = true;
    channel_->thread().post([pin = Pin(*this)] {
        pin->recheck_asked_ = false;
        if (!pin->is_wound_up_ && !pin->channel_->is_congested()) pin->drained();
    });
}

/// The one way down: the will, the device, the channel. Runs once.
void Connection::wind_up() {
    if (is_wound_up_) return;
    is_wound_up_ = true;
    count_end();
    publish_will();
    if (timer_) device_.shard().timers().cancel(timer_);
    if (session_.is_returning()) {
        thread_state_->interrupted_returns.note(device_.number(), device_.shard().clock().now());
    }
    // The core must not be told in the middle of its own call that what it closes has gone.
    if (!closed_by_core_) device_.disconnect(session_.close_detail());
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
    if (will == nullptr || drops_will_) return;
    auto message = read_will(*will);
    if (message) device_.send_last(*std::move(message));
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
    return waiting_output() + bytes <= request_output_bytes_max;
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
    const Shard& shard = device::ConnectedDevice::home(endpoint_->hub(), key->device);
    std::optional<std::string> token;
    if (request.password) token = as_text(*request.password);
    pending_ = std::make_unique<PendingConnect>(PendingConnect{.key = *std::move(key),
                                                               .host = std::string(request.user.host),
                                                               .token = std::move(token),
                                                               .model_id = request.user.model_id,
                                                               .client_type = request.user.client_type,
                                                               .clean_session = request.clean_session});
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
    const device::Credentials credentials{.key = connect->key,
                                          .host = connect->host,
                                          .token = connect->token,
                                          .certificate = channel_->peer_certificate()};
    const std::string& peer = channel_->peer_address();
    const device::ConnectedDevice::Origin origin{.protocol = "mqtt", .peer = peer};
    const auto connected = device_.connect(credentials, connect->model_id, origin);
    if (!connected) {
        const Errc reason = connected.error().code;
        thread_state_->metrics.connects_refused.add();
        const std::string path = connect->key.path();
        log.debug("mqtt connect refused device={} peer={} code={} why=\"{}\"", path, peer, errc_name(reason),
                  connected.error().detail);
        const Duration wait = device_.refused(endpoint_->hub(), connect->key, connected.error(), origin,
                                              endpoint_->connection_logs());
        if (wait == Duration::zero()) return session_.refuse(connect_code(reason), reason);
        // The session takes no input meanwhile.
        timer_ = device_.shard().timers().at(device_.shard().clock().now() + wait, [this, reason] {
            timer_ = {};
            const Scope scope(*this);
            session_.refuse(connect_code(reason), reason);
        });
        return;
    }
    if (log.is_on(LogLevel::debug, find_log_module("mqtt"))) {
        const std::string path = connect->key.path();
        log.debug("mqtt device connected device={} peer={} client={}", path, peer, connect->client_type);
    }
    is_c_client_ = is_c_client(connect->client_type);
    channel_->authenticated();
    channel_->stand_on(device_.key());
    begin(connect->clean_session);
}

/// Finds the session the client comes back to, or ends it if it asks for a clean one.
void Connection::begin(bool clean_session) {
    const std::vector<Subscription>* session = device_.stored_session();
    if (clean_session && session != nullptr) {
        return device_.store_session(std::nullopt, [pin = Pin(*this)](const Result<>& stored) {
            const Scope scope(*pin);
            if (stored) return pin->accept(false, {});
            pin->session_.refuse(ConnectCode::server_unavailable, Errc::service_unavailable);
        });
    }
    if (clean_session) return accept(false, {});
    std::vector<StoredFilter> restored;
    if (session != nullptr) {
        for (const Subscription& subscription : *session) {
            restored.push_back({.filter = subscription.filter, .qos = subscription.qos});
        }
    }
    accept(session != nullptr, restored);
}

void Connection::accept(bool session_present, const std::vector<StoredFilter>& restored) {
    if (session_.is_closed()) return;
    thread_state_->metrics.connects_accepted.add();
    const TimePoint now = device_.shard().clock().now();
    const bool has_waited = thread_state_->interrupted_returns.take(device_.number(), now);
    session_.accept(session_present, restored, now);
    if (has_waited) session_.end_return();
    device_.offer_cloud_messages();
    arm();
}

/// One lazy timer: the keep-alive deadline moves with every byte, but the timer does not.
void Connection::arm() {
    if (session_.is_closed()) return;
    Shard& shard = device_.shard();
    timer_ = shard.timers().at(device_.token_deadline(session_.deadline()), [this] { timer_fired(); });
}

void Connection::timer_fired() {
    timer_ = {};
    const Scope scope(*this);
    if (device_.is_token_expired()) {
        closed_by_hub_ = true;
        return session_.close(Errc::iot_hub_unauthorized, "token expired");
    }
    session_.tick(device_.shard().clock().now());
    if (session_.is_closed()) thread_state_->metrics.keep_alives_expired.add();
    arm();
}

// --- requests of the device ------------------------------------------------------------------------

void Connection::store_subscriptions() {
    std::vector<Subscription> subscriptions;
    for (StoredFilter& stored : session_.proposed().stored(session_.identity())) {
        subscriptions.push_back({.filter = std::move(stored.filter), .qos = stored.qos});
    }
    device_.store_session(std::move(subscriptions), [pin = Pin(*this)](const Result<>& stored) {
        const Scope scope(*pin);
        pin->session_.subscriptions_stored(stored.has_value());
    });
}

void Connection::subscriptions_changed() {
    const Subscriptions& subscriptions = session_.subscriptions();
    if (subscriptions.has(FilterKind::methods) || subscriptions.has(FilterKind::method_named)) {
        device_.method_subscriptions_changed();
    }
    device_.offer_all_cloud_messages();
}

void Connection::telemetry(const TelemetryPublish& publish) {
    auto message = read_telemetry(publish);
    if (!message) return session_.close(message.error().code, "message refused");
    auto done = [pin = Pin(*this), ticket = publish.ticket](const Result<>& stored) {
        const Scope scope(*pin);
        if (stored) return pin->session_.acknowledge(ticket);
        pin->session_.close(Errc::service_unavailable, "message could not be stored");
    };
    const auto sent = device_.send(*std::move(message), std::move(done));
    if (!sent) return session_.close(sent.error().code, "message refused");
    thread_state_->metrics.telemetry_received.add();
}

void Connection::twin_get(std::string_view rid) {
    thread_state_->metrics.twin_reads.add();
    const auto twin = device_.twin();
    if (!twin) return answer_failure(rid, twin.error());
    session_.send_twin_response(200, rid, std::nullopt, *twin);
}

void Connection::twin_patch(const TwinPatchPublish& publish) {
    thread_state_->metrics.twin_writes.add();
    std::string rid(publish.rid);
    const Ticket ticket = publish.ticket;
    if (publish.has_version && !publish.version) {
        return answer_patch(rid, ticket, fail(Errc::argument_invalid, "$version is not a number"));
    }
    auto done = [pin = Pin(*this), rid = std::move(rid), ticket](const Result<std::int64_t>& written) {
        const Scope scope(*pin);
        pin->answer_patch(rid, ticket, written);
    };
    device_.report(as_text(publish.payload), publish.version, std::move(done));
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
    const Shard& shard = device_.shard();
    const device::TwinFailure failure = device::twin_failure(error, shard.clock().wall_now(), shard.random());
    session_.send_twin_response(failure.status, rid, std::nullopt, failure.body);
}

void Connection::cloud_message_acknowledged(const DeliveryTag& tag) {
    // What the store refuses comes again.
    device_.settle_cloud_message(tag, Settlement::complete, [](const Result<>&) {});
    device_.offer_cloud_messages();
}

void Connection::method_answered(std::uint16_t request_id, int status, std::string_view payload) {
    thread_state_->metrics.methods_answered.add();
    device_.answer_method(request_id, status, payload);
}

// --- requests of the hub ---------------------------------------------------------------------------

bool Connection::takes_method(std::string_view name) const {
    return session_.takes_method(name);
}

bool Connection::will_take_method(std::string_view name) const {
    return session_.will_take_method(name);
}

void Connection::send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) {
    if (is_wound_up_) return;
    if (!has_room_for(payload.size())) {
        thread_state_->metrics.methods_dropped.add();
        if (device_.is_traced()) device_.trace("method dropped");
        return;
    }
    const Scope scope(*this);
    thread_state_->metrics.methods_sent.add();
    device_.trace_method(request_id, name);
    session_.send_method(request_id, name, is_c_client_ && payload == "null" ? std::string_view() : payload);
}

bool Connection::takes_desired() const {
    return session_.takes_desired();
}

void Connection::send_desired(std::int64_t version, std::string_view body) {
    if (is_wound_up_) return;
    const Scope scope(*this);
    if (!has_room_for(body.size())) {
        return session_.close(Errc::throttling_exception, "more notifications than may wait");
    }
    thread_state_->metrics.desired_sent.add();
    if (device_.is_traced()) device_.trace("desired sent", "\"version\":" + std::to_string(version));
    session_.send_desired(version, body);
}

std::size_t Connection::cloud_message_room() const {
    return is_wound_up_ || !takes_output() ? 0 : session_.cloud_message_room();
}

DeviceLink::Taken Connection::send_cloud_message(const CloudDelivery& delivery) {
    if (cloud_message_room() == 0) return Taken::not_now;
    const std::string_view input = delivery.message.input();
    if (!session_.takes_cloud_message(input)) return Taken::not_wanted;
    const std::string topic = cloud_message_topic(session_.identity(), delivery.message);
    if (!has_room_for(topic.size() + delivery.message.body.size())) return Taken::not_now;
    const Scope scope(*this);
    thread_state_->metrics.cloud_messages_sent.add();
    if (device_.is_traced()) device_.trace("message sent");
    const bool is_acknowledged = session_.send_cloud_message(topic, as_bytes(delivery.message.body),
                                                             delivery.may_be_repeated, delivery.lock, input);
    return is_acknowledged ? Taken::until_settled : Taken::for_good;
}

bool Connection::is_congested() const {
    return !is_wound_up_ && (channel_->is_congested() || waiting_output() >= output_bytes_max);
}

void Connection::close(Errc reason) {
    if (is_wound_up_) return;
    const Scope scope(*this);
    closed_by_hub_ = closed_by_core_ = true;
    drops_will_ = drops_will_ || reason == Errc::device_not_found;
    session_.close(reason, "closed by the hub");
    publish_will();  // Now, as the core may be about to forget the identity.
}

}  // namespace carillon::mqtt
