#pragma once

#include "core/jobs/whatif/recorded_job.hpp"
#include "core/jobs/whatif/replayed_job.hpp"
#include "core/jobs/whatif/what_if_answer.hpp"

#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

namespace carillon {

/// Devices begin as the other policy lets them, in their order, and take as long and end as they did. A wave
/// that waits for a person is promoted at once; a pause is the end.
class WhatIfSimulation final : public WhatIf {
public:
    WhatIfSimulation(std::shared_ptr<const RecordedJob> recorded, const Rollout& changed);
    bool step() override;
    WhatIfAnswer take() override;

private:
    static constexpr std::uint32_t none = UINT32_MAX;
    /// What became of one attempt, or of a device that did not begin.
    struct Attempt {
        std::int64_t took = 0;      ///< Ticks; until it has ended, when it began.
        std::uint32_t next = none;  ///< The device's next one.
        std::int32_t status = 0;    ///< Of an answer.
        OutcomeKind kind = OutcomeKind::answered;
        FailReason reason = FailReason::none;
        bool has_ended = false;  ///< What came of it is on record.
    };
    struct Device {
        std::int64_t begun = INT64_MAX;  ///< Its first attempt, in ticks.
        std::uint32_t first = none;      ///< Attempt,
        std::uint32_t last = none;
        std::uint32_t at_turn = none;  ///< It did not begin, and ended as its turn was.
        std::optional<CancelReason> left_out;
        std::uint8_t made = 0;  ///< Attempts, here.
    };
    struct Later {
        std::int64_t at;
        std::uint32_t device;
        bool is_end;  ///< Else it may be attempted again.
        bool operator>(const Later& o) const { return std::pair(at, device) > std::pair(o.at, o.device); }
    };

    void read_some();
    void note(std::vector<Device>& devices, const JobEvent& event);
    std::uint32_t add_attempt(std::int64_t begun);
    void end(Device& device, std::int64_t at, const Attempt& how);
    void put_in_order();
    bool go_on();
    bool begin_some();
    bool pass_over(std::uint32_t device);
    void begin(std::uint32_t device);
    void end_attempt(std::uint32_t device);
    void settle(std::uint32_t device, const Attempt& how, std::uint32_t number, std::int64_t again_ms);
    bool is_repeated(const Attempt& how) const;
    void promote_gates();
    std::optional<std::int64_t> next_moment();
    /// Counted from the start: ticks since the epoch are too many for nanoseconds.
    TimePoint steady() const {
        return TimePoint(std::chrono::nanoseconds((now_ - recorded_->started.ticks) * 100));
    }
    WallTime now() const { return WallTime{now_}; }
    void finish(WhatIfAnswer::End end);
    std::uint64_t must_missed() const;

    const std::shared_ptr<const RecordedJob> recorded_;
    const JobDefinition changed_;
    std::vector<Attempt> attempts_;             ///< Bound: RecordedJobLimits
    std::vector<std::vector<Device>> by_part_;  ///< While they are read.  Bound: the job's devices
    std::size_t part_ = 0;                      ///< The one that is read.
    std::optional<TapeReader> tape_;
    std::vector<Device> devices_;             ///< In the order in which they begin.  Bound: the job's devices
    std::vector<std::uint32_t> must_succeed_;  ///< Of `devices_`.  Bound: the job's devices
    std::unique_ptr<ReplayedJob> job_;
    std::int64_t now_ = 0;
    std::uint32_t cursor_ = 0;
    std::set<std::uint32_t> again_;  ///< Whose next attempt is due.  Bound: the job's devices
    std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;  ///< Bound: the job's devices
    std::uint64_t in_flight_ = 0;
    std::uint64_t used_ = 0;
    std::uint64_t granted_ = 0;
    bool is_over_ = false;
    WhatIfAnswer answer_;
};

}  // namespace carillon
