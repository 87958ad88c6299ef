#pragma once

#include "base/random.hpp"
#include "base/unique_function.hpp"
#include "carillon/device_message.hpp"
#include "carillon/device_options.hpp"
#include "fleet/behaviour.hpp"
#include "fleet/credentials.hpp"
#include "fleet/statistics.hpp"
#include "net/connector.hpp"
#include "net/io_thread.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon::fleet {

class Script;
class SimulatedDevice;

struct FleetOptions {
    std::string prefix = "sim-";
    std::uint64_t first = 0;  ///< Number of the first device.
    std::uint64_t devices = 0;
    /// Not empty: one device of just this id, in place of those above.
    std::string only;
    std::size_t connecting_max = 64;  ///< Connections in the making at once.
    double connect_rate = 0;          ///< Attempts a second; 0: as many as there are places for.
    /// Addresses 127.0.1.1 and on to connect from, over which devices are spread; 0: the kernel's choice.
    std::uint32_t source_addresses = 0;
    std::uint16_t keep_alive_s = 240;
    bool clean_session = false;  ///< Over MQTT only.
    DeviceTransport transport = DeviceTransport::mqtt;
    /// Devices ask for cloud-to-device messages, and this is what becomes of each. With a `Script`, that one
    /// says so.
    std::optional<MessageAnswer> message_answer = std::nullopt;
};

/// Connections one source address is given: it has some 28,000 ports, of which closed ones rest for a
/// minute.
inline constexpr std::uint64_t devices_per_source = 10'000;

/// Many devices on one thread. What is constructed with it outlives it; it outlives the thread's run.
class Fleet {
public:
    /// With a `script`, that one goes before `behaviour` in what devices answer, report and send.
    Fleet(IoThread& thread, const Connector& connector, const Credentials& credentials,
          const Behaviour& behaviour, FleetOptions options, Script* script = nullptr);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// Fails with `config_invalid` if the ids that the options give are none. Before `start`.
    Result<> make_devices();

    // --- on the thread ---------------------------------------------------------------------------
    void start();
    /// Drops every connection at once, without a word; the devices come back by backing off.
    void cut();
    /// Disconnects every device for good, and calls `left` when the last connection is over.
    void leave(UniqueFunction<void()> left);
    const Statistics& statistics() const { return statistics_; }
    /// Why the latest attempt to connect failed, if one did.
    std::optional<Errc> last_failure() const { return last_failure_; }

private:
    friend class SimulatedDevice;
    TimePoint now() const { return thread_.clock().now(); }
    std::optional<std::uint32_t> source_of(std::uint64_t number) const;
    void wait_for_place(SimulatedDevice& device);
    void place_is_free();
    void fill();
    bool may_connect_now();
    void has_left();

    IoThread& thread_;
    const Connector& connector_;
    const Credentials& credentials_;
    const Behaviour& behaviour_;
    const FleetOptions options_;
    Script* const script_;  ///< May be null.
    std::vector<std::unique_ptr<SimulatedDevice>> devices_;
    std::deque<SimulatedDevice*> queue_;  ///< Who waits for a place, at most all devices.
    std::size_t connecting_ = 0;
    TimePoint next_connect_{};  ///< By the rate.
    Timers::Id fill_timer_;
    bool is_filling_ = false;
    bool is_leaving_ = false;
    std::size_t leaving_ = 0;  ///< Connections that are not over yet.
    UniqueFunction<void()> left_;
    SystemRandom random_;  ///< Masks of WebSockets.
    std::string output_;   ///< What a session says, until it is sent; shared, as one speaks at a time.
    Statistics statistics_;
    std::optional<Errc> last_failure_;
};

}  // namespace carillon::fleet
