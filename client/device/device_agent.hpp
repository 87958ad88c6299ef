#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "carillon/device_message.hpp"
#include "carillon/device_options.hpp"
#include "device/desired_feed.hpp"
#include "device/device_protocol.hpp"
#include "device/telemetry_queue.hpp"
#include "device/twin_requests.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::client {

struct AgentSettings {
    IdentityKey identity;
    std::string host_name;
    std::string model_id = {};
    DeviceTransport transport = DeviceTransport::mqtt;
    std::uint16_t keep_alive_s = 240;
    Duration token_lifetime = std::chrono::hours(1);
    bool renews_token = true;  ///< False: it has none, or one that was given.
    RetryPolicy retry = {};
    Duration operation_timeout = std::chrono::seconds(240);
};

/// The world around an agent: a line to the hub, chance, and who is told. None of these calls the agent in
/// turn; a link's events come later.
class AgentHost {
public:
    virtual ~AgentHost() = default;
    /// Begins a new line; answered by `link_opened` or `link_closed`.
    virtual void open_link() = 0;
    virtual void send(std::string_view bytes) = 0;
    virtual std::size_t unsent() const = 0;
    /// Ends the line, if there is one; nothing more is heard of it.
    virtual void close_link() = 0;
    /// A token that begins to live now; empty where a certificate proves the device.
    virtual std::string new_token() = 0;
    virtual std::uint64_t chance() = 0;

    virtual void status_changed(const ConnectionStatus& status) = 0;
    virtual void method_called(const MethodRequest& request, std::uint64_t call) = 0;
    virtual void desired_changed(const DesiredProperties& desired) = 0;
    virtual MessageAnswer message_received(const HubToDeviceMessage& message) = 0;
};

/// What a device client does, without socket, clock or thread: connects, comes back, renews its token, and
/// keeps account of what was given to it. Time and bytes go in, calls to the host come out. One thread.
///
///     idle --connect--> connecting --CONNACK--> connected --lost, token old--+
///      stopped --------->   ^  |                    |                        |
///         ^                 |  +---- failed --------+-----> waiting ---------+
///         +---- refused, enough attempts -------------------- |     closed: from all, by `close`
class DeviceAgent final : private DeviceSessionHost {
public:
    /// From a look-up of the name to the end of the handshake.
    static constexpr std::chrono::seconds opening_max{30};
    /// How long a connection whose token is to be renewed waits for what is under way. Ours.
    static constexpr std::chrono::seconds drain_max{30};
    /// Bytes on their way to the kernel beyond which messages wait. Ours.
    static constexpr std::size_t unsent_bytes_max = 64 * 1024;
    /// How long a direct method can be answered. Source: IoT Hub docs, "Understand and invoke direct
    /// methods from IoT Hub", method lifecycle.
    static constexpr std::chrono::seconds method_time_max{300};
    /// After what time another attempt follows one to read the twin that failed. Ours.
    static constexpr std::chrono::seconds resync_after{30};

    DeviceAgent(AgentHost& host, AgentSettings settings);

    // --- what the application wants; `now` everywhere is the present ------------------------------------
    void connect(TimePoint now);
    /// Subscribes to a feature from now on.
    void want(DeviceFeature feature, TimePoint now);
    void send(TelemetryEntry entry, TimePoint now);
    void get_twin(TwinRequests::Done done, TimePoint now);
    void report(std::string patch_json, TwinRequests::Done done, TimePoint now);
    /// False if the call's connection, or its time, is over.
    bool answer_method(std::uint64_t call, const MethodResponse& answer, TimePoint now);
    /// Ends when all is settled, or at `until`.
    void close(TimePoint until, TimePoint now);

    // --- what the line says -----------------------------------------------------------------------------
    void link_opened(TimePoint now);
    void link_received(Bytes bytes, TimePoint now);
    void link_drained(TimePoint now);
    void link_closed(const Error& reason, TimePoint now);

    /// When `tick` is due; `TimePoint::max()` if never.
    TimePoint deadline() const;
    void tick(TimePoint now);

    const ConnectionStatus& status() const { return status_; }

private:
    struct Call {
        std::uint64_t number = 0;
        std::string rid;
        TimePoint until{};
    };

    // --- DeviceSessionHost ------------------------------------------------------------------------
    std::string& output() override { return output_; }
    void connected(bool session_present) override;
    void subscribed(DeviceFeatures features) override;
    void method_called(const IncomingMethod& call) override;
    void twin_answered(const TwinAnswer& answer) override;
    void desired_changed(std::int64_t version, std::string_view patch_json) override;
    void message_received(const HubMessage& message) override;
    void telemetry_stored(std::uint16_t packet_id) override;
    void telemetry_refused(std::uint16_t packet_id, const Error& reason) override;

    bool is_over() const {
        return status_.state == ConnectionState::stopped || status_.state == ConnectionState::closed;
    }
    bool is_online() const { return session_ && session_->is_running(); }
    void enter(ConnectionState state, const Error& reason = {Errc::connection_closed, {}});
    void begin(TimePoint now);
    void settle(TimePoint now);
    void pump();
    void subscribe_missing();
    void send_twin_requests();
    void read_desired();
    void flush();
    void drop_connection();
    void lost(const Error& reason, TimePoint now);
    void renew_if_drained(TimePoint now);
    void expire(TimePoint now);
    void give_up(ConnectionState state, const Error& reason);

    AgentHost& host_;
    const AgentSettings settings_;
    ConnectionStatus status_;
    TimePoint now_{};  ///< Of the call under way.
    std::unique_ptr<DeviceProtocol> session_;
    std::string output_;
    TelemetryQueue telemetry_;
    TwinRequests twin_;
    DesiredFeed desired_;
    std::list<Call> calls_;  ///< At most `methods_pending_max`.
    DeviceFeatures wanted_;
    DeviceFeatures asked_;      ///< On this connection.
    DeviceFeatures confirmed_;  ///< On this connection.
    TimePoint opening_until_ = TimePoint::max();
    TimePoint retry_at_ = TimePoint::max();
    TimePoint renew_at_ = TimePoint::max();
    TimePoint drain_until_ = TimePoint::max();
    TimePoint resync_at_ = TimePoint::max();
    TimePoint close_at_ = TimePoint::max();
    TimePoint connected_at_{};
    std::uint64_t last_call_ = 0;
    std::uint32_t failures_ = 0;  ///< In a row.
    std::uint16_t last_packet_id_ = 0;
    bool is_closing_ = false;
};

}  // namespace carillon::client
