#pragma once

#include "base/clock.hpp"
#include "wire/mqtt/session.hpp"

#include <cstdint>
#include <unordered_map>

namespace carillon::mqtt {

/// The devices of one thread whose connection ended while something waited for them
/// (`Session::is_returning`). One that is back soon does not wait anew, or a device that renews its token
/// every two seconds would never get anything.
class InterruptedReturns {
public:
    /// Ours: a fleet that is cut twice within two seconds; of more, some wait again.
    static constexpr std::size_t devices_max = 4096;

    void note(std::uint64_t device, TimePoint now) {
        if (ended_.size() >= devices_max) {
            std::erase_if(ended_, [now](const auto& entry) { return !is_recent(entry.second, now); });
        }
        if (ended_.size() < devices_max) ended_[device] = now;
    }
    /// True if the device was noted within `SessionLimits::return_max`; forgets it.
    bool take(std::uint64_t device, TimePoint now) {
        const auto node = ended_.extract(device);
        return !node.empty() && is_recent(node.mapped(), now);
    }

private:
    static bool is_recent(TimePoint ended, TimePoint now) { return now - ended <= SessionLimits::return_max; }

    std::unordered_map<std::uint64_t, TimePoint> ended_;  ///< Bound: devices_max.
};

}  // namespace carillon::mqtt
