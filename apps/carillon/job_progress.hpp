#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

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

    std::uint64_t ended() const { return succeeded + failed + canceled; }
    bool is_over() const { return status == "completed" || status == "failed" || status == "cancelled"; }
    bool operator==(const JobLook&) const = default;
};

/// Reads a JobResponse. Fails with `malformed_packet`.
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
/// The lines for a terminal `width` characters wide: a headline, a bar, the numbers.
std::vector<std::string> progress_block(const JobLook& look, const JobPace& pace, std::size_t width);

/// `12345678` as `12,345,678`.
std::string with_thousands(std::uint64_t number);
/// `45 s`, `2 min 05 s`, `3 h 12 min`.
std::string duration_text(std::chrono::seconds duration);

}  // namespace carillon
