#pragma once

#include "base/json.hpp"
#include "load/measure.hpp"

#include <cstdint>

namespace carillon::load {

/// Counts what ends within the measured window: its rate, how long each took, and what processor time
/// the server spent on each.
class Meter {
public:
    explicit Meter(int server_pid) : pid_(server_pid) {}

    void begin() {
        samples_.clear();
        trips_ = 0;
        began_ = Clock::now();
        used_ = read_process(pid_);
        is_on_ = true;
    }
    void end() {
        ended_ = Clock::now();
        const ProcessUse now = read_process(pid_);
        cpu_s_ = now.cpu_s - used_.cpu_s;
        is_on_ = false;
    }
    void trip() { trips_ += is_on_ ? 1 : 0; }
    void trip(Clock::duration took) {
        if (!is_on_) return;
        ++trips_;
        samples_.add(took);
    }
    std::uint64_t trips() const { return trips_; }
    void failure() { failures_ += is_on_ ? 1 : 0; }

    void report(JsonWriter& out) {
        const double seconds = seconds_between(began_, ended_);
        const auto trips = static_cast<double>(trips_);
        out.member("seconds", seconds).member("round_trips", trips_).member("failures", failures_);
        out.member("per_second", trips / seconds);
        out.member("server_cpu_us_per_trip", trips_ == 0 ? 0.0 : cpu_s_ * 1e6 / trips);
        out.member("server_cpu_share", cpu_s_ / seconds);
        if (samples_.count() == 0) return;
        out.member("p50_us", samples_.percentile(50)).member("p99_us", samples_.percentile(99));
    }

private:
    int pid_;
    bool is_on_ = false;
    std::uint64_t trips_ = 0;
    std::uint64_t failures_ = 0;
    double cpu_s_ = 0;
    ProcessUse used_;
    Clock::time_point began_, ended_;
    Samples samples_;
};

}  // namespace carillon::load
