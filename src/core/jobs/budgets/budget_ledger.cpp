#include "core/jobs/budgets/budget_ledger.hpp"

#include <algorithm>

namespace carillon {

bool BudgetSet::has(JobType type) const {
    return std::any_of(items.begin(), items.end(),
                       [type](const Item& item) { return item.budget.is_about(type); });
}

bool BudgetSet::has_shares() const {
    return std::any_of(items.begin(), items.end(),
                       [](const Item& item) { return item.budget.max && item.budget.max->share; });
}

std::uint64_t BudgetLedger::renew(std::shared_ptr<const BudgetSet> set) {
    const std::lock_guard lock(mutex_);
    set_ = std::move(set);
    budgets_.clear();
    budgets_.resize(set_->items.size());
    for (auto& budget : budgets_) budget.registered.resize(told_.size());
    told_.assign(told_.size(), false);
    counted_.assign(counted_.size(), 0);
    return ++epoch_;
}

void BudgetLedger::told(std::uint64_t epoch, std::uint32_t shard) {
    Called called;
    {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) return;
        told_[shard] = true;
        for (std::uint32_t i = 0; i < told_.size(); ++i) called.push_back(i);
    }
    wake(called);
}

void BudgetLedger::counted(std::uint64_t epoch, std::uint32_t shard, std::uint8_t budget,
                           const std::map<std::string, std::uint64_t>& groups) {
    Called called;
    {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) return;
        auto& of = budgets_[budget];
        of.registered[shard] = groups;
        counted_[shard] |= static_cast<std::uint16_t>(1U << budget);
        for (auto& group : of.groups) group.registered = 0;
        for (const auto& each : of.registered) {
            for (const auto& [name, count] : each) of.groups[group_locked(budget, name)].registered += count;
        }
        for (std::uint32_t i = 0; i < told_.size(); ++i) called.push_back(i);
    }
    wake(called);
}

std::uint32_t BudgetLedger::group(std::uint64_t epoch, std::uint8_t budget, std::string_view name) {
    const std::lock_guard lock(mutex_);
    return epoch != epoch_ ? 0 : group_locked(budget, name);
}

std::uint32_t BudgetLedger::group_locked(std::uint8_t budget, std::string_view name) {
    auto& of = budgets_[budget];
    const std::string key(name);
    if (const auto found = of.names.find(key); found != of.names.end()) return found->second;
    if (of.names.size() >= groups_max) {
        // They are one group, which has a name that no value of a twin has.
        if (of.groups.size() == groups_max) of.groups.emplace_back();
        return static_cast<std::uint32_t>(groups_max);
    }
    const auto number = static_cast<std::uint32_t>(of.groups.size());
    of.names.emplace(key, number);
    of.groups.emplace_back();
    return number;
}

std::uint64_t BudgetLedger::cap(const BudgetToken& token, const Group& group) const {
    const auto& max = set_->items[token.budget].budget.max;
    if (!max) return 0;
    if (!max->share) return max->count;
    const auto bit = 1U << token.budget;
    const bool is_counted = std::all_of(counted_.begin(), counted_.end(),
                                        [bit](std::uint16_t counted) { return (counted & bit) != 0; });
    return is_counted ? max->as_cap(group.registered) : 0;
}

std::uint64_t BudgetLedger::free_of(const BudgetToken& token, const Group& group) const {
    if (!std::all_of(told_.begin(), told_.end(), [](bool told) { return told; })) return 0;
    const auto most = cap(token, group);
    return most > group.at_risk ? most - group.at_risk : 0;
}

/// How many of the free ones fall to `who`: those before it in the line are served first.
std::uint64_t BudgetLedger::share_of(const BudgetToken& token, Group& group, Who who, TimePoint now) {
    const auto free = free_of(token, group);
    if (free == 0) return 0;
    auto& line = group.line;
    while (!line.empty() && !(line.front().who == who) && line.front().called &&
           now - *line.front().called > turn_max) {
        line.pop_front();
    }
    const auto place = static_cast<std::uint64_t>(
        std::find_if(line.begin(), line.end(), [&](const Waiter& waiter) { return waiter.who == who; }) -
        line.begin());
    if (place >= free) return 0;
    // Each of those in line gets the same, at least one.
    const auto others = line.empty() ? 1 : std::max<std::uint64_t>(1, line.size());
    return std::max<std::uint64_t>(1, free / others);
}

void BudgetLedger::leave(Group& group, Who who) {
    std::erase_if(group.line, [&](const Waiter& waiter) { return waiter.who == who; });
}

/// Calls as many of the line as could take one.
void BudgetLedger::call_next(const BudgetToken& token, TimePoint now, Called& called) {
    auto& group = at(token);
    const auto free = free_of(token, group);
    for (std::size_t i = 0; i < group.line.size() && i < free; ++i) {
        auto& waiter = group.line[i];
        if (waiter.called) continue;
        waiter.called = now;
        called.push_back(waiter.who.shard);
    }
}

void BudgetLedger::wake(const Called& called) const {
    for (const auto shard : called) call_(shard);
}

bool BudgetLedger::stands(const Group& group, Who who) {
    return std::any_of(group.line.begin(), group.line.end(),
                       [&](const Waiter& waiter) { return waiter.who == who; });
}

std::optional<BudgetToken> BudgetLedger::take(std::uint64_t epoch, const BudgetTokens& tokens, Who who,
                                              TimePoint now) {
    Called called;
    std::optional<BudgetToken> refused;
    {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) return BudgetToken::stale();
        for (const auto& token : tokens) {
            auto& group = at(token);
            if (share_of(token, group, who, now) > 0) continue;
            refused = token;
            if (!stands(group, who)) group.line.push_back({who, std::nullopt});
            break;
        }
        for (const auto& token : tokens) {
            if (refused && token == *refused) break;
            // Its turn was used, or is of no use as another budget is exhausted.
            if (!refused) ++at(token).at_risk;
            leave(at(token), who);
            call_next(token, now, called);
        }
    }
    wake(called);
    return refused;
}

void BudgetLedger::stand(std::uint64_t epoch, const BudgetToken& token, Who who) {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_ || stands(at(token), who)) return;
    at(token).line.push_back({who, std::nullopt});
}

void BudgetLedger::force(std::uint64_t epoch, const BudgetTokens& tokens) {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_) return;
    for (const auto& token : tokens) ++at(token).at_risk;
}

void BudgetLedger::give_back(std::uint64_t epoch, const BudgetTokens& tokens, TimePoint now) {
    Called called;
    {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) return;
        for (const auto& token : tokens) {
            --at(token).at_risk;
            call_next(token, now, called);
        }
    }
    wake(called);
}

std::uint64_t BudgetLedger::free(std::uint64_t epoch, const BudgetToken& token, Who who, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_) return 0;
    return share_of(token, at(token), who, now);
}

std::uint64_t BudgetLedger::at_risk(std::string_view budget) const {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
        if (set_->items[i].budget.name != budget) continue;
        for (const auto& group : budgets_[i].groups) sum += group.at_risk;
    }
    return sum;
}

}  // namespace carillon
