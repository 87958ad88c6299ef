#pragma once

#include "core/jobs/budgets/job_budget.hpp"
#include "query/query.hpp"

#include <boost/container/small_vector.hpp>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

/// Budgets that count devices, each with its condition. Immutable.
struct BudgetSet {
    struct Item {
        JobBudget budget;
        query::JobCondition condition;
    };
    std::vector<Item> items;  ///< Bound: JobBudget::count_max

    bool has(JobType type) const;
    bool has_shares() const;
};

/// One device's claim on a budget: of all its devices, or of a group with one value at `per`.
struct BudgetToken {
    std::uint8_t budget = 0;
    std::uint32_t group = 0;
    auto operator<=>(const BudgetToken&) const = default;

    /// The budgets have changed since: the caller asks again.
    static constexpr BudgetToken stale() { return {UINT8_MAX, 0}; }
};
/// Devices of a part that wait, by what they lack.
using ParkedLines = std::map<BudgetToken, std::deque<std::uint32_t>>;
using BudgetTokens = boost::container::small_vector<BudgetToken, 2>;

/// What the jobs of a hub have at risk together, counted exactly: all tokens of a device are taken in one
/// step or none, and nobody holds one while it waits for another. Parts that find a budget exhausted stand
/// in its line, which serves them in turn. The caller names the budgets that it means by their epoch; what
/// is of an earlier one counts for nothing. Any thread.
class BudgetLedger {
public:
    /// Ours: distinct values of one `per` path; those beyond them count as one.
    static constexpr std::size_t groups_max = 65'536;
    /// Ours: who was called and did not come within this time has lost its turn.
    static constexpr std::chrono::seconds turn_max{2};

    /// A part of a job.
    struct Who {
        std::uint64_t job = 0;
        std::uint32_t shard = 0;
        bool operator==(const Who&) const = default;
    };

    /// `call` wakes the parts of a shard; called on any thread, with nothing locked.
    BudgetLedger(std::size_t shards, std::function<void(std::uint32_t)> call)
        : call_(std::move(call)), told_(shards), counted_(shards) {}

    /// Begins anew with other budgets. Nothing is given before every shard has reported what it has at risk.
    std::uint64_t renew(std::shared_ptr<const BudgetSet> set);
    /// The shard has reported all that it has at risk.
    void told(std::uint64_t epoch, std::uint32_t shard);
    /// How many registered devices each group of a budget has on the shard.
    void counted(std::uint64_t epoch, std::uint32_t shard, std::uint8_t budget,
                 const std::map<std::string, std::uint64_t>& groups);

    /// The group of that name, made if need be.
    std::uint32_t group(std::uint64_t epoch, std::uint8_t budget, std::string_view name);
    /// Takes all tokens, or says of which there is none; `who` then stands in that line.
    std::optional<BudgetToken> take(std::uint64_t epoch, const BudgetTokens& tokens, Who who, TimePoint now);
    /// `who` has more devices that wait for this one.
    void stand(std::uint64_t epoch, const BudgetToken& token, Who who);
    /// Takes what is at risk already, whatever the budgets say.
    void force(std::uint64_t epoch, const BudgetTokens& tokens);
    void give_back(std::uint64_t epoch, const BudgetTokens& tokens, TimePoint now);
    /// How many `who` could take of a token now.
    std::uint64_t free(std::uint64_t epoch, const BudgetToken& token, Who who, TimePoint now);
    /// Devices at risk that count against a budget; 0 if there is none of that name.
    std::uint64_t at_risk(std::string_view budget) const;

private:
    struct Waiter {
        Who who;
        std::optional<TimePoint> called;
    };
    struct Group {
        std::uint64_t at_risk = 0;
        std::uint64_t registered = 0;
        std::deque<Waiter> line;  ///< Bound: parts of the jobs that run
    };
    struct Budget {
        std::unordered_map<std::string, std::uint32_t> names;
        std::deque<Group> groups;                                      ///< Bound: groups_max + 1
        std::vector<std::map<std::string, std::uint64_t>> registered;  ///< By shard, as last counted.
    };
    using Called = std::vector<std::uint32_t>;

    std::uint64_t cap(const BudgetToken& token, const Group& group) const;
    std::uint64_t free_of(const BudgetToken& token, const Group& group) const;
    Group& at(const BudgetToken& token) { return budgets_[token.budget].groups[token.group]; }
    std::uint32_t group_locked(std::uint8_t budget, std::string_view name);
    std::uint64_t share_of(const BudgetToken& token, Group& group, Who who, TimePoint now);
    static bool stands(const Group& group, Who who);
    static void leave(Group& group, Who who);
    void call_next(const BudgetToken& token, TimePoint now, Called& called);
    void wake(const Called& called) const;

    const std::function<void(std::uint32_t)> call_;
    mutable std::mutex mutex_;  ///< Guards what follows.
    std::shared_ptr<const BudgetSet> set_ = std::make_shared<const BudgetSet>();
    std::uint64_t epoch_ = 0;
    std::vector<Budget> budgets_;
    std::vector<bool> told_;
    std::vector<std::uint16_t> counted_;  ///< By shard: of which budgets, a bit each.
};

}  // namespace carillon
