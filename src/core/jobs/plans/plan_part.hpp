#pragma once

#include "base/sha256.hpp"
#include "core/jobs/job_target_scan.hpp"
#include "core/jobs/plans/plan_targets.hpp"
#include "model/reversal/twin_reversal.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// A device that shows what a job would do.
struct PlanSample {
    std::uint64_t hash = 0;  ///< By which it was drawn.
    std::string device_id;
    std::string module_id;
    std::string overwrites;  ///< JSON: what the twin has now where the job writes; empty if nothing.
};

/// Another job that is not over yet and acts upon the same in the same devices.
struct PlanCollision {
    std::string job;
    std::string key;  ///< As `touched_by` names it.
    std::uint64_t devices = 0;
};

/// What a job would find and do on one shard, or on all.
struct PlanCounts {
    std::uint64_t devices = 0;
    std::uint64_t online = 0;  ///< Connected, and of a method job: takes the method.
    std::uint64_t disabled = 0;
    std::uint64_t unknown = 0;  ///< Ids that nobody has.
    // Of a twin job:
    std::uint64_t no_ops = 0;
    std::uint64_t changes = 0;
    std::uint64_t too_large = 0;
    PlanCounts& operator+=(const PlanCounts& o);
};

struct PlanPart {
    static constexpr std::size_t sample_max = 10;
    static constexpr std::size_t collisions_max = 16;

    PlanCounts counts;
    PlanTargets targets;
    Sha256Digest digest{};                  ///< Of the devices' keys, in order.
    std::vector<PlanSample> sample;         ///< By hash.  Bound: sample_max
    std::vector<PlanCollision> collisions;  ///< Bound: collisions_max
};

/// Adds up what a scan finds, for a plan. One shard's thread.
class PlanLooker final : public TargetLooker {
public:
    PlanLooker(std::shared_ptr<const JobDefinition> definition, std::uint64_t seed);

    void look(Ordinal ordinal, std::string_view key, const Record* record) override;
    /// What was found; once.
    PlanPart take() { return std::move(part_); }

private:
    void look_at_twin(const Twin& twin);
    void draw(std::string_view key, const Record* record);

    const std::shared_ptr<const JobDefinition> definition_;
    const std::uint64_t seed_;
    std::optional<OverwrittenReader> overwritten_;
    std::string own_;        ///< What `overwritten_` says of a twin that has it all already.
    std::string now_there_;  ///< What it says of the twin that is looked at.
    PlanPart part_;
};

/// Counts the devices that unfinished parts of other jobs on this shard share with a plan, and gives the
/// plan's part with them to `done`.
class PlanComparison final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    /// Devices between two looks at the clock.
    static constexpr std::uint32_t looked_at_once = 1024;
    using Done = UniqueFunction<void(Result<PlanPart>)>;

    PlanComparison(Shard& shard, PlanPart part, std::vector<std::shared_ptr<JobPart>> others,
                   std::vector<std::string> keys, Done done);
    bool step() override;

private:
    Shard& shard_;
    PlanPart part_;
    const std::vector<std::shared_ptr<JobPart>> others_;
    const std::vector<std::string> keys_;
    Done done_;
    std::size_t other_ = 0;
    std::uint32_t index_ = 0;
    std::uint64_t shared_ = 0;
};

}  // namespace carillon
