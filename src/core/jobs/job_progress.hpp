#pragma once

#include "base/clock.hpp"
#include "core/jobs/approvals/approval_rule.hpp"
#include "core/jobs/job_control.hpp"
#include "core/jobs/job_tally.hpp"
#include "model/jobs/job.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// How far a job has come, as a number that only rises and is made of what is on disk: a restart
/// gives the same one, or a later one. Two looks with the same revision show the same counts.
struct JobRevision {
    enum class Phase : std::uint8_t { scheduled, queued, running, ended };
    Phase phase = Phase::scheduled;
    std::uint64_t position = 0;  ///< While running: of each part's log, added up.

    auto operator<=>(const JobRevision&) const = default;
};

/// What a part of a job with a rollout counts beside its devices' states.
struct PartShare {
    std::vector<GateCounts> waves;
    std::uint64_t attempts = 0;
    std::uint64_t backing_off = 0;
    std::uint64_t waits_offline = 0;
    std::uint64_t waits_window = 0;
    bool is_held_by_budget = false;
    std::uint64_t waits_budget = 0;
};

/// How a job with a rollout is directed, as its coordinator shows it.
struct RolloutView {
    std::optional<ControlPause> pause;
    std::uint64_t revision = 0;
    std::shared_ptr<const Rollout> rollout;  ///< With all changes made since.
    std::vector<ControlWave> waves;
    std::size_t open_waves = 0;
    std::vector<std::pair<WaveTest, WaveTestState>> tests;  ///< Those that are over, and the one that is not.
    std::optional<bool> verdict;
    std::optional<std::uint64_t> in_flight_max;
    WallTime deadline;
    bool waits_in_line = false;  ///< For a place among `running_max`.
    bool waits_for_job = false;  ///< `startAfter`, which does not hold yet.
    bool takes_members = false;  ///< It is continuous and not closed.
    bool is_cancelling = false;
    bool is_evaluating = false;
    std::uint64_t sequence = 0;        ///< Of the job's log.
    std::optional<Sha256Digest> seal;  ///< The newest, if the log is chained.
};

/// Why pending devices have not begun.
struct HeldCounts {
    std::uint64_t paused = 0;
    std::uint64_t queue = 0;
    std::uint64_t wave = 0;
    std::uint64_t window = 0;
    std::uint64_t offline = 0;
    std::uint64_t backoff = 0;
    std::uint64_t budget = 0;
    std::uint64_t pace = 0;
};

/// Everything about a job's progress at one moment; all of it of the same moment.
struct JobProgress {
    std::uint64_t number = 0;  ///< The hub's own number for the job; an id may come again after 30 days.
    JobSnapshot snapshot;
    JobRevision revision;
    JobTally tally;
    // Of a job with a rollout:
    std::shared_ptr<const RolloutView> rollout;
    std::vector<GateCounts> waves;
    std::uint64_t attempts = 0;
    HeldCounts held;
    /// Who has to agree before it begins, and who has; null if nobody has to.
    std::shared_ptr<const JobApproval> approval;
    bool has_tally = true;            ///< False if it ended under a version that did not count reasons.
    std::optional<double> elapsed_s;  ///< Since its targets were found, until now or its end.
    /// Devices ended a second: over `RateMeter::window` while running, over all of its time at the end; 0
    /// where that cannot be said.
    double devices_per_s = 0;

    /// Until the rest has ended at this rate, rounded up; nothing while that cannot be said.
    std::optional<std::int64_t> seconds_left() const;
};

/// How fast a count rises, over a recent window. Keeps some 40 samples while there is something to
/// measure.
class RateMeter {
public:
    static constexpr std::chrono::seconds window{10};
    static constexpr std::chrono::milliseconds spacing{250};
    static constexpr std::chrono::milliseconds span_min{200};  ///< Shorter spans say nothing.

    void note(TimePoint now, std::uint64_t count);
    /// A second; 0 as long as it is not known.
    double rate(TimePoint now, std::uint64_t count) const;
    void clear();

private:
    struct Sample {
        TimePoint at;
        std::uint64_t count;
    };
    std::vector<Sample> samples_;
};

}  // namespace carillon
