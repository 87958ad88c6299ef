#pragma once

#include "base/clock.hpp"
#include "model/ordinal.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

/// Devices of one part that have been written and have not confirmed. A device has `within` from when it was
/// reached. No clock; one thread.
class AwaitedDevices {
public:
    struct Device {
        std::uint32_t index = 0;
        bool is_reached = false;
        std::int64_t version = 0;  ///< Of its desired properties, as it was written.
        std::int64_t looked = 0;   ///< The twin's version at the last look.
        WallTime written;
    };

    explicit AwaitedDevices(Duration within) : within_(within) {}

    void add(Ordinal ordinal, const Device& device);
    const Device* find(Ordinal ordinal) const;
    void erase(Ordinal ordinal);
    /// From now on its time runs.
    void reach(Ordinal ordinal, TimePoint now);

    std::size_t size() const { return devices_.size(); }
    std::size_t reached() const { return reached_; }
    /// When the next one's time is over,
    std::optional<TimePoint> next_due();
    /// and which it is, if it is.
    std::optional<Ordinal> take_due(TimePoint now);
    /// Gives `look` the next devices, in turn: at most `count` that were reached, as they may report at any
    /// moment, and of the others as many as are left of it, at least a quarter. `look` may erase or reach the
    /// one it is given.
    template <class Look>
    void look_at_next(std::size_t count, Look look) {
        const auto of_reached = std::min(count, reached_order_.devices.size());
        look_at_some(reached_order_, true, of_reached, look);
        look_at_some(order_, false, std::max(count - of_reached, count / 4), look);
    }
    std::vector<Ordinal> all() const;

private:
    /// Devices in the order in which they are looked at, and some that are not awaited so any more.
    struct Turns {
        std::vector<Ordinal> devices;  ///< Bound: the devices of the part
        std::size_t at = 0;
    };
    template <class Look>
    void look_at_some(Turns& turns, bool are_reached, std::size_t count, Look& look) {
        auto& order = turns.devices;
        for (count = std::min(count, order.size()); count > 0 && !order.empty(); --count) {
            if (turns.at >= order.size()) turns.at = 0;
            const auto ordinal = order[turns.at];
            auto found = devices_.find(ordinal);
            if (found != devices_.end() && found->second.is_reached == are_reached) {
                look(ordinal, found->second);
                found = devices_.find(ordinal);
            }
            if (found != devices_.end() && found->second.is_reached == are_reached) {
                ++turns.at;
                continue;
            }
            order[turns.at] = order.back();
            order.pop_back();
        }
    }
    void drop_ended();

    const Duration within_;
    std::unordered_map<Ordinal, Device> devices_;    ///< Bound: the devices of the part
    std::deque<std::pair<TimePoint, Ordinal>> due_;  ///< As they are due.  Bound: the devices of the part
    Turns order_;                                    ///< Of those that were not reached.
    Turns reached_order_;                            ///< Of those that were.
    std::size_t reached_ = 0;
};

}  // namespace carillon
