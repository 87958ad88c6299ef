#pragma once

#include "core/jobs/job_fold.hpp"
#include "model/rollouts/rollout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon {

/// What became of one device of a job.
struct DeviceReport {
    std::string device_id;
    std::string module_id;  ///< Module jobs only.
    TargetState state = TargetState::pending;
    std::optional<FailureKind> kind;  ///< Failed only, or of the last attempt of one that is to be repeated.
    std::optional<CancelReason> canceled;  ///< Canceled only.
    std::uint64_t canceled_by = 0;         ///< The number of the job that took it; 0 if none did,
    std::string taker;                     ///< and its id, if it is known still.
    std::string error_code;                ///< Failed only, as in a row of `devices.jobs`.
    std::string error_description;
    int status = 0;  ///< Of its answer; 0 if there is none.
    std::uint32_t attempts = 0;
    std::optional<std::uint32_t> wave;  ///< Of a job with waves.
    WallTime begun;                     ///< Its last attempt; 0 if it was never begun.
    WallTime ended;                     ///< 0 as long as it has not.
};

/// One part of a job as its log tells it, with all that a report says of a device. Takes about 40 bytes a
/// device.
class PartReport {
public:
    /// Ours: texts of failures that are kept; of others the report has the code alone.
    static constexpr std::size_t texts_max = 10'000;

    /// False if the event does not fit, so the log is damaged.
    bool apply(std::uint64_t sequence, const JobEvent& event);

    std::size_t size() const { return fold_.size(); }
    const JobFold& fold() const { return fold_; }
    /// `wave_ends`: the positions in this part, or places in the job's order, at which its waves end; none if
    /// it has no waves.
    DeviceReport at(std::uint32_t index, const std::vector<std::uint64_t>& wave_ends) const;

private:
    void begin(std::uint32_t index, WallTime time);
    void note_text(std::uint32_t index, const Failure& failure);

    JobFold fold_;
    std::vector<WallTime> begun_;
    std::vector<std::uint32_t> places_;
    std::size_t started_ = 0;                           ///< Devices that the job started with.
    std::unordered_map<std::uint32_t, Failure> texts_;  ///< Bound: texts_max
    struct Cancel {
        CancelReason reason = CancelReason::other;
        std::uint64_t by = 0;
    };
    std::unordered_map<std::uint32_t, Cancel> canceled_;  ///< Bound: fixed by the part's devices.
};

}  // namespace carillon
