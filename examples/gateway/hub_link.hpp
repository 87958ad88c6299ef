#pragma once

#include "base/device_id.hpp"
#include "io/client_io.hpp"
#include "io/tls_stream.hpp"
#include "wire/amqp/connection.hpp"
#include "wire/amqp/device/device_messages.hpp"
#include "wire/amqp/hub_links.hpp"
#include "wire/sas/connection_string.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gateway {

using namespace carillon;

/// How the gateway reaches its hub.
struct HubAddress {
    sas::ConnectionString login;  ///< Of a policy with the right DeviceConnect.
    std::string ca_file;
    std::string address;  ///< To connect to; empty: the hub's name.
    std::uint16_t port = 5671;
};

/// What the hub wants of one local device. Called from within calls of `HubLink`'s own, not from within those
/// that the device makes.
class Hosted {
public:
    virtual ~Hosted() = default;
    virtual const IdentityKey& key() const = 0;
    /// The hub has stored, or refused for good, the message of this number.
    virtual void telemetry_settled(std::uint64_t number, bool is_stored) = 0;
    virtual void twin_answered(std::string_view request, const amqp::TwinNews& news) = 0;
    virtual void desired_changed(std::int64_t version, std::string_view body) = 0;
    /// To be answered by `HubLink::answer_method`, as long as the connection to the hub lasts.
    virtual void method_called(std::string correlation, std::string_view name, std::string_view payload) = 0;
    /// To be settled by `HubLink::settle_message`.
    virtual void message_came(const amqp::Receipt& receipt, const amqp::DeviceMessage& message) = 0;
    /// The connection to the hub is lost: calls and messages that are not settled yet are void.
    virtual void hub_lost() = 0;
    /// The connection is there again. What the hub said meanwhile has not reached the device.
    virtual void hub_back() = 0;
    /// The hub does not take the device, or no longer: it is forgotten here.
    virtual void refused(std::string_view reason) = 0;
};

/// What a device has subscribed to.
struct Interests {
    bool methods = false;
    bool desired = false;
    bool messages = false;
};

/// One AMQP connection to the hub, for all devices: made again when it is lost, its token renewed in time,
/// and what devices sent meanwhile sent then. On the loop's thread.
class HubLink final : private amqp::ConnectionHost, private client::StreamHandler {
public:
    static constexpr std::chrono::seconds token_life{3600};
    static constexpr std::chrono::milliseconds backoff_min{500};
    static constexpr std::chrono::milliseconds backoff_max{30'000};
    /// Bytes on their way to the hub beyond which nothing is added.
    static constexpr std::size_t unsent_bytes_max = 256 * 1024;
    /// Telemetry of all devices that the hub has not stored.
    static constexpr std::size_t kept_bytes_max = 64 * 1024 * 1024;
    static constexpr std::size_t twin_requests_max = 64;  ///< Of one device, not answered.
    static constexpr std::uint32_t method_credit = 16;

    /// Fails as `TlsClient::load` does.
    static Result<std::unique_ptr<HubLink>> open(client::ClientIo& io, HubAddress address);
    ~HubLink() override;

    void start();

    // --- of devices --------------------------------------------------------------------------------
    void add(Hosted& device);
    void remove(Hosted& device);
    void set_interests(Hosted& device, Interests interests);
    /// Kept until the hub has stored it. False if the gateway keeps too much already.
    [[nodiscard]] bool send_telemetry(Hosted& device, std::uint64_t number,
                                      const amqp::DeviceMessage& message);
    /// False if the hub is away, or too many are not answered.
    [[nodiscard]] bool ask_twin(Hosted& device, std::string_view request, amqp::TwinOperation operation,
                                std::optional<std::int64_t> version, std::string_view body);
    void answer_method(Hosted& device, std::string_view correlation, int status, std::string_view payload);
    /// How many cloud-to-device messages the device takes.
    void set_room(Hosted& device, std::uint32_t room);
    void settle_message(const amqp::Receipt& receipt, amqp::Outcome outcome);

    bool is_ready() const { return is_ready_; }
    std::size_t device_count() const { return devices_.size(); }

private:
    struct Kept {
        std::string message;
        bool is_sent = false;
    };
    struct Device {
        Hosted* host = nullptr;
        Interests interests;
        /// By number, so in their order. Bound: HubLink::kept_bytes_max
        std::map<std::uint64_t, Kept> telemetry;
        std::size_t twin_requests = 0;  ///< Not answered.
        /// Of these, those that wait for credit. Bound: HubLink::twin_requests_max
        std::deque<std::string> unsent_requests;
        bool follows_desired = false;  ///< The hub was asked for changes.
        bool was_lost = false;
        std::uint32_t room = 0;  ///< Messages that may still come.
        // Links, 0 where there is none:
        amqp::LinkId telemetry_link = 0;
        amqp::LinkId twin_requests_link = 0;
        amqp::LinkId twin_answers_link = 0;
        amqp::LinkId method_calls_link = 0;
        amqp::LinkId method_answers_link = 0;
        amqp::LinkId messages_link = 0;
    };
    struct Role {
        Hosted* host = nullptr;  ///< Null: of the connection itself.
        amqp::LinkId Device::*link = nullptr;
    };

    HubLink(client::ClientIo& io, HubAddress address, std::shared_ptr<const client::TlsClient> tls);

    // --- StreamHandler
    void opened() override;
    void received(Bytes bytes) override;
    void drained() override;
    void closed(const Error& reason) override;
    // --- ConnectionHost
    std::string& output() override { return output_; }
    bool takes_output() const override { return stream_ && stream_->unsent() < unsent_bytes_max; }
    void sasl_requested(const amqp::SaslInit&) override {}
    void opened(const amqp::Open& open) override;
    void link_requested(amqp::LinkId link, const amqp::Attach& attach) override;
    void attached(amqp::LinkId link, const amqp::Attach& attach) override;
    void delivered(const amqp::Delivery& delivery) override;
    void disposed(const amqp::Disposal& disposal) override;
    void confirmed(amqp::LinkId, std::uint32_t, const amqp::DeliveryState&) override {}
    void flowed(amqp::LinkId link) override;
    void detached(amqp::LinkId link, const amqp::Condition& error) override;

    void connect();
    void try_again();
    void lost(std::string_view reason);
    void drop_connection();
    void put_token();
    void token_answered(const amqp::MessageView& message);
    void attach_links(Device& device);
    amqp::LinkId attach(Device& device, amqp::LinkId Device::*link, amqp::LinkRole role,
                        std::string_view suffix, std::uint32_t credit);
    void detach_links(Device& device);
    void drop(Device& device, std::string_view reason);
    void pump(Device& device);
    Device* find(const Hosted& device);
    Device* find_by_link(amqp::LinkId link);
    bool send(amqp::LinkId link, std::string_view message, std::uint64_t cookie);
    void settle();
    void arm();

    client::ClientIo& io_;
    const HubAddress address_;
    const std::shared_ptr<const client::TlsClient> tls_;
    std::map<const Hosted*, Device> devices_;       ///< Bound: LocalServer::devices_max
    std::unordered_map<amqp::LinkId, Role> links_;  ///< Bound: amqp::ConnectionLimits::links_max
    std::size_t kept_bytes_ = 0;
    std::unique_ptr<client::TlsStream> stream_;
    amqp::ConnectionSettings settings_;
    std::unique_ptr<amqp::Connection> connection_;
    std::string output_;
    amqp::SessionId session_ = 0;
    amqp::LinkId token_link_ = 0;
    amqp::LinkId token_answers_link_ = 0;
    std::uint64_t last_tag_ = 0;
    std::uint64_t attempt_ = 0;  ///< Connections begun; what belongs to an earlier one is void.
    std::chrono::milliseconds backoff_ = backoff_min;
    std::optional<client::Loop::Timer> timer_;
    bool is_token_sent_ = false;
    bool is_ready_ = false;     ///< The hub has taken the token.
    bool is_settling_ = false;  ///< What was asked is sent at the end of this turn.
};

}  // namespace gateway
