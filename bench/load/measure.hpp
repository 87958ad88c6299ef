#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace carillon::load {

using Clock = std::chrono::steady_clock;

inline double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

/// Durations, to be summed up as percentiles.
class Samples {
public:
    void add(Clock::duration took) {
        us_.push_back(std::chrono::duration<float, std::micro>(took).count());
        is_sorted_ = false;
    }
    std::size_t count() const { return us_.size(); }
    void clear() { us_.clear(); }
    /// The value that `percent` of all do not exceed, in microseconds; 0 of none.
    double percentile(double percent);

private:
    std::vector<float> us_;
    bool is_sorted_ = true;
};

/// What another process of this machine has used. All 0 if it is not there.
struct ProcessUse {
    double cpu_s = 0;                  ///< User and system time of all its threads.
    std::uint64_t resident_bytes = 0;  ///< VmRSS
    std::uint64_t user_bytes = 0;      ///< RssAnon: without files mapped.
};
ProcessUse read_process(int pid);

}  // namespace carillon::load
