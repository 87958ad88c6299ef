#pragma once

#include "base/device_id.hpp"
#include "core/shard/record.hpp"
#include "endpoint/amqp/mail_room.hpp"
#include "endpoint/amqp/telemetry_message.hpp"
#include "endpoint/device/connected_device.hpp"
#include "model/cloud_message.hpp"
#include "net/channel.hpp"
#include "wire/amqp/connection.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
class IoThread;
}

namespace carillon::amqp {

class HostedDevice;
class HubConnection;

/// On which link a cloud-to-device message leaves: the device's or module's own, or that of a module's
/// inputs.
enum class CloudLane : std::uint8_t { messages, inputs };
inline constexpr std::size_t cloud_lanes = 2;

/// A device of an AMQP connection as its shard sees it. One connection may carry many devices, whose shards
/// live on several threads, so it moves to none of them: of each device this lives on the thread of its
/// shard, holds its `ConnectedDevice`, and passes values to and fro. Shared by whoever still has something to
/// tell it.
class DeviceProxy final : public DeviceLink, public std::enable_shared_from_this<DeviceProxy> {
public:
    DeviceProxy(HubConnection& connection, IdentityKey key);

    // --- from the connection's thread ----------------------------------------------------------------
    /// What a device shows to prove itself, owned.
    struct Login {
        std::vector<std::string> tokens;  ///< To be tried in turn; a certificate counts if there are none.
        std::optional<PeerCertificate> certificate;
        std::string model_id;
        std::string peer;
    };
    /// Tells `HostedDevice::connected`.
    void connect(Login login);
    /// Tells `HostedDevice::renewed`.
    void renew(std::vector<std::string> tokens);
    /// Keeps all messages of one delivery, and disposes of it when they are durable.
    void send(std::vector<TelemetryMessage> messages, const Receipt& receipt);
    /// Tells `HostedDevice::answer_twin`, as does `report`.
    void get_twin(const Receipt& receipt, std::string correlation_id);
    void report(const Receipt& receipt, std::string correlation_id, std::string patch,
                std::optional<std::int64_t> expected_version);
    void answer_method(std::uint16_t request_id, int status, std::string payload);
    /// The `credit` of a link for cloud-to-device messages, when `seen` of those sent here for it had been
    /// taken; nothing when there is no such link any more.
    void set_cloud_room(CloudLane lane, std::optional<std::uint32_t> credit, std::uint64_t seen);
    /// What the device says of a cloud-to-device message; tells `HostedDevice::cloud_settled`.
    void settle_cloud_message(const LockToken& lock, Settlement how, const Disposal& disposal);
    /// Whether the device takes direct methods and notifications of desired properties from now on.
    void take_methods(bool takes);
    /// Tells `HostedDevice::desired_taken` once it is so, if there is a request to answer.
    void take_desired(bool takes, std::optional<std::pair<Receipt, std::string>> request);
    /// The connection speaks for the device no more; the last call.
    void leave();

    // DeviceLink, on the shard's thread
    bool takes_method(std::string_view) const override { return takes_methods_; }
    void send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) override;
    bool takes_desired() const override { return takes_desired_; }
    void send_desired(std::int64_t version, std::string_view body) override;
    std::size_t cloud_message_room() const override;
    std::optional<Duration> cloud_message_lock() const override { return CloudMessageLimits::lock_time; }
    Taken send_cloud_message(const CloudDelivery& delivery) override;
    bool is_congested() const override;
    void close(Errc reason) override;

private:
    /// Runs `function(*this)` on the shard's thread.
    template <class F>
    void there(F function);
    /// Runs `function(HostedDevice&)` on the connection's thread if it still speaks for the device through
    /// this.
    template <class F>
    void back(F function);
    Result<> try_tokens(const Login& login, bool renews);

    const std::shared_ptr<HubConnection> connection_;
    const IdentityKey key_;
    Hub& hub_;
    IoThread& thread_;  ///< The shard's.
    device::ConnectedDevice device_;
    /// For what is on its way to the connection. A device that has no room is sent no methods, and ends if it
    /// is told of desired properties.
    MailRoom mail_;
    /// A link for cloud-to-device messages.
    struct Lane {
        std::uint64_t sent = 0;  ///< To the connection.
        std::uint64_t seen = 0;  ///< Of these, how many it had taken when it told `credit`.
        std::uint32_t credit = 0;
        bool is_open = false;
        std::size_t room() const { return credit - std::min<std::uint64_t>(sent - seen, credit); }
    };
    std::array<Lane, cloud_lanes> lanes_;
    bool takes_methods_ = false;
    bool takes_desired_ = false;
    bool is_closed_ = false;       ///< By the hub.
    std::string_view closed_for_;  ///< Why; lives as long as the program.
};

}  // namespace carillon::amqp
