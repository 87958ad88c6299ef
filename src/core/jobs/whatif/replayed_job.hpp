#pragma once

#include "core/jobs/job_run.hpp"
#include "core/jobs/job_state.hpp"
#include "core/jobs/part_gate.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace carillon {

/// The coordinator and the parts of a job in one place, without clock, store and devices: what decides is the
/// code that decides in the hub.
class ReplayedJob {
public:
    /// Of parts with these devices; `places` are those of an order, or empty.
    ReplayedJob(const JobDefinition& definition, const std::vector<std::uint64_t>& sizes,
                std::vector<std::vector<std::uint32_t>> places, WallTime started);

    JobRun& run() { return run_; }
    PartState& state(std::size_t part) { return parts_[part].state; }
    bool is_open(std::size_t part, std::uint32_t index) const { return parts_[part].gate->is_open(index); }
    /// The part has done this; the coordinator hears of it by `report`.
    void apply(std::size_t part, const JobEvent& event);
    void report(std::size_t part);
    /// The same of a part that asks for permits: how many devices could begin, are at work, and have begun.
    void report(std::size_t part, std::uint64_t wanted, std::uint64_t in_flight, std::uint64_t used);
    /// A decision is durable.
    void apply(const JobLogEvent& event);
    /// Decides what follows at this moment, and does it.
    void decide(WallTime now, std::vector<JobLogEvent>& decisions);
    /// How it ends with all devices ended.
    void end(JobStatus status, std::uint64_t must_missed, WallTime now, std::vector<JobLogEvent>& decisions);
    bool is_cancelled() const { return is_cancelled_; }
    GateCounts counts() const { return run_.counts().sum(); }
    std::uint64_t touched() const;

private:
    struct Part {
        PartState state;
        std::unique_ptr<PartGate> gate;
    };
    void renew_orders();

    JobRun run_;
    std::vector<Part> parts_;  ///< Bound: those of the job
    const WallTime started_;
    std::uint64_t reports_ = 0;
    std::vector<std::vector<bool>> touched_;  ///< By part and device.  Bound: the job's devices
    bool is_cancelled_ = false;
};

}  // namespace carillon
