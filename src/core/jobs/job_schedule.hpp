#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace carillon {

/// Which job is next: those whose start is to come, the line of those that are due, and how many are at
/// work. Both orders are by start, then by job number. Has no clock.
class JobSchedule {
public:
    explicit JobSchedule(std::size_t running_max) : running_max_(running_max) {}

    void hold(WallTime start, std::uint64_t job) { scheduled_.emplace(start.ticks, job); }
    void queue(WallTime start, std::uint64_t job) { line_.emplace(start.ticks, job); }
    void leave(WallTime start, std::uint64_t job) {
        scheduled_.erase({start.ticks, job});
        line_.erase({start.ticks, job});
    }
    void take_place() { ++at_work_; }
    void free_place() { --at_work_; }

    /// The next start that is to come, in ticks.
    std::optional<std::int64_t> next_start() const {
        if (scheduled_.empty()) return std::nullopt;
        return scheduled_.begin()->first;
    }
    /// Takes out a job whose start has come.
    std::optional<std::uint64_t> take_due(WallTime now) {
        if (scheduled_.empty() || scheduled_.begin()->first > now.ticks) return std::nullopt;
        return take_first(scheduled_);
    }
    /// Takes out the first in line, if one more may be at work.
    std::optional<std::uint64_t> take_turn() {
        if (line_.empty() || at_work_ >= running_max_) return std::nullopt;
        return take_first(line_);
    }

private:
    using Places = std::set<std::pair<std::int64_t, std::uint64_t>>;  ///< Start in ticks, job number.

    static std::uint64_t take_first(Places& places) { return places.extract(places.begin()).value().second; }

    std::size_t running_max_;
    std::size_t at_work_ = 0;
    Places scheduled_;
    Places line_;
};

}  // namespace carillon
