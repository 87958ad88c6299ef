#pragma once

#include "base/timers.hpp"
#include "core/shard/record.hpp"
#include "endpoint/device/connected_device.hpp"
#include "endpoint/mqtt/mqtt_endpoint.hpp"
#include "net/channel.hpp"
#include "wire/mqtt/session.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace carillon::mqtt {

/// One MQTT connection of a device: joins a channel, the protocol's session, and what the device may do.
///
/// It owns itself. It is born on the accepting thread, moves with its channel to the thread of the
/// device's shard once CONNECT names the device, and from then on everything about it happens there,
/// without locks. It dies when the channel has closed and no answer of the hub is outstanding any
/// more (`Pin`).
///
/// A session ends for one of three reasons: the client or its network (`received`, `closed`), a rule
/// it broke (the session), the hub (`DeviceLink::close`: takeover, removal, new keys). All meet in
/// `wind_up`, which runs once.
class Connection final : public ChannelHandler, public SessionHost, public DeviceLink {
public:
    /// Output that may wait for a peer before its input is left in the kernel and jobs hold back. A peer
    /// that does not read is sent nothing beyond: a direct method then times out for its caller, and a
    /// notification ends the connection, so that the device reads its twin anew. The channel cuts a
    /// peer that takes nothing for 10 s.
    static constexpr std::size_t output_bytes_max = 128 * 1024;
    /// What may wait with a request of the hub added. Below the channel's own limit, where a send fails, by
    /// more than topics and frames take.
    static constexpr std::size_t request_output_bytes_max = 248 * 1024;

    Connection(MqttEndpoint& endpoint, std::unique_ptr<Channel> channel);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // ChannelHandler
    void received(Bytes bytes) override;
    void drained() override;
    void ended(Channel& channel) override;
    void shutting_down(Channel& channel) override;
    void key_ended(Channel& channel) override;
    void closed(Errc reason) override;

    // SessionHost
    std::string& output() override;
    bool takes_output() const override;
    void connect_requested(const ConnectRequest& request) override;
    void store_subscriptions() override;
    void subscriptions_changed() override;
    void telemetry(const TelemetryPublish& publish) override;
    void twin_get(std::string_view rid) override;
    void twin_patch(const TwinPatchPublish& publish) override;
    void cloud_message_acknowledged(const DeliveryTag& tag) override;
    void method_answered(std::uint16_t request_id, int status, std::string_view payload) override;

    // DeviceLink
    bool takes_method(std::string_view name) const override;
    bool will_take_method(std::string_view name) const override;
    void send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) override;
    bool takes_desired() const override;
    void send_desired(std::int64_t version, std::string_view body) override;
    std::size_t cloud_message_room() const override;
    Taken send_cloud_message(const CloudDelivery& delivery) override;
    bool is_congested() const override;
    void close(Errc reason) override;

private:
    friend class carillon::MqttEndpoint;
    struct PendingConnect;

    /// Around everything that talks to the session: when the outermost ends, what was said is sent,
    /// and a session that has ended is wound up.
    class Scope {
    public:
        explicit Scope(Connection& connection) : connection_(connection) { ++connection_.depth_; }
        ~Scope() {
            if (--connection_.depth_ == 0) connection_.settle();
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Connection& connection_;
    };
    /// Keeps the connection alive until a callback has run; moved, not copied.
    class Pin {
    public:
        explicit Pin(Connection& connection) : connection_(&connection) { ++connection_->pins_; }
        Pin(Pin&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
        ~Pin() {
            if (connection_ != nullptr) connection_->unpin();
        }
        Pin& operator=(Pin&&) = delete;
        Connection* operator->() const { return connection_; }
        Connection& operator*() const { return *connection_; }

    private:
        Connection* connection_;
    };

    void authenticate();
    void begin(bool clean_session);
    void accept(bool session_present, const std::vector<StoredFilter>& restored);
    void arm();
    void timer_fired();
    void answer_patch(const std::string& rid, Ticket ticket, const Result<std::int64_t>& result);
    void answer_failure(std::string_view rid, const Error& error);
    void settle();
    void flush();
    void update_reading();
    void wind_up();
    void publish_will();
    void count_end();
    void unpin();
    /// The endpoint goes away and the threads have stopped: dies now, or with its last pin.
    void abandon();
    std::size_t waiting_output() const;
    bool has_room_for(std::size_t bytes) const;

    MqttEndpoint* endpoint_;  ///< Null once it is gone.
    std::unique_ptr<Channel> channel_;
    ThreadState* thread_state_;
    device::ConnectedDevice device_;
    Session session_;
    /// Borrowed from the thread while there is something to say. Bound: ChannelLimits::lone_bytes_max.
    std::unique_ptr<std::string> output_;
    std::unique_ptr<PendingConnect> pending_;
    Timers::Id timer_;
    std::uint32_t pins_ = 0;
    std::uint16_t depth_ = 0;
    bool is_moving_ : 1 = false;  ///< Between threads: nobody touches the channel.
    bool is_reading_ : 1 = true;
    bool is_wound_up_ : 1 = false;
    bool is_gone_ : 1 = false;  ///< The channel has closed.
    bool recheck_asked_ : 1 = false;
    bool closed_by_hub_ : 1 = false;
    bool closed_by_core_ : 1 =
        false;  ///< Through `DeviceLink`; the record is let go when the channel has closed.
    bool drops_will_ : 1 = false;
    bool is_c_client_ : 1 = false;  ///< Gets no payload of a method as an empty body, not as `null`.
    Connection* next_ = nullptr;    ///< In the endpoint's list.
    Connection* previous_ = nullptr;
};

}  // namespace carillon::mqtt
