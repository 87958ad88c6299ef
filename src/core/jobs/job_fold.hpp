#pragma once

#include "core/jobs/job_events.hpp"
#include "core/jobs/job_state.hpp"
#include "core/shard/key_list.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace carillon {

/// One part of a job as its log tells it, with the devices' keys; for reading rows of `devices.jobs`.
/// Takes about 20 bytes a device. Payloads stay in the log: `last_event` says where.
class JobFold {
public:
    /// `changed` is told of each device whose state the event changes. False if the event does not fit, so
    /// the log is damaged.
    bool apply(std::uint64_t sequence, const JobEvent& event,
               const std::function<void(std::uint32_t)>& changed = {});

    std::size_t size() const { return keys_.size(); }
    const KeyList& keys() const { return keys_; }
    const PartState& state() const { return state_; }
    /// The sequence of the first event not yet applied.
    std::uint64_t next_sequence() const { return next_sequence_; }
    std::size_t memory() const;

    struct Mark {
        std::uint64_t sequence = 0;
        WallTime time;
    };
    /// The event that changed this device last.
    const Mark& last_event(std::uint32_t index) const { return marks_[last_[index]]; }
    /// The status a device answered; 0 if it did not.
    int answer_status(std::uint32_t index) const { return index < statuses_.size() ? statuses_[index] : 0; }

private:
    KeyList keys_;
    PartState state_;
    std::vector<Mark> marks_;
    std::vector<std::uint32_t> last_;     ///< Into `marks_`.
    std::vector<std::int32_t> statuses_;  ///< Method jobs only, from the first answer on.
    std::uint64_t next_sequence_ = 0;
};

}  // namespace carillon
