#include "endpoint/device/connected_device.hpp"

#include "base/json.hpp"
#include "core/hub/device_traces.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/hub_keys.hpp"
#include "core/hub/login_brake.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/device/connection_log.hpp"
#include "wire/sas/sas_token.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon::device {

namespace {

using EventKind = ConnectionEvent::Kind;

void note(ConnectionLogs* logs, const Shard& shard, Ordinal identity, EventKind kind, std::string_view reason,
          const ConnectedDevice::Origin& origin = {}) {
    if (logs == nullptr) return;
    logs->of(shard).note({.kind = kind,
                          .identity = identity,
                          .time = shard.clock().wall_now(),
                          .protocol = origin.protocol,
                          .reason = reason,
                          .peer = ConnectionEvent::Peer(origin.peer)});
}

/// `done`, after which the span has ended.
template <class T>
UniqueFunction<void(Result<T>)> spanned(DeviceSpan span, UniqueFunction<void(Result<T>)> done) {
    if (!span) return done;
    return [span = std::move(span), done = std::move(done)](Result<T> result) mutable {
        span.ended(!result.has_value());
        done(std::move(result));
    };
}

}  // namespace

Shard& ConnectedDevice::home(Hub& hub, const DeviceId& device) {
    return hub.shards().owner(device);
}

// --- traces ----------------------------------------------------------------------------------------

bool ConnectedDevice::is_traced() const {
    return hub_.traces().is_on();
}

void ConnectedDevice::trace(std::string_view event, std::string_view members) const {
    const Record* known = record();
    if (known == nullptr) return;
    const Clock& clock = shard_->clock();
    hub_.traces().note(known->key.path(), clock.now(), clock.wall_now(), event, members);
}

void ConnectedDevice::trace_method(std::uint16_t request_id, std::string_view name) const {
    if (!is_traced()) return;
    std::string members;
    JsonWriter(members).key("requestId").value(std::uint32_t{request_id}).key("method").value(name);
    trace("method sent", members);
}

DeviceSpan ConnectedDevice::span(std::string_view name, const std::optional<TraceContext>& parent) const {
    SpanSink* const spans = hub_.traces().spans();
    const Record* known = spans != nullptr ? record() : nullptr;
    if (known == nullptr) return {};
    return {spans, shard_->clock(), known->key, {.name = name, .protocol = protocol_}, parent};
}

// --- coming and going ------------------------------------------------------------------------------

Result<Proof> ConnectedDevice::check(Hub& hub, const Credentials& credentials) {
    const IdentityKey& key = credentials.key;
    Shard& shard = home(hub, key.device);
    auto registered = [](const Record* found) {
        return found != nullptr && found->exists() ? std::optional(found->committed->identity.unpack())
                                                   : std::nullopt;
    };
    const std::optional<Identity> identity = registered(shard.directory().find(key));
    const std::optional<Identity> device =
        key.is_module() ? registered(shard.directory().find(IdentityKey(key.device))) : identity;
    auto proof = judge(credentials, identity ? &*identity : nullptr, device ? &*device : nullptr,
                       hub.policies(), hub.host_names(), shard.clock().wall_now());
    static_assert(TokenRevocations::skew_s == sas::clock_skew_s);
    const bool is_revoked =
        proof && proof->expires &&
        hub.keys().revocations().refuses(key.device, proof->expires->plus_s(-sas::clock_skew_s));
    if (is_revoked) return fail(Errc::iot_hub_unauthorized, "revoked token");
    return proof;
}

Result<> ConnectedDevice::connect(const Credentials& credentials, std::string_view model_id,
                                  const Origin& origin) {
    shard_ = &home(hub_, credentials.key.device);
    const auto proof = check(hub_, credentials);
    if (!proof) return fail(proof.error());
    if (auto passed = throttle(ThrottleClass::connections); !passed) return passed;

    stand_on(*proof);
    if (!model_id.empty()) model_id_ = std::make_unique<std::string>(model_id);
    Record* record = shard_->directory().find(credentials.key);
    ordinal_ = record->ordinal;
    is_connected_ = true;
    protocol_ = origin.protocol;
    DeviceSpan connecting = span("device connect");
    shard_->attach(*record, link_);
    note(logs_, *shard_, ordinal_, EventKind::connected, {}, origin);
    if (is_model_id(model_id)) shard_->announce_model(*record, model_id);
    if (is_traced()) trace("connected");
    connecting.ended(false);
    return {};
}

Result<> ConnectedDevice::renew(const Credentials& credentials) {
    const auto proof = check(hub_, credentials);
    if (!proof) return fail(proof.error());
    stand_on(*proof);
    return {};
}

void ConnectedDevice::stand_on(const Proof& proof) {
    auth_method_ = proof.method;
    token_end_ = proof.expires;
    key_ = proof.key;
}

Duration ConnectedDevice::refused(Hub& hub, const IdentityKey& key, const Error& why, const Origin& origin,
                                  ConnectionLogs* logs) {
    Shard& shard = home(hub, key.device);
    // Of who is not registered nothing is kept.
    if (const Record* known = shard.directory().find(key); known != nullptr && known->exists()) {
        note(logs, shard, known->ordinal, EventKind::refused, errc_name(why.code), origin);
    }
    const std::string path = key.path();
    const Clock& clock = shard.clock();
    if (hub.traces().is_on()) {
        std::string members;
        JsonWriter(members)
            .key("protocol")
            .value(origin.protocol)
            .key("peer")
            .value(origin.peer)
            .key("why")
            .value(why.detail);
        hub.traces().note(path, clock.now(), clock.wall_now(), "refused", members);
    }
    if (why.code != Errc::iot_hub_unauthorized) return Duration::zero();
    const LoginBrake::Failure failure{
        .protocol = origin.protocol, .identity = path, .peer = origin.peer, .why = why.detail};
    return hub.logins().failed(failure, clock.now());
}

void ConnectedDevice::disconnect(std::string_view why) {
    if (!std::exchange(is_connected_, false)) return;
    note(logs_, *shard_, ordinal_, EventKind::disconnected, why);
    if (is_traced()) trace("disconnected");
    // After the hub closed the link the record may be gone, or have another link.
    if (Record* known = record()) shard_->detach(*known, link_);
}

TimePoint ConnectedDevice::token_deadline(TimePoint at_most) const {
    if (!token_end_) return at_most;
    const TimePoint now = shard_->clock().now();
    const auto cap_s = std::chrono::duration_cast<std::chrono::seconds>(at_most - now).count() + 1;
    const std::int64_t left_s = token_end_->unix_s() - shard_->clock().wall_now().unix_s() + 1;
    return std::min(at_most, now + std::chrono::seconds(std::clamp<std::int64_t>(left_s, 0, cap_s)));
}

bool ConnectedDevice::is_token_expired() const {
    return token_end_ && *token_end_ < shard_->clock().wall_now();
}

std::uint64_t ConnectedDevice::number() const {
    return std::uint64_t{shard_->number()} << 32 | ordinal_;
}

Record* ConnectedDevice::record() const {
    return shard_->directory().find(ordinal_);
}

/// The record, which notes that the device was heard from; null if its identity is gone.
Record* ConnectedDevice::heard_from() {
    Record* known = record();
    if (known == nullptr) return nullptr;
    shard_->touch(*known);
    return known->exists() ? known : nullptr;
}

/// A device is not made to wait: the service answers or closes. Source: IoT Hub docs, "Communicate with
/// your IoT hub using the MQTT protocol"; azure-iot-sdk-c#1766.
Result<> ConnectedDevice::throttle(ThrottleClass what) const {
    return hub_.throttles().take_now(what, shard_->clock().now());
}

// --- sessions --------------------------------------------------------------------------------------

const std::vector<Subscription>* ConnectedDevice::stored_session() const {
    const Record* known = record();
    return known != nullptr && known->has_session && !known->subscriptions.empty() ? &known->subscriptions
                                                                                   : nullptr;
}

void ConnectedDevice::store_session(std::optional<std::vector<Subscription>> subscriptions, Stored done) {
    Record* known = record();
    if (known == nullptr) return done(fail(Errc::device_not_found, "identity is gone"));
    if (is_traced()) {
        trace("subscriptions", fmt::format("\"count\":{}", subscriptions ? subscriptions->size() : 0));
    }
    shard_->store_session(*known, std::move(subscriptions), std::move(done));
}

void ConnectedDevice::method_subscriptions_changed() {
    if (Record* known = record()) shard_->method_subscriptions_changed(*known);
}

// --- telemetry -------------------------------------------------------------------------------------

Sender ConnectedDevice::sender(const Record& record) const {
    return {.record = record,
            .method = auth_method_,
            .model_id = model_id_ ? std::string_view(*model_id_) : std::string_view(),
            .now = shard_->clock().wall_now()};
}

Result<> ConnectedDevice::send(DeviceMessage message, Stored done) {
    Record* known = heard_from();
    if (known == nullptr) return fail(Errc::device_not_found, "identity is gone");
    if (auto passed = throttle(ThrottleClass::telemetry); !passed) return passed;
    if (auto passed = hub_.throttles().callers().take_message(shard_->number(), ordinal_, message.body.size(),
                                                              shard_->clock().now());
        !passed) {
        return passed;
    }
    DeviceSpan sending;
    if (hub_.traces().spans() != nullptr) sending = span("device telemetry", trace_of(message));
    auto made = make_message(std::move(message), sender(*known));
    if (is_traced()) trace("telemetry", fmt::format("\"accepted\":{}", made.has_value()));
    if (!made) {
        sending.ended(true);
        return fail(std::move(made).error());
    }
    shard_->telemetry().append(*known, *std::move(made), spanned(std::move(sending), std::move(done)));
    return {};
}

void ConnectedDevice::send_last(DeviceMessage message) {
    Record* known = record();
    if (!is_connected_ || known == nullptr || !known->exists()) return;
    auto made = make_message(std::move(message), sender(*known));
    if (!made) return;
    // What the store refuses is logged there.
    shard_->telemetry().append(*known, *std::move(made), [](const Result<>&) {});
}

// --- twin ------------------------------------------------------------------------------------------

Result<std::string> ConnectedDevice::twin() {
    const Record* known = heard_from();
    if (known == nullptr) return fail(Errc::device_not_found, "identity is gone");
    if (auto passed = throttle(ThrottleClass::twin_reads); !passed) return fail(std::move(passed).error());
    if (is_traced()) trace("twin read");
    DeviceSpan reading = span("device twin read");
    std::string json;
    append_device_twin_json(json, known->committed->twin);
    reading.ended(false);
    return json;
}

void ConnectedDevice::report(std::string_view patch, std::optional<std::int64_t> expected_version,
                             Reported done) {
    Record* known = heard_from();
    if (known == nullptr) return done(fail(Errc::device_not_found, "identity is gone"));
    if (auto passed = throttle(ThrottleClass::twin_updates); !passed) {
        return done(fail(std::move(passed).error()));
    }
    if (is_traced()) trace("twin update", fmt::format("\"bytes\":{}", patch.size()));
    done = spanned(span("device twin update"), std::move(done));
    auto document = JsonDocument::parse(patch);
    if (!document) return done(fail(std::move(document).error()));
    auto parsed = SectionPatch::parse(document->root());
    if (!parsed) return done(fail(std::move(parsed).error()));
    shard_->write_reported(*known, *parsed, expected_version, std::move(done));
}

// --- cloud-to-device messages ----------------------------------------------------------------------

void ConnectedDevice::offer_cloud_messages() {
    if (!is_connected_) return;
    Record* known = record();
    if (known != nullptr && known->exists()) shard_->cloud_messages().offer(*known);
}

void ConnectedDevice::offer_all_cloud_messages() {
    if (!is_connected_) return;
    Record* known = record();
    if (known != nullptr && known->exists()) shard_->cloud_messages().offer_all(*known);
}

void ConnectedDevice::settle_cloud_message(const LockToken& lock, Settlement how, Stored done) {
    Record* known = heard_from();
    if (known == nullptr) return done(fail(Errc::device_not_found, "identity is gone"));
    if (is_traced()) trace("message settled");
    done = spanned(span("device message settle"), std::move(done));
    shard_->cloud_messages().settle(*known, lock, how, std::move(done));
}

// --- methods ---------------------------------------------------------------------------------------

void ConnectedDevice::answer_method(std::uint16_t request_id, int status, std::string_view payload) {
    Record* known = record();
    if (known == nullptr) return;
    shard_->touch(*known);
    if (is_traced()) {
        trace("method answered",
              fmt::format("\"requestId\":{},\"status\":{},\"bytes\":{}", request_id, status, payload.size()));
    }
    shard_->methods().answered(*known, request_id, status, payload);
}

}  // namespace carillon::device
