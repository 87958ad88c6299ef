#include "base/clock.hpp"

namespace carillon {

TimePoint SystemClock::now() const {
    return std::chrono::steady_clock::now();
}

WallTime SystemClock::wall_now() const {
    const auto since_unix = std::chrono::system_clock::now().time_since_epoch();
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(since_unix).count();
    return {WallTime::from_unix_s(0).ticks + ns / 100};
}

}  // namespace carillon
