#pragma once

#include "base/result.hpp"
#include "core/shard/shards.hpp"
#include "model/job_type.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class JobShard;

/// How many devices all jobs of the hub may have at work together. In this version none: `max` is 0, and
/// nothing begins. A value. Source: docs/rollout-reference.md, budgets.
struct JobBudget {
    static constexpr std::size_t count_max = 16;
    static constexpr std::size_t name_chars_max = 64;
    static constexpr std::size_t bytes_max = 4096;

    std::string name;
    bool holds_methods = true;
    bool holds_twins = true;
    std::string text;  ///< As it was sent.

    /// Reads `{"max":0,"jobs":"all"}`. Fails with `argument_invalid`, which names the member.
    static Result<JobBudget> parse(std::string_view name, std::string_view text);
};

/// The budgets of a hub. Lives on shard 0; all members are for its thread.
class JobBudgets {
public:
    /// How long `put` waits for the parts to say that nothing begins any more.
    static constexpr std::chrono::seconds quiet_max{10};
    /// Ours: how often it looks.
    static constexpr std::chrono::milliseconds look_delay{10};

    JobBudgets(Shards& shards, std::vector<std::unique_ptr<JobShard>>& job_shards)
        : shards_(shards), shard_(shards.first()), job_shards_(job_shards) {}

    /// Reads what is stored, and tells the shards. Before the threads run.
    Result<> load();
    std::vector<JobBudget> all() const;
    /// Answers when it is durable and no device begins any more that it holds. Fails with `argument_invalid`
    /// where there are too many, and with `service_unavailable`, after which it may stand.
    Task<Result<>> put(JobBudget budget);
    /// False if there is none.
    Task<Result<bool>> remove(std::string name);

private:
    bool holds(JobType type) const;
    Task<> tell();
    Task<bool> is_still();

    Shards& shards_;
    Shard& shard_;
    std::vector<std::unique_ptr<JobShard>>& job_shards_;
    std::map<std::string, JobBudget> budgets_;  ///< Bound: JobBudget::count_max
};

}  // namespace carillon
