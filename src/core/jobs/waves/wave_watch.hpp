#pragma once

#include "base/clock.hpp"
#include "core/jobs/job_events.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Who loses its connection in one part of a job, of a wave and of its control group: each device once. A
/// device is *watched* while it has a connection: of the wave from when it began until the watch is over, of
/// the group all the time. So a device that was not connected is watched from when it is, which after a
/// restart of the hub is every device. Connections are looked at in turn, so nobody who connects has anything
/// to do with it. Takes 12 bytes for each device, and 4 more for those that began. On the thread of the
/// part's shard.
class WaveWatch {
public:
    /// Ours: devices that one part tells of; after them it watches none any more.
    static constexpr std::size_t lost_max = 16'384;

    WaveWatch(std::uint32_t wave, std::int64_t watch_ms) : wave_(wave), watch_ms_(watch_ms) {}
    std::uint32_t wave() const { return wave_; }

    // --- as it is made ---
    void add(Ordinal ordinal, std::uint32_t index, bool is_of_wave);
    /// All are there. Those of `lost` have lost their connections before a restart.
    void close(const std::vector<LostEvent::Device>& lost);

    // --- what happens ---
    /// Tells a device's connection from those before it; 0 if it has none.
    using Connection = std::uint32_t;
    void begun(Ordinal ordinal, WallTime at, WallTime now, Connection connection);
    /// Looks at the next `count` devices; `connection_of` gives nothing for one that is gone. True if it has
    /// something to tell.
    template <class ConnectionOf>
    bool look_at_next(std::size_t count, WallTime now, const ConnectionOf& connection_of) {
        expire(now);
        bool has_news = false;
        for (auto left = std::min(count, devices_.size()); left > 0; --left) {
            if (next_ >= devices_.size()) next_ = 0;
            auto& device = devices_[next_++];
            if (device.state == away || device.state == watched)
                has_news |= look_at(device, connection_of(device.ordinal));
        }
        return has_news;
    }
    void expire(WallTime now);

    // --- for the log and the coordinator ---
    /// Those that lost theirs and of which nothing was written yet.
    std::vector<LostEvent::Device> take_fresh() { return std::exchange(fresh_, {}); }
    /// That is on disk, or is not.
    void settled(const std::vector<LostEvent::Device>& devices, bool is_durable);
    /// As `GateReport` has it.
    const std::string& lost() const { return lost_; }
    std::uint64_t watched_in_wave() const { return wave_arm_.watched + wave_arm_.unsettled; }
    std::uint64_t watched_in_control() const { return control_arm_.watched + control_arm_.unsettled; }
    std::uint64_t control() const { return control_arm_.seen; }

private:
    enum State : std::uint32_t {
        idle = 0,     ///< Of the wave: has not begun. Of the group: was never connected.
        away = 1,     ///< Is to be watched, and not connected.
        watched = 2,  ///< Is connected.
        over = 3,     ///< Counts no more.
    };
    struct Device {
        Ordinal ordinal = 0;
        std::uint32_t index : 29;
        std::uint32_t is_of_wave : 1;
        std::uint32_t state : 2;
        Connection connection = 0;
    };
    struct Arm {
        std::uint64_t watched = 0;
        std::uint64_t unsettled = 0;  ///< Lost, and not on disk.
        std::uint64_t seen = 0;
    };
    Device* find(Ordinal ordinal);
    Arm& arm_of(const Device& device) { return device.is_of_wave ? wave_arm_ : control_arm_; }
    bool look_at(Device& device, std::optional<Connection> connection);
    void watch(Device& device, Connection connection);
    void leave(Device& device);

    const std::uint32_t wave_;
    const std::int64_t watch_ms_;
    std::vector<Device> devices_;  ///< By ordinal.  Bound: the part's devices
    std::size_t next_ = 0;         ///< Of them, to be looked at.
    // Those of the wave that began, until their watch is over: when, and how many then; and in that order
    // where they stand in `devices_`.
    std::deque<std::pair<WallTime, std::uint32_t>> begins_;  ///< Bound: the part's devices
    std::deque<std::uint32_t> begun_;                        ///< Bound: the part's devices
    Arm wave_arm_;
    Arm control_arm_;
    std::vector<LostEvent::Device> fresh_;  ///< Bound: lost_max
    std::string lost_;                      ///< Bound: lost_max
};

}  // namespace carillon
