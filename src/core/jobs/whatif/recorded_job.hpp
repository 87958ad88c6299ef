#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_log.hpp"
#include "core/shard/shard.hpp"
#include "model/jobs/job.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// The events of one part of a job by which devices begin and end, as bytes: some for each device. What a
/// question does not look at, answers and values that were overwritten among it, is left out.
class PartTape {
public:
    void add(std::uint64_t sequence, JobEvent event);
    std::size_t bytes() const { return bytes_.size(); }
    std::string_view view() const { return bytes_; }

private:
    std::string bytes_;
};

/// Goes over a tape, which outlives it.
class TapeReader {
public:
    explicit TapeReader(const PartTape& tape);
    bool has_event() const { return event_.has_value(); }
    const JobEvent& event() const { return *event_; }
    std::uint64_t sequence() const { return sequence_; }
    void advance();

private:
    std::string_view left_;
    std::uint64_t sequence_ = 0;
    std::optional<JobEvent> event_;
};

/// Bounds of a job that can be asked about. Ours.
struct RecordedJobLimits {
    std::uint64_t devices_max = 1'000'000;
    std::size_t bytes_max = std::size_t{128} * 1024 * 1024;   ///< Of the tapes together.
    std::size_t log_bytes_max = std::size_t{4} * 1024 * 1024;  ///< Of the job's own log, as it is stored.
};

/// What a job's log says.
struct RecordedJob {
    struct Part {
        std::uint64_t devices = 0;
        std::vector<std::uint32_t> places;  ///< In the order of the job; none without one.  Bound: devices
        std::vector<std::uint32_t> must_succeed;  ///< Bound: devices
        PartTape tape;
    };
    std::shared_ptr<const JobDefinition> definition;
    WallTime started;
    /// What was decided, and the seals behind that.  Bound: RecordedJobLimits::log_bytes_max
    std::vector<JobLogEvent> log;
    std::vector<Part> parts;  ///< Bound: the hub's shards
    std::uint64_t devices = 0;

    std::vector<std::uint64_t> sizes() const;
    std::vector<std::vector<std::uint32_t>> places() const;
};

/// True for decisions, of the job or of an operator; the other events are states.
bool is_decided(const JobLogEvent& event);

/// Reads the log of a job of so many parts, whether it runs or has ended. On the thread of `first`, a piece at
/// a time. Fails with `argument_invalid` beyond `limits`, `operation_not_allowed_in_current_state` for a job
/// whose devices have no places yet, `service_unavailable` and `store_corrupt`.
Task<Result<std::shared_ptr<RecordedJob>>> read_recorded_job(Shard& first, std::uint32_t parts,
                                                             std::shared_ptr<JobEntry> entry,
                                                             RecordedJobLimits limits);

}  // namespace carillon
