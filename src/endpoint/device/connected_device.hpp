#pragma once

#include "base/unique_function.hpp"
#include "core/shard/record.hpp"
#include "endpoint/device/authentication.hpp"
#include "endpoint/device/device_message.hpp"
#include "endpoint/device/device_span.hpp"
#include "model/cloud_message.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Hub;
class Shard;
enum class ThrottleClass : std::uint8_t;

namespace device {

class ConnectionLogs;

/// What a device or module may ask of the hub while it is connected, whatever protocol it speaks. Each
/// protocol is a translation: it reads what the device says and calls this, and what the hub says to the
/// device it gets as a `DeviceLink`. There is one for each identity, not for each socket, as some protocols
/// carry many devices over one.
///
/// Everything here happens on the thread of the device's shard (`home`), to which the protocol has gone
/// before it constructs or calls this. Callbacks come on that thread, at once or later, and also after
/// `disconnect`: who is called must still be there.
class ConnectedDevice {
public:
    using Stored = UniqueFunction<void(Result<>)>;
    using Reported = UniqueFunction<void(Result<std::int64_t>)>;
    /// Which way a device comes, for the log and its history of connections.
    struct Origin {
        std::string_view protocol;  ///< Lives as long as the program.
        std::string_view peer;      ///< `address:port`
    };

    /// The shard that owns the device. From any thread.
    static Shard& home(Hub& hub, const DeviceId& device);

    /// `link` is told what the hub wants of the device. All outlive this; without `logs` nothing is noted.
    ConnectedDevice(Hub& hub, DeviceLink& link, ConnectionLogs* logs = nullptr)
        : hub_(hub), link_(link), logs_(logs) {}
    ConnectedDevice(const ConnectedDevice&) = delete;
    ConnectedDevice& operator=(const ConnectedDevice&) = delete;

    /// Judges credentials without connecting, for protocols in which a client proves itself before it says
    /// what it wants. On the thread of `home`. Fails as `judge` does.
    static Result<Proof> check(Hub& hub, const Credentials& credentials);

    // --- coming and going ----------------------------------------------------------------------
    /// Authenticates and makes the link the identity's connection, which ends an older one. `model_id`
    /// is what the device says that it implements; it may be empty or no model's name.
    /// Fails with `iot_hub_unauthorized`, `device_disabled` and, from a strict hub, `throttling_exception`;
    /// the detail is for the log only. May be tried again.
    Result<> connect(const Credentials& credentials, std::string_view model_id, const Origin& origin);
    /// Stands on other credentials from now on, such as a newer token; the link stays. Fails as `judge` does,
    /// and then all is as before.
    Result<> renew(const Credentials& credentials);
    /// To be told of a `connect` or `check` that failed: gives how long the answer to the device must wait
    /// (`LoginBrake`). On the thread of `home`.
    static Duration refused(Hub& hub, const IdentityKey& key, const Error& why, const Origin& origin,
                            ConnectionLogs* logs);
    bool is_connected() const { return is_connected_; }
    /// The policy's key by which it connected, if any: what the connection stands on.
    KeyTag key() const { return key_; }
    /// The link goes: requests that wait for its answers fail. Harmless if it went before, or if another
    /// took its place. To be called before the link is destroyed. `why` lives as long as the program.
    void disconnect(std::string_view why = {});
    /// When the token's time ends, the skew included; nothing if it connected without one.
    std::optional<WallTime> token_end() const { return token_end_; }
    /// When the token must be looked at again: at its end, or at `at_most` if that is sooner.
    TimePoint token_deadline(TimePoint at_most) const;
    /// A token has ended and the connection should; a certificate does not end.
    bool is_token_expired() const;

    // --- sessions that outlive a connection -----------------------------------------------------
    /// The subscriptions of the stored session; null if there are none: a session begins with its first one.
    /// A client that is told of a session does not subscribe again, not even if its SUBSCRIBE was lost
    /// (mqtt.js: client.ts).
    const std::vector<Subscription>* stored_session() const;
    /// Replaces the stored session, or forgets it. `done` when that is durable.
    void store_session(std::optional<std::vector<Subscription>> subscriptions, Stored done);
    /// `DeviceLink::takes_method` may answer otherwise than before.
    void method_subscriptions_changed();

    // --- telemetry -------------------------------------------------------------------------------
    /// Keeps a message; `done` when it is durable. If it fails at once, `done` is not called:
    /// `device_not_found` if the identity is gone, `message_too_large`, and from a strict hub
    /// `throttling_exception`.
    Result<> send(DeviceMessage message, Stored done);
    /// Keeps what the device left to be said at the end of its connection. Nobody is told of a failure.
    void send_last(DeviceMessage message);

    // --- twin --------------------------------------------------------------------------------------
    /// Desired and reported properties as JSON. Fails with `device_not_found`, `throttling_exception`.
    Result<std::string> twin();
    /// Merges the JSON text `patch` into the reported properties; `done` gets their new `$version` when it
    /// is durable. `expected_version` is a precondition. Fails with `iot_hub_format_error`,
    /// `argument_invalid`, `precondition_failed`, `generic_request_entity_too_large`, `device_not_found`,
    /// `throttling_exception`.
    void report(std::string_view patch, std::optional<std::int64_t> expected_version, Reported done);

    // --- cloud-to-device messages -------------------------------------------------------------------
    /// There may be more room for them than before (`DeviceLink::cloud_message_room`), as when the device
    /// subscribed to them or settled one.
    void offer_cloud_messages();
    /// The same where it may want others than before.
    void offer_all_cloud_messages();
    /// What the device says of a message that it was sent; `done` when that is durable. Fails with
    /// `device_message_lock_lost`, `device_not_found`, `service_unavailable`.
    void settle_cloud_message(const LockToken& lock, Settlement how, Stored done);

    // --- methods -----------------------------------------------------------------------------------
    /// The device's answer to `DeviceLink::send_method`; an unknown or expired request is ignored.
    void answer_method(std::uint16_t request_id, int status, std::string_view payload);

    /// Tells whoever traces the device what it did, or was told: a word, and members of a JSON object such as
    /// `"bytes":12`, or nothing. To be called where somebody traces (`is_traced`).
    bool is_traced() const;
    void trace(std::string_view event, std::string_view members = {}) const;
    /// The same of a direct method that its link sends.
    void trace_method(std::uint16_t request_id, std::string_view name) const;

    /// Tells the identities of a hub apart, for as long as it runs; once `connect` has succeeded.
    std::uint64_t number() const;

    /// Whose clock, timers and random numbers the protocol uses; once `connect` was called.
    Shard& shard() const { return *shard_; }

private:
    void stand_on(const Proof& proof);
    Record* record() const;
    Record* heard_from();
    Result<> throttle(ThrottleClass what) const;
    Sender sender(const Record& record) const;
    /// Of something that this device asks for; nothing where none is kept.
    DeviceSpan span(std::string_view name, const std::optional<TraceContext>& parent = std::nullopt) const;

    Hub& hub_;
    DeviceLink& link_;
    ConnectionLogs* const logs_;
    Shard* shard_ = nullptr;
    std::unique_ptr<std::string> model_id_;  ///< Null if none was named. Bound: model_id_bytes_max.
    std::string_view protocol_;              ///< Lives as long as the program.
    std::optional<WallTime> token_end_;
    /// Finds the record, which may be removed at any time. Never given to another.
    Ordinal ordinal_ = 0;
    AuthMethod auth_method_ = AuthMethod::device_key;
    KeyTag key_ = KeyTag::none;
    bool is_connected_ = false;
};

}  // namespace device
}  // namespace carillon
