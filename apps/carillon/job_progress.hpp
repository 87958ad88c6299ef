#pragma once

#include "base/clock.hpp"
#include "carillon/service_job.hpp"
#include "terminal_text.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// How fast a job goes, from the looks of the last `window`.
class JobPace {
public:
    static constexpr std::chrono::seconds window{15};

    void observe(const JobReport& look, TimePoint now);
    /// Devices ended a second; 0 until two looks are far enough apart.
    double rate() const;
    /// Until the rest has ended at this rate; nothing while that cannot be said.
    std::optional<std::chrono::seconds> time_left() const;

private:
    struct Sample {
        TimePoint at;
        std::int64_t ended;
    };
    std::deque<Sample> samples_;
    JobReport last_;
};

/// What is known of a job beside its report.
struct JobSurroundings {
    /// Nothing is under way in a method job that runs: the devices that are pending have yet to connect.
    bool waits_for_devices = false;
    std::optional<std::chrono::system_clock::time_point> start{};
    std::optional<std::chrono::system_clock::time_point> deadline{};
    std::chrono::system_clock::time_point now{};
    std::string note{};  ///< Such as that the hub is away; a line of its own.
};

/// One line for a pipe: `running: 510 done, 10 failed, 200 in flight, 280 pending of 1,000; 143/s, 3 s left`.
std::string progress_line(const JobReport& report, const JobPace& pace, const JobSurroundings& around);
/// The lines for a terminal, none wider than `width` cells: a headline, a bar, the numbers; while it runs
/// also the first `reasons_drawn_max` reasons of failures, and failing answers; when it failed, why.
inline constexpr std::size_t reasons_drawn_max = 3;
std::vector<std::string> progress_block(const JobReport& report, const JobPace& pace,
                                        const JobSurroundings& around, std::size_t width);

/// What is to be said of a job that is over: why devices failed, and which of those that are done
/// answered with an error of their own, which the service counts as succeeded.
std::vector<std::string> reason_lines(const JobReport& report);

/// `45 s`, `2 min 05 s`, `3 h 12 min`.
std::string duration_text(std::chrono::seconds duration);
/// `01:03` in local time; with the date where that is not the day of `now`.
std::string clock_text(std::chrono::system_clock::time_point at, std::chrono::system_clock::time_point now);

}  // namespace carillon
