#pragma once

#include "base/clock.hpp"
#include "carillon/service_job.hpp"

#include <chrono>
#include <concepts>
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

/// One line for a pipe: `running: 510 done, 10 failed, 200 in flight, 280 pending of 1,000; 143/s, 3 s left`.
std::string progress_line(const JobReport& look, const JobPace& pace);
/// The lines for a terminal `width` characters wide: a headline, a bar, the numbers; while it runs also
/// the first `reasons_drawn_max` reasons of failures.
inline constexpr std::size_t reasons_drawn_max = 3;
std::vector<std::string> progress_block(const JobReport& look, const JobPace& pace, std::size_t width);

/// What is to be said of a job that is over: why devices failed, and which of those that are done
/// answered with an error of their own; the service counts these as succeeded.
std::vector<std::string> reason_lines(const JobReport& look);

/// `12345678` as `12,345,678`.
std::string grouped_by_three(std::string digits);
template <std::integral Number>
std::string with_thousands(Number number) {
    return grouped_by_three(std::to_string(number));
}
/// `45 s`, `2 min 05 s`, `3 h 12 min`.
std::string duration_text(std::chrono::seconds duration);

}  // namespace carillon
