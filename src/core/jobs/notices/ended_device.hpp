#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_fold.hpp"
#include "core/jobs/job_log.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <unordered_map>

namespace carillon {

class Shard;
struct JobRecord;

/// What an event of a job says of single devices beyond their state; views the event.
class EventDetails {
public:
    explicit EventDetails(const JobEvent& event);

    /// Null if it says nothing.
    const Failure* find_failure(std::uint32_t index) const;
    const MethodAnswer* find_answer(std::uint32_t index) const;

private:
    void add(const std::vector<Outcome>& outcomes);

    std::unordered_map<std::uint32_t, const Failure*> failures_;      ///< Bound: fixed by the event
    std::unordered_map<std::uint32_t, const MethodAnswer*> answers_;  ///< Bound: fixed by the event
};

/// A device that ended by the event, as the row of `devices.jobs` that it is from then on.
DeviceJob ended_device(const JobEntry& entry, const JobFold& fold, std::uint32_t index,
                       const EventDetails& details);

/// The endpoints that the job names (`notify`) as a JSON list, for the bodies of its events; empty if it names none.
std::string named_endpoints(const JobDefinition& definition);
/// Tells that a device has ended, or a job, by an event of the hub in the batch that `shard` gathers. `named`
/// is what `named_endpoints` says of its job.
void tell_device_end(Shard& shard, const DeviceJob& row, std::string_view named);
/// Nothing if no route wants it.
void tell_job_end(Shard& shard, const JobDefinition& definition, const JobRecord& record);
/// An event of the log of a job that runs, if it is a decision: what the log says for itself (seals, starts, its
/// end) is not told. `number` and `sequence` are those of the job and of the event in its log.
void tell_job_decision(Shard& shard, const JobDefinition& definition, std::uint64_t number,
                       std::uint64_t sequence, const JobLogEvent& event);

}  // namespace carillon
