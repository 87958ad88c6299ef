#pragma once

#include "core/jobs/job_shard.hpp"
#include "core/jobs/plans/plan_part.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Bounds of plans; all ours.
struct PlanLimits {
    static constexpr std::size_t count_max = 1000;
    static constexpr std::size_t under_way_max = 4;
    /// Of all plans together: documents, answers and sets of devices.
    static constexpr std::size_t bytes_max = 64 * 1024 * 1024;
    static constexpr std::int64_t kept_s = 24 * 3600;
};

/// What a job would do, looked up beforehand. A value, but for what is added while it is made.
struct PlannedJob {
    std::uint64_t number = 0;
    std::string id;
    WallTime created;
    JobActor by;
    std::string document;  ///< The JobRequest, as sent.
    std::uint64_t seed = 0;
    bool is_done = false;
    std::optional<Error> refused;  ///< What hindered it.
    // Once it is done:
    PlanCounts counts;
    std::string hash;                                         ///< Of the document and the devices, in hex.
    std::string answer;                                       ///< What `GET` shows: JSON.
    std::shared_ptr<const std::vector<PlanTargets>> targets;  ///< By shard.

    std::size_t bytes() const;
};

/// The plans of a hub, and those on their way. Lives on shard 0; all members are for its thread.
class JobPlans {
public:
    JobPlans(Shards& shards, std::vector<std::unique_ptr<JobShard>>& job_shards);
    ~JobPlans();
    JobPlans(const JobPlans&) = delete;
    JobPlans& operator=(const JobPlans&) = delete;

    /// Reads what is stored. Before the threads run.
    Result<> load();
    /// Begins to look; answers with the plan's id. Fails with `throttling_exception`: too many are on their
    /// way, or there are more plans, or larger ones, than are kept.
    Result<std::string> begin(std::shared_ptr<const JobDefinition> definition, std::string document,
                              std::uint64_t seed, std::optional<query::JobCondition> condition,
                              const JobSources& sources);
    /// Null if there is none, or none any more.
    std::shared_ptr<const PlannedJob> find(std::string_view id);
    /// False if there is none. Answers when it is forgotten on disk.
    Task<Result<bool>> remove(std::string id);
    /// One more, or one less, of the jobs that have not ended carries it out: until none does it is kept.
    void hold(const std::string& id, int change);

    /// SHA-256 of the digests that the shards' parts gave, as text of 32 bytes.
    static std::string digest_of(const std::vector<Sha256Digest>& parts);
    /// What binds a document to its devices, in hex.
    static std::string hash_of(std::string_view document, std::string_view digest);

private:
    struct Making;
    void found(const std::shared_ptr<Making>& making, std::size_t part, Result<PlanPart> result);
    void complete(Making& making);
    void end(PlannedJob& plan);
    void forget_old();
    void forget(const PlannedJob& plan);
    bool is_held(const std::string& id) const { return held_.contains(id); }

    Shards& shards_;
    Shard& shard_;
    std::vector<std::unique_ptr<JobShard>>& job_shards_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::map<std::uint64_t, std::shared_ptr<PlannedJob>> plans_;  ///< Bound: PlanLimits::count_max
    std::map<std::string, int> held_;                             ///< Bound: active_max
    std::size_t bytes_ = 0;
    std::size_t under_way_ = 0;
    std::uint64_t last_number_ = 0;
};

/// Plans as stored, in `Table::jobs`.
inline constexpr std::string_view job_plans_from = "p";
inline constexpr std::string_view job_plans_to = "q";
std::string job_plan_key(std::uint64_t number);
std::string encode_job_plan(const PlannedJob& plan);
/// Fails with `store_corrupt`.
Result<PlannedJob> decode_job_plan(std::uint64_t number, Bytes bytes);

/// What `GET` shows of a plan that is done. `definition` is its document, read. Format:
/// docs/rollout-reference.md.
std::string plan_json(const PlannedJob& plan, const JobDefinition& definition,
                      const std::vector<PlanPart>& parts, std::string_view digest);

}  // namespace carillon
