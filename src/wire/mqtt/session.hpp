#pragma once

#include "base/clock.hpp"
#include "base/errc.hpp"
#include "wire/mqtt/framer.hpp"
#include "wire/mqtt/hub_topics.hpp"
#include "wire/mqtt/subscriptions.hpp"
#include "wire/mqtt/user_name.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::mqtt {

struct SessionLimits {
    /// Time a peer has from accepting its connection until it is authenticated.
    /// Ours: the service's protocol gateway gives 60 s.
    static constexpr std::chrono::seconds authentication_max{10};
    /// Longest time a client may be silent, and what keep-alive 0 means.
    /// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", keep-alive.
    static constexpr std::chrono::seconds silence_max{1767};
    /// Publishes accepted and not yet durable; then the session takes no more input.
    /// Source: azure-iot-protocol-gateway: MaxPendingInboundMessages.
    static constexpr std::size_t window_max = 16;
    /// Input kept while the session takes none; the caller stops reading meanwhile, so that no more
    /// than what one read brought is ever here.
    static constexpr std::size_t held_bytes_max = 128 * 1024;
    /// How long a device that is back in its stored session is given to register its handlers (`Return`).
    /// Ours: SDKs subscribe within a round trip or two.
    static constexpr std::chrono::seconds return_max{2};
    /// Cloud-to-device messages sent at QoS 1 and not yet acknowledged; the hub then keeps the next.
    /// Source: azure-iot-protocol-gateway: MaxPendingOutboundMessages.
    static constexpr std::size_t deliveries_max = 16;
    /// Notifications kept for it meanwhile; what is more than that is sent at once, with those before it.
    static constexpr std::size_t kept_bytes_max = 64 * 1024;
};

/// What a publish will be acknowledged by; valid within its session.
using Ticket = std::uint16_t;

/// A CONNECT whose form is right, to be authenticated. Views end with the call.
struct ConnectRequest {
    const UserName& user;
    std::optional<Bytes> password;  ///< Nothing if absent or empty: a certificate must prove the device.
    bool clean_session = false;
    std::uint16_t keep_alive_s = 0;
};

/// A device-to-cloud message. Views end with the call.
struct TelemetryPublish {
    std::string_view bag;  ///< For `parse_property_bag`.
    Bytes payload;
    bool dup = false;
    bool retain = false;
    Ticket ticket = 0;
};

/// A write to reported properties. Views end with the call.
struct TwinPatchPublish {
    std::string_view rid;  ///< Empty: apply, but do not answer.
    bool has_version = false;
    std::optional<std::int64_t> version;  ///< Nothing though `has_version`: answer 400.
    Bytes payload;
    Ticket ticket = 0;
};

/// What the host calls a cloud-to-device message by that it sends; of no meaning here.
using DeliveryTag = std::array<std::uint8_t, 16>;

/// What happens when a connection with a will ends without DISCONNECT.
struct StoredWill {
    std::string bag;
    std::string payload;
    bool retain = false;
};

/// What a session asks of the hub. Calls come from within the session's own; each may be answered
/// at once, from within the call, or later.
class SessionHost {
public:
    virtual ~SessionHost() = default;
    /// Where bytes for the peer are appended; the host sends them after its call to the session.
    virtual std::string& output() = 0;
    /// False while more waits for the peer than should; the session then takes no packet until
    /// `Session::output_drained`.
    virtual bool takes_output() const = 0;
    /// Answer by `Session::accept` or `Session::refuse`.
    virtual void connect_requested(const ConnectRequest& request) = 0;
    /// `Session::proposed` is to be stored, as the session is persistent; answer by
    /// `Session::subscriptions_stored`.
    virtual void store_subscriptions() = 0;
    /// `Session::takes_method`, `takes_desired` or `cloud_message_room` may answer otherwise than before.
    virtual void subscriptions_changed() = 0;
    /// Answer by `Session::acknowledge` when it is durable, or end the connection.
    virtual void telemetry(const TelemetryPublish& publish) = 0;
    /// Answer by `Session::send_twin_response`.
    virtual void twin_get(std::string_view rid) = 0;
    /// Answer by `Session::send_twin_response` and, in any case, `Session::acknowledge`.
    virtual void twin_patch(const TwinPatchPublish& publish) = 0;
    /// The device has acknowledged a message; there is room for one more.
    virtual void cloud_message_acknowledged(const DeliveryTag& tag) = 0;
    /// A device's answer to request `request_id`, known or not.
    virtual void method_answered(std::uint16_t request_id, int status, std::string_view payload) = 0;
};

/// The server side of one MQTT 3.1.1 connection to the hub, without socket or clock: bytes and time
/// go in, requests to the host and bytes for the peer come out. One thread. An idle session owns
/// some 500 bytes.
///
///   awaiting_connect --CONNECT--> authenticating --accept--> running <--stored-- storing
///          |                          |                        |---SUBSCRIBE------^
///          +--------------------------+---- anything illegal --+--> closed
///
/// A device that comes back to a stored session is subscribed before its program has registered a handler,
/// and an SDK drops a direct method, a notification or a message that nobody handles (seen with
/// azure-iot-device 1.18). So after `accept` with restored subscriptions the session `is_returning`: direct
/// methods and messages are not taken yet and notifications are kept, each until the device subscribes to
/// them again; and both until it sends anything that is no part of a program's start (which are other
/// subscriptions and reading the twin), or `return_max` has passed. Clients that come back without
/// subscribing, as to renew a token, thus get them too.
///
/// While it is authenticating or storing, and while `window_max` publishes are not durable, the
/// session takes no packet: `wants_input` is false and what it was given waits inside. So packets
/// sent before CONNACK are legal, and an answer never overtakes the SUBACK it depends on.
///
/// Every breach of the protocol or of the hub's rules ends the session without a word, since 3.1.1
/// has none: `is_closed`, and `close_reason` for the log. Source: MQTT 3.1.1 §4.8; IoT Hub docs,
/// "Communicate with your IoT hub using the MQTT protocol".
class Session {
public:
    Session(SessionHost& host, TimePoint now);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // --- from the network ----------------------------------------------------------------------
    void receive(Bytes input, TimePoint now);
    /// False while input should stay in the kernel. Becomes true again within `accept`,
    /// `subscriptions_stored`, `acknowledge` or `output_drained` only.
    bool wants_input() const;
    /// When `tick` is due. Moves on with every byte received, so a caller with one lazy timer looks
    /// here when it fires. [MQTT-3.1.2-24]
    TimePoint deadline() const;
    void tick(TimePoint now);

    // --- answers of the hub ----------------------------------------------------------------------
    /// Sends CONNACK 0. `restored` are the stored subscriptions of a persistent session, of which
    /// those that mean nothing to this identity are dropped; `session_present` says that there was one.
    void accept(bool session_present, const std::vector<StoredFilter>& restored, TimePoint now);
    /// What waits for a device that `is_returning` waits no longer.
    void end_return();
    /// Sends a CONNACK that refuses, and closes.
    void refuse(ConnectCode code, Errc reason);
    /// The answer to `store_subscriptions`; a failure closes.
    void subscriptions_stored(bool is_stored);
    /// `SessionHost::takes_output` is true again.
    void output_drained() { resume(); }
    /// The publish of this ticket is durable; PUBACKs leave in the order of the publishes.
    void acknowledge(Ticket ticket);
    /// Sent only if the client subscribed to twin responses.
    void send_twin_response(int status, std::string_view rid, std::optional<std::int64_t> version,
                            std::string_view body);
    void send_method(std::uint16_t request_id, std::string_view name, std::string_view payload);
    void send_desired(std::int64_t version, std::string_view body);
    /// Sends a cloud-to-device message, or one for a module's `input`, for which there is
    /// `cloud_message_room` and which is subscribed to (`takes_cloud_message`). True if the device is to
    /// acknowledge it (`SessionHost::cloud_message_acknowledged`), false at QoS 0.
    bool send_cloud_message(std::string_view topic, Bytes payload, bool dup, const DeliveryTag& tag,
                            std::string_view input = {});
    /// Ends the session from the hub's side.
    void close(Errc reason, const char* detail);

    // --- what it knows ---------------------------------------------------------------------------
    bool is_running() const { return stage_ == Stage::running || stage_ == Stage::storing; }
    bool is_closed() const { return stage_ == Stage::closed; }
    Errc close_reason() const { return close_reason_; }
    const char* close_detail() const { return close_detail_; }
    /// True if it was the client's DISCONNECT that closed the session.
    bool is_disconnected() const { return is_disconnected_; }
    bool is_persistent() const { return !clean_session_; }
    /// True while something waits for a device that is back in its session, and if it did at the end.
    bool is_returning() const { return return_ != nullptr; }
    ClientIdentity identity() const { return ClientIdentity::of_client_id(client_id_); }
    const Subscriptions& subscriptions() const { return subscriptions_; }
    /// True if a direct method of this name would reach its handler now, as far as can be known.
    bool takes_method(std::string_view name) const {
        return is_running() && subscriptions_.takes_method(name) && !is_returning_for(Topic::methods);
    }
    /// True if it is not taken yet, but will be within `return_max`.
    bool will_take_method(std::string_view name) const {
        return is_running() && subscriptions_.takes_method(name) && is_returning_for(Topic::methods);
    }
    bool takes_desired() const { return is_running() && subscriptions_.has(FilterKind::desired); }
    /// Messages that may be sent now; none if the device has subscribed to none or is returning.
    std::size_t cloud_message_room() const;
    /// True if a filter selects the messages of this input, or, without one, the device's own.
    bool takes_cloud_message(std::string_view input) const { return cloud_message_qos(input).has_value(); }
    /// What `store_subscriptions` is about.
    const Subscriptions& proposed() const;
    /// The will, if the session ended in a way that publishes it; gives it up.
    std::unique_ptr<StoredWill> take_will();

private:
    enum class Stage : std::uint8_t { awaiting_connect, authenticating, running, storing, closed };
    struct Proposal;
    /// What waits for a device that is back in its stored session.
    enum class Topic : std::uint8_t { methods = 1, desired = 2, cloud_messages = 4 };
    struct Return;
    struct Deliveries;
    struct InFlight {
        std::uint16_t packet_id = 0;  ///< 0: nothing to send, as it came at QoS 0.
        bool is_durable = false;
    };

    void process(Bytes input);
    void resume();
    void handle(const Packet& packet);
    void handle_connect(const Packet& packet);
    void handle_publish(const Packet& packet);
    void handle_telemetry(const Publish& publish, std::string_view bag);
    void handle_twin_get(const Publish& publish, const PublishTopic& topic);
    void handle_twin_patch(const Publish& publish, const PublishTopic& topic);
    void handle_method_response(const Publish& publish, const PublishTopic& topic);
    void handle_puback(const Packet& packet);
    void handle_subscribe(const Packet& packet);
    void handle_unsubscribe(const Packet& packet);
    void handle_disconnect(const Packet& packet);
    void propose(std::unique_ptr<Proposal> proposal);
    void settle();
    TimePoint silence_end() const;
    std::optional<std::uint8_t> cloud_message_qos(std::string_view input) const {
        return input.empty() ? subscriptions_.c2d_qos() : subscriptions_.input_qos(input);
    }
    static unsigned topic_of(FilterKind kind);
    bool is_returning_for(Topic topic) const;
    bool returned(unsigned topics);
    void deliver_kept();
    void drop_kept();
    bool keep_will(const Will& will);
    Ticket open_ticket(const Publish& publish);
    /// Publishes whose tickets are open.
    Ticket unacknowledged() const { return static_cast<Ticket>(next_ticket_ - first_ticket_); }

    SessionHost& host_;
    TimePoint last_heard_;
    Framer framer_{PacketLimits::unauthenticated_bytes_max};
    std::string client_id_;  ///< Bound: PacketLimits::unauthenticated_bytes_max.
    Subscriptions subscriptions_;
    std::unique_ptr<Proposal> proposal_;
    std::unique_ptr<StoredWill> will_;
    std::unique_ptr<Deliveries> deliveries_;  ///< While some are not acknowledged.
    std::unique_ptr<Return> return_;          ///< While the device is returning.
    std::unique_ptr<std::string> held_;       ///< Input that waits. Bound: SessionLimits::held_bytes_max.
    std::size_t held_from_ = 0;               ///< How much of it has been processed.
    std::array<InFlight, SessionLimits::window_max> window_;
    Ticket first_ticket_ = 0;
    Ticket next_ticket_ = 0;
    Stage stage_ = Stage::awaiting_connect;
    std::uint16_t keep_alive_s_ = 0;
    std::uint16_t last_packet_id_ = 0;  ///< Of the messages sent.
    bool clean_session_ = false;
    bool is_processing_ = false;
    bool is_disconnected_ = false;
    Errc close_reason_ = Errc::connection_closed;
    const char* close_detail_ = "";
};

}  // namespace carillon::mqtt
