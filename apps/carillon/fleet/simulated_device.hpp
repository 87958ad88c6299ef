#pragma once

#include "base/device_id.hpp"
#include "base/json.hpp"
#include "base/timers.hpp"
#include "device/device_protocol.hpp"
#include "net/channel.hpp"
#include "wire/websocket/client_stream.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace carillon::fleet {

class Fleet;

/// One device of a fleet: connects, answers methods, reports, leaves and comes back as `Behaviour`
/// says. On the fleet's thread.
///
///     away --absence over--> waiting --a place is free--> connecting --subscribed--> connected
///      ^                       ^                              |                     |
///      |                       +---------- backing off -------+---- lost -----------+
///      +--------------------------------- presence over ----------------------------+
class SimulatedDevice final : public ChannelHandler, public DeviceSessionHost {
public:
    /// Methods whose answer is not yet due. Ours: a device of flesh and blood does few things at once;
    /// one more is refused with status 429.
    static constexpr std::uint32_t answers_pending_max = 256;
    /// Changes of desired properties that are not yet due to be reported; one more is not followed.
    static constexpr std::uint32_t follows_pending_max = 16;

    SimulatedDevice(Fleet& fleet, std::uint64_t number, IdentityKey identity);

    /// Begins its life. Once.
    void start();
    /// Opens the connection; the fleet calls it when there is a place for it.
    void open();
    /// Says goodbye; it does not come back. True if a connection is left, which ends later.
    bool leave();
    /// Drops the connection without a word, as a network that fails.
    void cut();

    // --- ChannelHandler ---------------------------------------------------------------------------
    void handshaken() override;
    void received(Bytes bytes) override;
    void closed(Errc reason) override;

    // --- DeviceSessionHost ------------------------------------------------------------------------
    std::string& output() override;
    void connected(bool session_present) override;
    void subscribed(DeviceFeatures features) override;
    void method_called(const IncomingMethod& call) override;
    void twin_answered(const TwinAnswer& answer) override;
    void desired_changed(std::int64_t version, std::string_view patch_json) override;
    void message_received(const HubMessage& message) override;
    void telemetry_stored(std::uint16_t packet_id) override;
    void telemetry_refused(std::uint16_t, const Error&) override {}

private:
    enum class State : std::uint8_t { away, waiting, connecting, connected, gone };

    void enter(State state);
    void after(Timers::Id& timer, Duration delay, void (SimulatedDevice::*then)());
    void begin();
    void wait_for_place();
    void back_off();
    void go_away();
    void come_back();
    void presence_over();
    void say_goodbye();
    void introduce();
    void serve_session();
    bool send(std::string_view bytes);
    void settle_session();
    void answer(std::string_view rid, int status, std::string_view payload);
    void begin_script();
    void report_to_script(const TwinAnswer& answer);
    void report_scripted(const std::string& patch_json);
    void report();
    void report_firmware();
    void follow(const JsonValue& desired, std::int64_t version);
    void follow_whole(std::string_view twin);
    void send_telemetry();
    void connection_over(Errc reason);

    Fleet& fleet_;
    const std::uint64_t number_;
    const IdentityKey identity_;
    std::unique_ptr<Channel> channel_;
    std::unique_ptr<websocket::ClientStream> websocket_;  ///< Around the session, if it is to be one.
    std::unique_ptr<DeviceProtocol> session_;             ///< While there is a channel.
    TimePoint began_{};                                   ///< The current connection.
    Timers::Id life_;                                     ///< Absence, presence or backing off.
    Timers::Id session_timer_;
    Timers::Id reported_timer_;
    Timers::Id telemetry_timer_;
    // How often it has decided each, for `Behaviour`.
    std::uint64_t methods_ = 0;
    std::uint64_t absences_ = 0;
    std::uint64_t presences_ = 0;
    std::uint64_t backoffs_ = 0;
    std::uint64_t reports_ = 0;
    std::uint64_t messages_ = 0;
    std::int64_t followed_ = 0;       ///< The version of the desired properties that was followed last.
    std::uint32_t twin_request_ = 0;  ///< For the whole twin; 0 once answered.
    std::uint32_t connection_ = 0;    ///< Counts connections, so that a late answer knows its own.
    std::uint32_t answers_pending_ = 0;
    std::uint32_t follows_pending_ = 0;
    unsigned failures_ = 0;  ///< Attempts that failed one after another.
    State state_ = State::away;
    bool has_been_connected_ = false;
    bool has_told_firmware_ = false;
    bool leaves_as_planned_ = false;
};

}  // namespace carillon::fleet
