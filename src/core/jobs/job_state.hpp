#pragma once

#include "base/prefetch.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_tally.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <vector>

namespace carillon {

/// Where one device of a job stands; `attempted` is pending after a dispatch that found the link dead,
/// `again` is pending after an attempt that failed and is to be repeated.
enum class TargetState : std::uint8_t { pending, attempted, again, running, succeeded, failed, canceled };
constexpr bool is_terminal(TargetState state) {
    return state >= TargetState::succeeded;
}
/// As queries and reports say it: what is to be attempted, again or not, is pending.
DeviceJobStatus status_of(TargetState state);

/// The devices of one part of a job by state, two bytes each: the fold of the part's events. The live
/// part and a reader of the log apply the same events by the same rules, so they agree. An event
/// about a device that has ended changes nothing. State machine: docs/jobs.md.
class PartState {
public:
    std::size_t size() const { return states_.size(); }
    std::size_t memory() const { return states_.capacity() * sizeof(states_[0]) + attempts_.capacity(); }
    const JobCounts& counts() const { return counts_; }
    /// Why those failed that `counts` says failed, and what those answered that succeeded.
    const JobTally& tally() const { return tally_; }
    bool is_done() const { return counts_.pending + counts_.running == 0; }

    TargetState at(std::uint32_t index) const {
        return static_cast<TargetState>(states_[index] & state_mask);
    }
    /// Of a device that failed, or of the last attempt of one in `again`.
    FailReason reason(std::uint32_t index) const {
        return static_cast<FailReason>(states_[index] >> reason_shift & 0xff);
    }

    /// Requests sent to one device, or to all; of jobs with a rollout only.
    std::uint32_t attempts(std::uint32_t index) const {
        return index < attempts_.size() ? attempts_[index] : 0;
    }
    std::uint64_t attempts() const { return all_attempts_; }

    /// A mark of the live part: this device is being worked on and an event about it is due. An
    /// event that changes its state takes the mark away; it is not part of the fold.
    bool is_claimed(std::uint32_t index) const { return (states_[index] & claimed_bit) != 0; }
    void claim(std::uint32_t index) { states_[index] |= claimed_bit; }
    void release(std::uint32_t index) { states_[index] &= static_cast<std::uint16_t>(~claimed_bit); }
    /// Another one: the device counts against the hub's budgets by this job. Stays until it is taken away.
    bool is_at_risk(std::uint32_t index) const { return (states_[index] & risk_bit) != 0; }
    void set_at_risk(std::uint32_t index, bool is_at_risk) {
        const auto others = static_cast<std::uint16_t>(states_[index] & ~risk_bit);
        states_[index] = static_cast<std::uint16_t>(others | (is_at_risk ? risk_bit : 0));
    }

    /// Brings the device's state into the caches.
    void prefetch(std::uint32_t index) const { carillon::prefetch(&states_[index], sizeof(std::uint16_t)); }

    /// Applies one event; `changed(index)` is told of each device whose state it changed. False if it
    /// names a device the part does not have.
    template <class Changed>
    bool apply(const JobEvent& event, Changed&& changed) {
        return std::visit([&](const auto& e) { return apply_event(e, changed); }, event);
    }
    bool apply(const JobEvent& event) {
        return apply(event, [](std::uint32_t) {});
    }

private:
    // Of the sixteen bits, low to high: five for the state, eight for the reason as it is stored, one free,
    // and the marks.
    static constexpr std::uint16_t state_mask = 0x001f;
    static constexpr unsigned reason_shift = 5;
    static constexpr std::uint16_t risk_bit = 0x4000;
    static constexpr std::uint16_t claimed_bit = 0x8000;

    std::uint64_t& count_of(TargetState state);
    /// False if the device has ended.
    bool move(std::uint32_t index, TargetState to, FailReason reason = FailReason::none);

    template <class Changed>
    bool apply_event(const TargetsEvent& event, Changed& changed) {
        return add(event.ordinals.size(), changed);
    }
    template <class Changed>
    bool add(std::size_t devices, Changed& changed) {
        const auto first = static_cast<std::uint32_t>(states_.size());
        states_.resize(states_.size() + devices, 0);
        counts_.device += devices;
        counts_.pending += devices;
        for (auto i = first; i < states_.size(); ++i) changed(i);
        return true;
    }
    template <class Changed>
    bool apply_event(const JoinedEvent& event, Changed& changed) {
        return add(event.ordinals.size(), changed);
    }
    template <class Changed>
    bool apply_event(const TwinChunkEvent& event, Changed& changed) {
        if (event.from > event.to || event.to > states_.size()) return false;
        auto failure = event.failures.begin();
        for (auto i = event.from; i < event.to; ++i) {
            bool has_moved = false;
            if (failure != event.failures.end() && failure->index == i) {
                has_moved = fail(i, failure->failure);
                ++failure;
            } else {
                has_moved = move(i, TargetState::succeeded);
            }
            if (has_moved) changed(i);
        }
        return failure == event.failures.end();
    }
    template <class Changed>
    bool apply_event(const DispatchedEvent& event, Changed& changed) {
        for (const auto i : event.indexes) {
            if (i >= states_.size()) return false;
            if (move(i, TargetState::running)) changed(i);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const OutcomesEvent& event, Changed& changed) {
        for (const auto& outcome : event.outcomes) {
            if (outcome.index >= states_.size()) return false;
            if (take(outcome)) changed(outcome.index);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const EndedEvent& event, Changed& changed) {
        for (std::uint32_t i = 0; i < states_.size(); ++i) {
            if (end(i, event.end)) changed(i);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const OrderEvent&, Changed&) {
        return true;  // Changes no state.
    }
    template <class Changed>
    bool apply_event(const ReversalsEvent&, Changed&) {
        return true;  // Nor does this one.
    }
    template <class Changed>
    bool apply_event(const LostEvent& event, Changed&) {
        for (const auto& device : event.devices) {
            if (device.index >= states_.size()) return false;
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const MustSucceedEvent& event, Changed&) {
        return event.indexes.empty() || event.indexes.back() < states_.size();
    }
    template <class Changed>
    bool apply_event(const WrittenEvent& event, Changed& changed) {
        for (const auto& device : event.devices) {
            if (device.index >= states_.size()) return false;
            const bool is_written = device.failure.reason == FailReason::none;
            const auto after = device.is_awaited ? TargetState::running : TargetState::succeeded;
            if (is_written ? move(device.index, after) : fail(device.index, device.failure)) {
                if (is_written) ++all_attempts_;
                changed(device.index);
            }
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const ConfirmedEvent& event, Changed& changed) {
        for (const auto& device : event.devices) {
            if (device.index >= states_.size()) return false;
            const bool has_confirmed = device.failure.reason == FailReason::none;
            if (has_confirmed ? move(device.index, TargetState::succeeded)
                              : fail(device.index, device.failure))
                changed(device.index);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const Outcomes2Event& event, Changed& changed) {
        for (const auto& outcome : event.outcomes) {
            if (outcome.index >= states_.size()) return false;
            if (take(outcome)) changed(outcome.index);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const CanceledEvent& event, Changed& changed) {
        for (const auto i : event.indexes) {
            if (i >= states_.size()) return false;
            // What has begun is not taken by another job, and does not leave.
            if (event.spares_begun() && at(i) == TargetState::running) continue;
            if (move(i, TargetState::canceled)) changed(i);
        }
        return true;
    }
    template <class Changed>
    bool apply_event(const BegunEvent& event, Changed& changed) {
        for (const auto& device : event.devices) {
            if (device.index >= states_.size()) return false;
            if (begin(device)) changed(device.index);
        }
        return true;
    }
    static TargetState state_after(OutcomeKind kind);
    bool begin(const BegunEvent::Device& device);
    bool fail(std::uint32_t index, const Failure& failure);
    bool fail(std::uint32_t index, FailReason reason);
    bool take(const Outcome& outcome);
    bool end(std::uint32_t index, EndKind kind);

    std::vector<std::uint16_t> states_;
    std::vector<std::uint8_t> attempts_;  ///< None in jobs without a rollout.
    std::uint64_t all_attempts_ = 0;
    JobCounts counts_;
    JobTally tally_;
};

}  // namespace carillon
