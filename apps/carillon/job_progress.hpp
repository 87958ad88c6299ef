#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Why some devices failed.
struct JobReason {
    std::string code;
    std::string description;
    std::uint64_t count = 0;

    bool operator==(const JobReason&) const = default;
};

/// A job as one look at it found it.
struct JobLook {
    std::string id;
    std::string type;
    std::string status;
    std::string failure_reason;
    std::uint64_t devices = 0;
    std::uint64_t pending = 0;
    std::uint64_t running = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t canceled = 0;

    // What only a hub of ours tells, at its live progress.
    std::optional<double> rate;  ///< Devices ended a second, of late.
    std::optional<std::chrono::seconds> left;
    std::optional<std::vector<JobReason>> reasons;       ///< The most frequent first.
    std::uint64_t other_failures = 0;                    ///< For reasons that are not among these.
    std::vector<std::pair<int, std::uint64_t>> answers;  ///< How many devices answered which status.

    std::uint64_t ended() const { return succeeded + failed + canceled; }
    bool is_over() const { return status == "completed" || status == "failed" || status == "cancelled"; }
    bool operator==(const JobLook&) const = default;
};

/// Reads a JobResponse, or a document of live progress (docs/live-progress.md). Fails with
/// `malformed_packet`.
Result<JobLook> read_job_look(std::string_view job_json);

/// How fast a job goes, from the looks of the last `window`.
class JobPace {
public:
    static constexpr std::chrono::seconds window{15};

    void observe(const JobLook& look, TimePoint now);
    /// Devices ended a second; 0 until two looks are far enough apart.
    double rate() const;
    /// Until the rest has ended at this rate; nothing while that cannot be said.
    std::optional<std::chrono::seconds> time_left() const;

private:
    struct Sample {
        TimePoint at;
        std::uint64_t ended;
    };
    std::deque<Sample> samples_;
    JobLook last_;
};

/// One line for a pipe: `running: 510 done, 10 failed, 200 in flight, 280 pending of 1,000; 143/s, 3 s left`.
std::string progress_line(const JobLook& look, const JobPace& pace);
/// The lines for a terminal `width` characters wide: a headline, a bar, the numbers; while it runs also
/// the first `reasons_drawn_max` reasons of failures.
inline constexpr std::size_t reasons_drawn_max = 3;
std::vector<std::string> progress_block(const JobLook& look, const JobPace& pace, std::size_t width);

/// What is to be said of a job that is over: why devices failed, and which of those that are done
/// answered with an error of their own; the service counts these as succeeded.
std::vector<std::string> reason_lines(const JobLook& look);

/// `12345678` as `12,345,678`.
std::string with_thousands(std::uint64_t number);
/// `45 s`, `2 min 05 s`, `3 h 12 min`.
std::string duration_text(std::chrono::seconds duration);

}  // namespace carillon
