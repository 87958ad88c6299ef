#pragma once

#include "base/result.hpp"
#include "core/jobs/budgets/budget_ledger.hpp"
#include "core/jobs/budgets/job_budget.hpp"
#include "core/shard/shards.hpp"
#include "query/query.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class JobShard;

/// The budgets of a hub. Lives on shard 0; all members are for its thread.
class JobBudgets {
public:
    /// How long `put` waits for the parts to say that nothing begins any more.
    static constexpr std::chrono::seconds quiet_max{10};
    /// Ours: how often it looks.
    static constexpr std::chrono::milliseconds look_delay{10};

    JobBudgets(Shards& shards, const query::QueryOptions& options,
               std::vector<std::unique_ptr<JobShard>>& job_shards);

    /// Reads what is stored, and passes it to the shards. Before the threads run.
    Result<> load();
    std::vector<JobBudget> all() const;
    /// Answers when it is durable and holds: of a freeze, that no device begins any more. Fails with
    /// `argument_invalid` where there are too many or `devices` is no condition, and with
    /// `service_unavailable`, after which it may stand.
    Task<Result<>> put(JobBudget budget);
    /// False if there is none.
    Task<Result<bool>> remove(std::string name);

private:
    bool holds(JobType type) const;
    std::shared_ptr<const BudgetSet> counting() const;
    Task<> tell(bool methods, bool twins);
    Task<bool> is_still();
    Task<bool> quiet();
    Task<bool> apply();

    Shards& shards_;
    Shard& shard_;
    std::vector<std::unique_ptr<JobShard>>& job_shards_;
    const query::QueryOptions options_;
    BudgetLedger ledger_;
    std::map<std::string, JobBudget> budgets_;  ///< Bound: JobBudget::count_max
    std::shared_ptr<const BudgetSet> set_ = std::make_shared<const BudgetSet>();
    bool is_applying_ = false;  ///< One change at a time.
};

}  // namespace carillon
