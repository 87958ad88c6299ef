#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/sha256.hpp"
#include "core/jobs/chain/log_chain.hpp"
#include "core/jobs/gate.hpp"
#include "model/jobs/job.hpp"
#include "model/rollouts/canary.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace carillon {

/// The part number under which a job's own log is kept, beside those of its parts.
inline constexpr std::uint32_t job_log_part = UINT32_MAX;
/// The actor of what the hub does by itself.
inline constexpr std::string_view hub_actor = "$hub";

/// What a decision was made by: all devices of the job that have ended, and the failed ones by kind.
struct LogTotals {
    std::uint64_t ended = 0;
    KindCounts kinds{};
    std::uint64_t failed() const;
    /// Of these kinds.
    std::uint64_t failed(const FailureKinds& of) const;
    bool operator==(const LogTotals&) const = default;
};

// The events of a job's own log; jobs with a rollout only. The numbers of the kinds and of the words in them
// are stored. Formats: docs/jobs.md.
struct CreatedEvent {
    WallTime time;
    JobActor by;
    std::string document_hash;
};
struct ChangedEvent {
    WallTime time;
    JobActor by;
    std::string before;  ///< The `rollout` object.
    std::string after;
};
struct DirectedEvent {
    enum What : std::uint8_t { paused = 1, resumed = 2, promoted = 3, closed = 4, cancelling = 5 };
    /// Why the hub paused it; by hand if nobody but a person did.
    enum Cause : std::uint8_t { by_hand = 0, by_rule = 1, by_wave = 2 };
    WallTime time;
    What what = paused;
    JobActor by;
    std::string why;
    Cause cause = by_hand;
    std::uint32_t wave = 0;  ///< Of `promoted`, and of a pause by a wave.
    LogTotals totals;
};
struct WaveOpenedEvent {
    WallTime time;
    std::uint32_t wave = 0;
    std::uint64_t size = 0;
};
struct WaveJudgedEvent {
    enum What : std::uint8_t { passed = 1, failed = 2, soaking = 3, at_gate = 4, open_again = 5 };
    WallTime time;
    What what = passed;
    std::uint32_t wave = 0;
    std::uint64_t size = 0;
    GateCounts counts;
    bool is_forced = false;  ///< Passed by a person, though it would not have by itself.
    std::string why;
};
/// The test of a wave is over.
struct TestedEvent {
    WallTime time;
    WaveTestState state;
};
/// What is known of the lost connections of a wave, from which a restart goes on.
struct SignalsEvent {
    WallTime time;
    std::uint32_t wave = 0;
    LostConnections lost;
    std::vector<std::uint64_t> counted;  ///< Of those that each part tells.
};
struct RuleTrippedEvent {
    WallTime time;
    std::uint32_t rule = 0;
    std::uint64_t failed = 0;  ///< Since the last resume, as `ended`.
    std::uint64_t ended = 0;
    bool is_noted = false;  ///< The job was paused already.
};
/// The seal that ended a job's log.
struct FinalSeal {
    std::uint64_t job = 0;  ///< Its number.
    WallTime kept_until;    ///< The job.
    Sha256Digest hash{};
    bool operator==(const FinalSeal&) const = default;
};
/// Holds the logs of the parts together; its own hash, that of the event, is the seal.
struct SealEvent {
    WallTime time;
    bool is_final = false;              ///< The job has ended.
    std::vector<LogHead> heads;         ///< By part.
    std::optional<FinalSeal> previous;  ///< Of a final one: of the job that ended before, if there is one.
};
struct VerdictEvent {
    WallTime time;
    bool is_met = false;
    std::uint64_t succeeded = 0;
    std::uint64_t devices = 0;  ///< Without those canceled.
};
/// Somebody with the right to has approved the job, or has not.
struct ApprovalEvent {
    WallTime time;
    bool is_approved = true;
    JobActor by;
    std::string hash;  ///< What was approved, in hex.
    std::string why;
};
/// How the devices of a job compare with those of its plan.
struct PlanCheckedEvent {
    WallTime time;
    std::string hash;  ///< Of the plan, in hex.
    std::uint64_t planned = 0;
    std::uint64_t left = 0;  ///< Planned, and not found any more.
    std::uint64_t came = 0;  ///< Found, and not planned.
};
struct PreparedEvent {
    WallTime time;
    std::uint64_t targets = 0;
    std::string digest;  ///< Of the devices' keys.
};
struct StartedEvent {
    WallTime time;
    std::uint64_t number = 0;  ///< Rises in the hub with each start.
};
struct JobEndedEvent {
    WallTime time;
    JobStatus status = JobStatus::completed;
    JobCounts counts;
};
using JobLogEvent = std::variant<CreatedEvent, ChangedEvent, DirectedEvent, WaveOpenedEvent, WaveJudgedEvent,
                                 RuleTrippedEvent, ApprovalEvent, PlanCheckedEvent, TestedEvent, SignalsEvent,
                                 SealEvent, VerdictEvent, PreparedEvent, StartedEvent, JobEndedEvent>;

WallTime time_of(const JobLogEvent& event);
std::string encode_job_log_event(const JobLogEvent& event);
/// Fails with `store_corrupt`.
Result<JobLogEvent> decode_job_log_event(Bytes bytes);

/// The newest final seal of the hub, in `Table::jobs`.
inline constexpr std::string_view final_seal_key = "z";
std::string encode_final_seal(const FinalSeal& seal);
/// Fails with `store_corrupt`.
Result<FinalSeal> decode_final_seal(Bytes bytes);

}  // namespace carillon
