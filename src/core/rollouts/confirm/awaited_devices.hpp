#pragma once

#include "base/clock.hpp"
#include "core/shard/record.hpp"

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
    /// Gives `look` the next `count` devices, in turn; it may erase or reach the one it is given.
    template <class Look>
    void look_at_next(std::size_t count, Look look) {
        for (count = std::min(count, order_.size()); count > 0 && !order_.empty(); --count) {
            if (at_ >= order_.size()) at_ = 0;
            const auto ordinal = order_[at_];
            const auto found = devices_.find(ordinal);
            if (found != devices_.end()) look(ordinal, found->second);
            if (devices_.contains(ordinal)) {
                ++at_;
                continue;
            }
            order_[at_] = order_.back();
            order_.pop_back();
        }
    }
    std::vector<Ordinal> all() const;

private:
    void drop_ended();

    const Duration within_;
    std::unordered_map<Ordinal, Device> devices_;    ///< Bound: the devices of the part
    std::deque<std::pair<TimePoint, Ordinal>> due_;  ///< As they are due.  Bound: the devices of the part
    std::vector<Ordinal> order_;                     ///< All of them, and some more.  Bound: the same
    std::size_t at_ = 0;
    std::size_t reached_ = 0;
};

}  // namespace carillon
