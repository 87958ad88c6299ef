#pragma once

#include "core/jobs/whatif/recorded_job.hpp"
#include "core/jobs/whatif/replayed_job.hpp"
#include "core/jobs/whatif/what_if_answer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Devices begin and end as they did; only what is decided about them differs. First the recorded policy is
/// gone through, which says what the coordinator had heard at each of its decisions: an event behind which it
/// would have decided, and did not, it had not heard alone; and a time that it let pass, it slept through. So
/// the recorded policy gives the recorded decisions.
class WhatIfReplay final : public WhatIf {
public:
    /// `changed` is the job's rollout with `changes`, a merge patch.
    WhatIfReplay(std::shared_ptr<const RecordedJob> recorded, const Rollout& changed, std::string changes);
    bool step() override;
    WhatIfAnswer take() override;

private:
    /// What happens: the next event of a part, or the next decision of the log.
    class Point {
    public:
        explicit Point(std::uint32_t part) : bits_(part) {}  ///< `own`: of the log.
        std::uint32_t part() const { return bits_ & own; }
        /// The coordinator had not heard of it before the next one.
        bool is_unheard() const { return (bits_ & unheard_bit) != 0; }
        void set_unheard() { bits_ |= unheard_bit; }
        /// Something was due before it, and did not happen: the hub did not run.
        bool is_late() const { return (bits_ & late_bit) != 0; }
        void set_late() { bits_ |= late_bit; }
        /// Devices began though the job was paused: their part had not heard of it.
        bool is_in_spite() const { return (bits_ & in_spite_bit) != 0; }
        void set_in_spite() { bits_ |= in_spite_bit; }

    private:
        static constexpr std::uint32_t unheard_bit = 0x8000'0000;
        static constexpr std::uint32_t late_bit = 0x4000'0000;
        static constexpr std::uint32_t in_spite_bit = 0x2000'0000;
        std::uint32_t bits_;
    };
    static constexpr std::uint32_t own = 0x1fff'ffff;

    void rewind();
    bool is_due(WallTime now) const;
    const SealEvent* seal_of(std::size_t decision) const;
    std::optional<std::uint64_t> ended_before(std::size_t decision) const;
    bool is_reached(std::size_t decision);
    template <class Wanted>
    std::uint32_t first_part(Wanted is_wanted) const;
    bool may_come(std::uint32_t part, const JobEvent& event) const;
    std::uint32_t heard_before(std::size_t decision);
    void skip_states();
    bool rehearse();
    bool play();
    void take_part(Point point);
    void take_own(Point point);
    void take_change(const ChangedEvent& change);
    void take_wish(const DirectedEvent& directed, WallTime now);
    bool is_held(Point point, WallTime now) const;
    std::optional<JobEvent> as_it_is(Point point, const JobEvent& event);
    void run_timers(WallTime until);
    void finish(WallTime now, JobStatus status);
    void stop(WhatIfAnswer::End end);
    std::uint64_t must_missed();

    const std::shared_ptr<const RecordedJob> recorded_;
    const JobDefinition changed_;
    const std::string changes_;
    std::unique_ptr<ReplayedJob> job_;
    std::vector<TapeReader> tapes_;  ///< By part.
    std::vector<Point> points_;      ///< Bound: RecordedJobLimits
    std::size_t next_point_ = 0;
    std::size_t next_decision_ = 0;  ///< Of the log.
    std::optional<std::size_t> taken_decision_;
    bool is_rehearsed_ = false;
    bool has_left_out_ = false;  ///< A device that began on record has not here.
    bool is_over_ = false;
    std::vector<std::vector<bool>> dropped_;  ///< By part and device: it has not begun here.  Bound: devices
    WhatIfAnswer answer_;
};

/// A definition like the job's with another rollout.
JobDefinition with_rollout(const JobDefinition& definition, const Rollout& rollout);

}  // namespace carillon
