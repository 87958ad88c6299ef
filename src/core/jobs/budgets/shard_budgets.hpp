#pragma once

#include "core/jobs/budgets/budget_ledger.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/shard.hpp"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace carillon {

/// What one shard has at risk: a device is so from its begin until it has succeeded and the budget's `soak`
/// is over; one that ended otherwise until it is connected and `soak` has passed, a day at most. The shard's
/// thread only. Source: docs/rollout-reference.md, budgets.
class ShardBudgets {
public:
    /// A device that never comes back counts no longer than this.
    static constexpr std::int64_t broken_max_s = 24 * 3600;
    /// Ours: how often devices are looked at that are to come back, and how many in one go.
    static constexpr std::chrono::milliseconds look_delay{1000};
    static constexpr std::size_t looks_max = 10'000;
    /// How often registered devices are counted, for budgets that are shares.
    static constexpr std::chrono::seconds count_interval{60};
    /// Ours: rows that are counted in one turn.
    static constexpr std::size_t count_slice_max = 256;

    ShardBudgets(Shard& shard, BackgroundTurns& turns) : shard_(shard), turns_(turns) {}
    ~ShardBudgets();

    /// Where all shards count together. Before anything else.
    void set_ledger(BudgetLedger& ledger) { ledger_ = &ledger; }
    /// What `put_end` stored: a device that has ended, and was at risk at a restart. Fails with
    /// `store_corrupt`.
    Result<> restore(std::string_view key, std::string_view value);
    static std::uint32_t shard_of(std::string_view key);
    static std::string stored_from() { return "k"; }  ///< Behind it the shard's number, as u32.
    static std::string stored_to() { return "l"; }

    /// Replaces the budgets: what is at work is reported by `hold` before `renewed`.
    void renew(std::shared_ptr<const BudgetSet> set, std::uint64_t epoch);
    void hold(Ordinal ordinal, JobType type);
    void renewed();

    bool is_active() const { return !set_->items.empty(); }
    bool is_about(JobType type) const { return is_active() && set_->has(type); }
    /// A device begins, or there is no token for it.
    std::optional<BudgetToken> begin(Ordinal ordinal, JobType type, BudgetLedger::Who who,
                                     const ParkedLines& lines);
    /// It has not begun after all.
    void unbegin(Ordinal ordinal);
    /// Puts into the batch what a restart has to know of a device that is about to end.
    void put_end(Ordinal ordinal, bool has_succeeded);
    /// It has ended, durably.
    void end(Ordinal ordinal, bool has_succeeded);
    void removed(Ordinal ordinal);
    std::uint64_t free(const BudgetToken& token, BudgetLedger::Who who) const {
        return ledger_->free(epoch_, token, who, shard_.clock().now());
    }

private:
    struct Held {
        BudgetToken token;
        std::int64_t soak_ms = 0;
    };
    struct Risk {
        std::uint32_t busy = 0;   ///< Jobs in which it has begun and not ended.
        bool is_broken = false;   ///< One of them ended otherwise than well.
        bool is_stored = false;   ///< The store knows of it.
        bool of_methods = false;  ///< Which jobs' budgets it counts against.
        bool of_twins = false;
        WallTime since;  ///< When it ended, or was connected again.
        boost::container::small_vector<Held, 2> held;
    };
    class Counting;
    friend class Counting;

    using Risks = std::unordered_map<Ordinal, Risk>;
    BudgetTokens missing(const Record& record, const Risk& risk, JobType type) const;
    std::optional<std::string> group_of(const BudgetSet::Item& item, const Record& record,
                                        query::Meter& meter) const;
    void add(Risk& risk, const BudgetTokens& tokens) const;
    void rest(Ordinal ordinal, Risk& risk);
    void look(Ordinal ordinal);
    void release(Risks::iterator risk);
    void arm();
    void due();
    void arm_look();
    void look_at_broken();
    void arm_count(Duration delay);

    Shard& shard_;
    BackgroundTurns& turns_;
    BudgetLedger* ledger_ = nullptr;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::shared_ptr<const BudgetSet> set_ = std::make_shared<const BudgetSet>();
    std::uint64_t epoch_ = 0;
    Risks risks_;                           ///< Bound: devices at risk
    std::multimap<WallTime, Ordinal> due_;  ///< When a part of what they hold is free.  Bound: as `risks_`
    std::unordered_set<Ordinal> broken_;    ///< To come back.  Bound: as `risks_`
    std::uint64_t armed_ = 0;
    std::uint64_t count_armed_ = 0;
    bool is_look_armed_ = false;
    std::shared_ptr<Counting> counting_;
};

}  // namespace carillon
