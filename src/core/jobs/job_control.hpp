#pragma once

#include "core/jobs/gate.hpp"
#include "core/jobs/job_log.hpp"
#include "model/jobs/job.hpp"
#include "model/rollouts/canary.hpp"
#include "model/rollouts/rollout.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

enum class WaveState : std::uint8_t { waiting, open, soaking, gate, passed, failed };
std::string_view wave_state_text(WaveState state);

/// One wave of a job, as its log says.
struct ControlWave {
    std::size_t entry = 0;   ///< Of `Rollout::waves`; beyond them for the rest that they leave over.
    std::uint64_t size = 0;  ///< Devices.
    WaveState state = WaveState::waiting;
    WallTime opened;
    WallTime since;         ///< When it came into this state.
    std::int64_t held = 0;  ///< Ticks for which `within` stood still, as the job was paused.
    bool operator==(const ControlWave&) const = default;
};

/// That a job is paused, by whom and why.
struct ControlPause {
    JobActor by;
    WallTime at;
    std::string why;
    DirectedEvent::Cause cause = DirectedEvent::by_hand;
    std::uint32_t wave = 0;  ///< Of `by_wave`.
};

/// What the parts have counted, together.
struct ControlCounts {
    std::vector<GateCounts> waves;  ///< At least one.
    KindCounts kinds{};
    std::optional<WaveTestState> test;  ///< Of the wave that is judged by a test now,
    WallTime last_begun;                ///< of which the last device so far began then;
    std::vector<std::uint64_t> lost;    ///< by part: lost connections that `test` has counted.

    GateCounts sum() const;
    LogTotals totals() const;
};

/// How a job with a rollout stands, as a whole: the fold of its log, and what follows from it and from the
/// parts' counts. Decides by giving events; whoever stores them gives each back by `apply` when it is
/// durable. Has no clock, store or thread. Rules: docs/rollout-reference.md.
class JobControl {
public:
    explicit JobControl(const JobDefinition& definition);

    void apply(const JobLogEvent& event);
    /// Its targets are known, and its waves are cut.
    void set_targets(std::uint64_t targets);
    /// A continuous job has so many by now; those that joined are in the last wave.
    void set_members(std::uint64_t members);

    // --- how it stands ---------------------------------------------------------------------------
    const Rollout& rollout() const { return *rollout_; }
    const std::shared_ptr<const Rollout>& shared_rollout() const { return rollout_; }
    JobType type() const { return type_; }
    const std::optional<ControlPause>& pause() const { return pause_; }
    bool is_paused() const { return pause_.has_value(); }
    std::uint64_t revision() const { return revision_; }
    std::uint64_t targets() const { return targets_; }
    const std::vector<ControlWave>& waves() const { return waves_; }
    bool has_waves() const { return !rollout_->waves.empty(); }
    /// Waves that have been opened, the first ones.
    std::size_t open_waves() const { return open_waves_; }
    const std::optional<bool>& verdict() const { return verdict_; }
    /// It goes on taking devices that come to match.
    bool is_continuous() const { return is_continuous_; }
    MemberTaking members() const { return members_; }
    /// The open wave that is judged by a test, and that; nothing if there is none now.
    std::optional<std::uint32_t> tested_wave() const;
    const std::optional<WaveTest>& test_of(std::uint32_t wave) const;
    /// The state of its test, if it has one.
    std::optional<WaveTestState> test_state(std::uint32_t wave, const ControlCounts& counts) const;
    /// Devices of its control group, if that is watched for lost connections, else 0.
    std::uint64_t control_of(std::uint32_t wave) const;
    /// What was last stored of a wave that is watched for lost connections.
    const std::optional<SignalsEvent>& signals() const { return signals_; }
    /// Tests that are over, as they were.
    const std::vector<WaveTestState>& tests() const { return tested_; }
    /// Devices begun and not ended at most: of the cap and of what bounds the overshoot of a stop rule.
    std::optional<std::uint64_t> in_flight_max() const;
    /// A rule or a wave has asked for what the job wrote to be taken back once it has ended.
    bool wants_undo() const { return wants_undo_; }

    // --- what follows ----------------------------------------------------------------------------
    /// What is to be stored next, from these counts at this moment; often nothing.
    std::vector<JobLogEvent> decide(const ControlCounts& counts, WallTime now) const;
    /// When time alone may let something follow.
    std::optional<WallTime> next(const ControlCounts& counts, WallTime now) const;

    // --- what people want: nothing if it holds already ---
    std::vector<JobLogEvent> pause_by(JobActor by, std::string why, const LogTotals& totals,
                                      WallTime now) const;
    std::vector<JobLogEvent> resume_by(JobActor by, std::string why, const LogTotals& totals,
                                       WallTime now) const;
    /// Fails with `argument_invalid` for a wave that is not there, with
    /// `operation_not_allowed_in_current_state` for one that waits and for the last.
    Result<std::vector<JobLogEvent>> promote_by(JobActor by, std::uint32_t wave, std::string why,
                                                const ControlCounts& counts, WallTime now) const;
    /// No device joins any more. Fails with `operation_not_allowed_in_current_state` for a job that is not
    /// continuous.
    Result<std::vector<JobLogEvent>> close_by(JobActor by, std::string why, const LogTotals& totals,
                                              WallTime now) const;
    /// `changes` is a merge patch of the rollout. Fails with `argument_invalid`.
    Result<std::vector<JobLogEvent>> change_by(JobActor by, JsonValue changes, WallTime start,
                                               WallTime now) const;
    /// What became of the waves that are still open now that all devices have ended, the last one among them.
    std::vector<JobLogEvent> judge_open(const ControlCounts& counts, WallTime now) const;
    /// True if a wave failed whose entry asks for an undo.
    bool asks_for_undo(const WaveJudgedEvent& event) const;
    /// `must_missed`: devices of `success.all` that did not succeed.
    VerdictEvent judge(const GateCounts& counts, std::uint64_t must_missed, bool is_cancelled,
                       WallTime now) const;

private:
    const RolloutWave& entry_of(const ControlWave& wave) const;
    void cut_waves(std::size_t kept);
    void add_joined();
    void take(const DirectedEvent& event);
    bool trip_rules(const ControlCounts& counts, WallTime now, std::vector<JobLogEvent>& events) const;
    void judge_wave(std::uint32_t number, const ControlCounts& all, WallTime now,
                    std::vector<JobLogEvent>& events) const;
    std::string why_tested(const WaveTestState& state) const;
    /// True if a wave that is open would pass, were its devices watched for long enough.
    bool holds_unwatched(std::uint32_t number, const ControlCounts& counts) const;
    /// When its devices have been watched for long enough; what is over if nothing is watched.
    WallTime watched_until(std::uint32_t number, const ControlCounts& counts) const;
    std::optional<SignalsEvent> note_signals(const ControlCounts& counts, bool has_news, WallTime now) const;
    /// True if its log says so already.
    bool is_noted(const WaveTestState& state) const;
    void fail_wave(std::uint32_t number, std::string why, const LogTotals& totals, WallTime now,
                   std::vector<JobLogEvent>& events) const;
    void open_next(std::uint32_t passed, WallTime now, std::vector<JobLogEvent>& events) const;
    std::string why_failed(std::uint32_t number, const GateCounts& counts) const;
    std::int64_t within_left(const ControlWave& wave, WallTime now) const;

    const JobType type_;
    const std::int64_t deadline_s_;  ///< As the request had it.
    const bool is_continuous_;
    MemberTaking members_;
    std::shared_ptr<const Rollout> rollout_;
    std::uint64_t targets_ = 0;
    std::uint64_t started_ = 0;  ///< Targets at the start, of which the waves are cut.
    bool has_targets_ = false;
    std::optional<ControlPause> pause_;
    std::uint64_t revision_ = 0;
    std::vector<ControlWave> waves_;
    std::size_t open_waves_ = 0;
    std::vector<bool> tripped_;  ///< Rules, since the last resume.
    LogTotals base_;             ///< Totals at the last resume, from which rules count.
    std::optional<bool> verdict_;
    bool wants_undo_ = false;
    std::vector<std::optional<WaveTest>> tests_;  ///< By entry of `waves`.
    std::vector<WaveTestState> tested_;           ///< Bound: RolloutLimits::waves_expanded_max
    std::optional<SignalsEvent> signals_;
};

/// The sizes of the waves that `entries` make of so many devices, and of which entry each is; what they leave
/// over is one more, of no entry. At most `RolloutLimits::waves_expanded_max`.
struct WaveSize {
    std::size_t entry = 0;
    std::uint64_t size = 0;
    bool operator==(const WaveSize&) const = default;
};
std::vector<WaveSize> expand_waves(const std::vector<RolloutWave>& entries, std::uint64_t devices);

/// Shares `count` out to parts of these sizes, in proportion, by largest remainder; never more than a part
/// has.
std::vector<std::uint64_t> share_out(std::uint64_t count, const std::vector<std::uint64_t>& sizes);

}  // namespace carillon
