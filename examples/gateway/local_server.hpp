#pragma once

#include "gateway/hub_link.hpp"
#include "io/loop.hpp"
#include "wire/mqtt/session.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

class LocalServer;

/// A local device: MQTT as with the hub itself, without TLS and password, and behind it the hub's side of
/// that, by the gateway's connection.
class LocalDevice final : public client::Pollable, private mqtt::SessionHost, private Hosted {
public:
    static constexpr std::size_t read_bytes_max = 16 * 1024;
    /// What waits for a device that does not read; then its connection ends.
    static constexpr std::size_t unsent_bytes_max = 1024 * 1024;
    static constexpr std::size_t method_calls_max = 64;  ///< Not answered.

    LocalDevice(LocalServer& server, client::Loop& loop, HubLink& hub, int descriptor);
    ~LocalDevice() override;

    /// Of the device that has logged in; empty before.
    std::string path() const { return key_ ? key_->path() : std::string(); }
    /// A newer connection of the same device takes its place.
    void replaced();

    void ready(std::uint32_t events) override;

private:
    void close(Errc reason, const char* detail);
    // --- SessionHost
    std::string& output() override { return output_; }
    bool takes_output() const override { return output_.size() < unsent_bytes_max; }
    void connect_requested(const mqtt::ConnectRequest& request) override;
    void store_subscriptions() override;
    void subscriptions_changed() override;
    void telemetry(const mqtt::TelemetryPublish& publish) override;
    void twin_get(std::string_view rid) override;
    void twin_patch(const mqtt::TwinPatchPublish& publish) override;
    void cloud_message_acknowledged(const mqtt::DeliveryTag& tag) override;
    void method_answered(std::uint16_t request_id, int status, std::string_view payload) override;
    // --- Hosted
    const IdentityKey& key() const override { return *key_; }
    void telemetry_settled(std::uint64_t number, bool is_stored) override;
    void twin_answered(std::string_view request, const amqp::TwinNews& news) override;
    void desired_changed(std::int64_t version, std::string_view body) override;
    void method_called(std::string correlation, std::string_view name, std::string_view payload) override;
    void message_came(const amqp::Receipt& receipt, const amqp::DeviceMessage& message) override;
    void hub_lost() override;
    void hub_back() override;
    void refused(std::string_view reason) override;

    void answer_twin(int status, std::string_view rid, std::optional<std::int64_t> version,
                     std::string_view body);
    void read();
    void write();
    void tell_room();
    /// Behind each call into the session.
    void settle();
    void arm();

    LocalServer& server_;
    client::Loop& loop_;
    HubLink& hub_;
    int descriptor_;
    std::optional<IdentityKey> key_;
    mqtt::Session session_;
    std::string output_;      ///< Bound: LocalDevice::unsent_bytes_max
    bool is_hosted_ = false;  ///< The hub's connection knows it.
    bool is_settling_ = false;
    std::uint32_t watched_ = 0;
    std::optional<client::Loop::Timer> timer_;
    /// Publishes on their way to the hub, by the number they have there. Bound: SessionLimits::window_max
    std::map<std::uint64_t, mqtt::Ticket> tickets_;
    std::uint64_t last_number_ = 0;
    /// Calls that are not answered, by the number they have here. Bound: LocalDevice::method_calls_max
    std::map<std::uint16_t, std::string> calls_;
    std::uint16_t last_call_ = 0;
    /// Messages not acknowledged, by number. Bound: SessionLimits::deliveries_max
    std::map<std::uint64_t, amqp::Receipt> messages_;
    std::uint64_t last_message_ = 0;
};

/// Takes connections of local devices, on loopback only: whoever can reach the port can speak for any device.
class LocalServer final : public client::Pollable {
public:
    static constexpr std::size_t devices_max = 4096;

    /// Fails with `io_failed`, and with `argument_invalid` for an address that is not of this machine alone.
    static Result<std::unique_ptr<LocalServer>> open(client::Loop& loop, HubLink& hub,
                                                     const std::string& address, std::uint16_t port);
    ~LocalServer() override;

    void ready(std::uint32_t events) override;

    /// A device has logged in: an earlier connection of it ends.
    void logged_in(LocalDevice& device);
    /// Its connection is over; destroyed at the end of the turn.
    void ended(LocalDevice& device);

private:
    LocalServer(client::Loop& loop, HubLink& hub, int descriptor)
        : loop_(loop), hub_(hub), descriptor_(descriptor) {}

    client::Loop& loop_;
    HubLink& hub_;
    const int descriptor_;
    std::map<const LocalDevice*, std::unique_ptr<LocalDevice>> devices_;  ///< Bound: LocalServer::devices_max
    std::map<std::string, LocalDevice*> by_path_;                         ///< Bound: LocalServer::devices_max
};

}  // namespace gateway
