#pragma once

#include "core/jobs/budgets/budget_ledger.hpp"
#include "core/jobs/chain/log_chain.hpp"
#include "core/jobs/job_board.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_limits.hpp"
#include "core/jobs/job_metrics.hpp"
#include "core/jobs/job_order.hpp"
#include "core/jobs/job_state.hpp"
#include "core/jobs/part_gate.hpp"
#include "core/jobs/undo/undone_devices.hpp"
#include "core/jobs/waves/wave_watch.hpp"
#include "core/rollouts/time/window_clock.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/shard.hpp"
#include "query/query.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace carillon {

class JobNotices;
class MemberWatch;
class ShardBudgets;
class Throttles;
class TwinLogFolder;

/// Where the parts of one shard work; outlives them while they run.
struct JobSite {
    Shard& shard;
    BackgroundTurns& turns;
    TwinLogFolder& folder;
    const JobEngineLimits& limits;
    const query::QueryOptions options;  ///< What conditions may hold.
    Throttles& throttles;               ///< Of the hub: how many devices a second.
    Zones& zones;
    /// Requests of all method jobs of the hub that are in flight.
    std::shared_ptr<std::atomic<std::size_t>> methods_in_flight;
    ByJobType<JobDeviceMetrics>& metrics;
    JobNotices& notices;
    ShardBudgets& budgets;
    MemberWatch& members;
    /// Told once of each part whose devices have all ended, durably.
    std::function<void(std::uint64_t job)> finished;
    /// Takes a part's report to the gate of its job.
    std::function<void(std::uint64_t job, GateReport)> report;
    bool rests = false;  ///< See `Jobs::rest`.
    // Of a budget of the hub: nothing of these jobs begins.
    bool holds_methods = false;
    bool holds_twins = false;
};

/// The share of a running job that belongs to one shard: writes events, and takes the step an event
/// describes when it is durable. What the kinds of job have in common: log, counters, deadline, cancel,
/// and trying again when the store refused. The shard's thread only. See docs/jobs.md.
class JobPart : public BackgroundWork {
public:
    /// Ours: devices in flight may still answer for this long after a cancel.
    static constexpr std::chrono::milliseconds cancel_grace{800};
    /// Ours: after a commit failed, how long until its events are written again.
    static constexpr std::chrono::milliseconds retry_delay{1000};
    /// Wall clocks jump, so no timer trusts a longer distance.
    static constexpr std::chrono::seconds timer_distance_max{60};
    /// Ours: jobs that take devices of one part and are told apart; the last one stands for those after it.
    static constexpr std::size_t takers_max = 254;

    /// A device that was written before a restart and has not confirmed.
    struct Awaited {
        std::uint32_t index = 0;
        std::int64_t version = 0;
        WallTime written;
    };
    /// What a part works through, durable before it begins.
    struct Targets {
        std::vector<Ordinal> ordinals;
        PartState state;
        std::uint64_t next_sequence = 1;
        // Of jobs with a rollout only:
        std::optional<LogChain> chain;      ///< None in a log that an older version began.
        std::vector<std::uint32_t> places;  ///< By index; none if devices begin as they are stored.
        std::vector<std::uint32_t> order;   ///< Indexes by place, or none: then the part sorts by itself.
        PartKeys keys;                      ///< Of which places are to be made.
        std::vector<std::pair<std::uint32_t, WallTime>>
            backing_off;  ///< Since before a restart, and until when.
        UndoneDevices undone;  ///< Of an undo.
        std::vector<Awaited> awaited;
        std::vector<std::uint32_t> must_succeed;  ///< Those of `success.all`.
        std::vector<std::uint32_t> begun;         ///< Of a job with waves: those that began, in that order.
        std::vector<BegunTimes> times;            ///< The same by index, where a test of a wave asks for it.
        LostEvent lost;                           ///< Of the newest wave that is watched: all of its events.
        // Of a continuous job: those that have joined since its start, by the first index and the time of
        // each event.
        std::vector<std::pair<std::uint32_t, WallTime>> joined;  ///< Bound: the part's devices
        Sha256Digest digest{};                                   ///< Of the keys, while they are found.
        std::uint64_t planned = 0;  ///< The same: those that the job's plan has found too.

        /// Devices that the job started with.
        std::size_t started() const { return joined.empty() ? ordinals.size() : joined.front().first; }
    };

    JobPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets);

    std::uint64_t job() const { return entry_->number(); }
    const JobEntry& entry() const { return *entry_; }
    // Its devices, for who compares them with those of another job.
    std::uint32_t devices() const { return size(); }
    Ordinal ordinal(std::uint32_t index) const { return ordinals_[index]; }
    bool has_ended(std::uint32_t index) const { return is_terminal(state_.at(index)); }

    // Superseding, superseding/part_superseding.cpp:
    /// Job `taker` began later and takes these devices: those that have not begun are canceled, and none of
    /// them begins any more. Ascending.
    void give_up_to(std::uint64_t taker, const std::vector<std::uint32_t>& indexes);
    /// True once all of that is on disk, or no device of this part can begin.
    bool has_given_up() const { return is_closed_ || (given_up_.empty() && giving_up_ == 0); }

    // Continuous jobs, members/part_joining.cpp:
    /// Whether devices may join or leave now.
    enum class Joining : std::uint8_t {
        over,     ///< No more.
        later,    ///< The store refused something; `MemberWatch::renew` is called when it may be again.
        leaving,  ///< The job takes no devices any more, but those that wait may leave.
        open,
    };
    Joining joining() const;
    const PartOrders& orders() const { return gate_->orders(); }
    /// These devices become members; `done` is given the index of the first when that is durable, or nothing.
    /// `reversals`, of an undo, are together of as many devices.
    void join(JoinedEvent event, std::vector<ReversalsEvent> reversals,
              UniqueFunction<void(std::optional<std::uint32_t>)> done);
    /// The device has stopped matching: it is canceled if it has not begun.
    void leave(std::uint32_t index);
    /// None that was there before its source ended is left to join.
    void members_known();

    /// The job runs. Devices found in flight were so before a restart, and end.
    void begin();
    /// Ends pending devices at once and those in flight within `cancel_grace`.
    void cancel();
    /// Of jobs with a rollout: what the coordinator wants, and all permits its gate ever gave.
    void obey(PartOrders orders);
    void permit(std::uint64_t granted);
    /// The hub goes down: writes what is known and does nothing more.
    void stop();
    /// No budget of the hub holds the job any more, or one does now.
    void hold_changed();
    // Budgets that count devices, budgets/part_budgets.cpp:
    /// Tells the shard's budgets, which are new, what of this job is at work.
    void tell_budgets();
    /// A budget has room that was exhausted.
    void budget_freed();
    /// True if nothing is on its way to a device or twin that has not left.
    virtual bool is_still() const = 0;

    /// The shard's news about `record`, which need not be a target.
    virtual void device_ready(Record& record);
    virtual void device_removed(Record& record);

protected:
    Shard& shard() const { return site_.shard; }
    const JobDefinition& definition() const { return entry_->definition(); }
    PartState& state() { return state_; }
    const PartState& state() const { return state_; }
    const std::vector<Ordinal>& ordinals() const { return ordinals_; }
    JobSite& site() { return site_; }
    /// A budget of the hub lets nothing of such jobs begin.
    bool is_held_by_budget() const {
        return definition().type == JobType::device_method ? site_.holds_methods : site_.holds_twins;
    }
    bool rests() const { return site_.rests || is_held_by_budget(); }
    /// Takes the device's place in all budgets; false if one is exhausted, and the device then stands in a
    /// line of this part: `unpark` is called when there may be room.
    bool take_budgets(std::uint32_t index);
    /// The same for a job that takes its devices in order: it is only woken.
    bool take_budgets_in_order(std::uint32_t index);
    /// It has not begun after all.
    void give_back_budgets(std::uint32_t index);
    /// A device that stood in a line looks for its turn again. It is not claimed.
    virtual void unpark(std::uint32_t index) = 0;
    std::uint64_t parked() const { return parked_; }
    bool waits_for_budget() const { return is_at_head_; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(ordinals_.size()); }

    /// Puts `event` into the batch. When that is durable the state moves, counters are published and
    /// `applied` is called; if it is refused, `refused`.
    void append(JobEvent event);
    virtual void applied(const JobEvent& event) = 0;
    /// The event is not durable: takes back what was done for it, or writes it again after `pause`.
    virtual void refused(JobEvent event) = 0;
    /// Writes what is known, before an `Ended` event.
    virtual void flush() {}
    /// No device may be begun any more.
    virtual void closed() {}

    // --- of jobs with a rollout ----------------------------------------------------------------
    /// Null in others.
    PartGate* gate() const { return gate_.get(); }
    /// Orders have come; the first time `is_first`.
    virtual void ordered(bool is_first) = 0;
    /// Adds what is wanted and in flight,
    virtual void fill(GateReport& report) const = 0;
    /// and the places of what is wanted.
    virtual void add_places(GateReport& report) const = 0;
    /// True if nothing begins any more without a new permit: no permit, no intent and no request is under
    /// way.
    virtual bool is_quiet() const = 0;
    /// The gate is told what has changed, once for all of this turn of the loop.
    void report_soon();
    void return_permits();
    // Devices that are not there at their turn, by the offline policy:
    /// The device, claimed, is canceled with the next `put_skipped`.
    void skip(std::uint32_t index);
    void put_skipped();
    std::size_t skipped() const { return skipped_.size(); }
    /// True if the device has been waited for as long as the job says.
    bool is_overdue(std::uint32_t index) const;
    /// Calls `expire` when the next wave's time to live is over, or the time of patience.
    void arm_ttl();
    /// All devices whose turn was and that were not there are to be looked at again.
    virtual void expire() {}
    // Windows, in which devices may begin, each by its own clock:
    /// Once it had some: devices that waited for one are looked at again when there are none any more.
    bool has_windows() const { return has_windows_; }
    WindowLook window_of(std::uint32_t index) const;
    /// The device's turn was in no window of it: `expire` is called when one opens, or it is skipped.
    void shut_out(std::uint32_t index, WindowLook seen);
    void clear_shut(std::uint32_t index);
    std::uint64_t shut() const { return shut_count_; }
    /// True if a job that began later has taken the device.
    bool is_taken(std::uint32_t index) const { return !taken_.empty() && taken_[index] != 0; }
    /// Before this nobody who is not there is given up.
    bool is_patient() const { return shard().clock().wall_now() < gate_->orders().patient_until; }
    WallTime deadline() const {
        return gate_ && gate_->has_orders() ? gate_->orders().deadline : definition().deadline();
    }
    std::vector<std::pair<std::uint32_t, WallTime>>& backing_off() { return backing_off_; }
    UndoneDevices& undone() { return undone_; }
    const UndoneDevices& undone() const { return undone_; }
    const std::vector<Awaited>& awaited() const { return awaited_; }

    void wake() { site_.turns.wake(*this); }
    /// No steps for `retry_delay`.
    void pause();
    /// Calls `fire` after `delay` unless the part is gone.
    void after(Duration delay, UniqueFunction<void()> fire);

    /// False too as long as there are no orders that say what may.
    bool may_begin() const {
        return !is_closed_ && !is_paused_ && !is_stopped_ && (!gate_ || gate_->has_orders());
    }
    bool is_paused() const { return is_paused_; }
    bool is_cancelling() const { return is_cancelling_; }
    bool is_stopped() const { return is_stopped_; }
    /// How long until the deadline; not negative.
    Duration time_left() const;

private:
    void arm_deadline(std::uint64_t armed);
    void begin_ordered();
    void arm_lapse();
    void send_report();
    PartShare share() const;
    void renew_windows();
    void mark_shut(std::uint32_t index);
    void arm_windows();
    void put_given_up();
    // A wave that is watched for lost connections, waves/part_watch.cpp:
    void renew_watch();
    void watch_begun(const JobEvent& event);
    void watch_on();
    void settle_lost(const LostEvent& event, bool is_durable);
    void add_watched(GateReport& report);
    void settle_given_up(const CanceledEvent& event, bool is_durable);
    void follow_orders();
    bool keeps_open() const;
    void grow(const JoinedEvent& event);
    void settle_joined(const JoinedEvent& event, bool is_durable);
    WallTime joined_at(std::uint32_t index) const;
    std::optional<BudgetToken> ask_budgets(std::uint32_t index);
    void arm_parked();
    void note_risk(std::uint32_t index, const JobEvent& event);
    void put_risks(const JobEvent& event);
    void take_back_risks(const JobEvent& event);
    void close();
    void put_end(EndKind end);
    void settled(Result<> result, JobEvent event, std::uint64_t sequence);
    void publish(std::uint64_t position);
    void finish_if_done();

    JobSite& site_;
    const std::shared_ptr<JobEntry> entry_;
    std::vector<Ordinal> ordinals_;
    PartState state_;
    std::uint64_t next_sequence_;
    std::uint64_t position_;  ///< Behind the last event that `state_` has taken.
    std::optional<LogChain> chain_;
    const std::unique_ptr<PartGate> gate_;
    std::vector<std::pair<std::uint32_t, WallTime>> backing_off_;
    UndoneDevices undone_;
    const std::vector<Awaited> awaited_;
    const std::vector<std::uint32_t> must_succeed_;
    std::vector<std::uint32_t> skipped_;  ///< Claimed: to be canceled, as they are not there.
    std::uint64_t armed_ttl_ = 0;
    std::unique_ptr<WindowClock> windows_;  ///< Null without windows.
    std::string windows_text_;              ///< The rollout that they are of.
    std::vector<bool> shut_;                ///< Devices whose turn was in no window of them.  Bound: fixed.
    std::uint64_t shut_count_ = 0;
    std::optional<WallTime> windows_armed_;  ///< When they are looked at next.
    bool has_windows_ = false;
    bool is_window_news_ = false;
    /// By index: which of `takers_` has taken the device, from 1; 0 if none has, `left_mark` if it has left.
    /// Empty until one does.
    std::vector<std::uint8_t> taken_;
    std::vector<std::uint64_t> takers_;    ///< Bound: takers_max
    std::vector<std::uint32_t> given_up_;  ///< To be canceled, as they are taken.  Bound: the part's devices
    std::size_t giving_up_ = 0;            ///< Events that say so and are on their way to disk.
    /// Claimed devices for which a budget has no room, by what they lack.  Bound: the part's devices
    ParkedLines parked_lines_;
    std::uint64_t parked_ = 0;
    bool is_parked_armed_ = false;
    bool is_at_head_ = false;  ///< The next device of a job in order waits for a budget.
    static constexpr std::uint8_t left_mark = 255;
    const bool is_continuous_;
    std::vector<std::pair<std::uint32_t, WallTime>> joined_;  ///< See `Targets`.
    /// Of devices on their way to being members.  Bound: one for each event of 512 devices on its way to disk
    std::deque<UniqueFunction<void(std::optional<std::uint32_t>)>> joins_;
    bool has_all_members_ = false;
    LostEvent lost_before_;             ///< See `Targets::lost`.
    std::unique_ptr<WaveWatch> watch_;  ///< Null while no wave is watched.
    bool is_watch_armed_ = false;
    std::uint64_t armed_ = 0;  ///< Counts the deadlines there were.
    bool has_begun_ = false;
    bool is_report_due_ = false;
    bool is_lapse_armed_ = false;
    bool is_skip_under_way_ = false;
    bool is_closed_ = false;
    bool is_cancelling_ = false;
    bool is_paused_ = false;
    bool is_stopped_ = false;
    bool is_finished_ = false;
};

}  // namespace carillon
