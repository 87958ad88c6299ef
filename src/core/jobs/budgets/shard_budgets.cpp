#include "core/jobs/budgets/shard_budgets.hpp"

#include "base/pack.hpp"
#include "core/jobs/job_order.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

namespace {

constexpr std::uint8_t stored_succeeded = 1;
constexpr std::uint8_t stored_broken = 2;

std::string risk_key(std::uint32_t shard, Ordinal ordinal) {
    std::string key = ShardBudgets::stored_from();
    for (const std::uint32_t number : {shard, static_cast<std::uint32_t>(ordinal)}) {
        for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift & 0xff);
    }
    return key;
}

std::uint32_t number_in(std::string_view key, std::size_t at) {
    std::uint32_t number = 0;
    for (const char c : key.substr(std::min(at, key.size()), 4))
        number = number << 8 | static_cast<std::uint8_t>(c);
    return number;
}

}  // namespace

std::uint32_t ShardBudgets::shard_of(std::string_view key) {
    return number_in(key, stored_from().size());
}

/// Counts the registered devices of each group, a slice in a turn.
class ShardBudgets::Counting final : public BackgroundWork {
public:
    explicit Counting(ShardBudgets& budgets)
        : budgets_(&budgets), set_(budgets.set_), epoch_(budgets.epoch_) {
        groups_.resize(set_->items.size());
    }
    void abandon() { budgets_ = nullptr; }

    bool step() override {
        if (!budgets_) return false;
        const auto& directory = budgets_->shard_.directory();
        const Record* record = last_ ? directory.upper_bound(*last_) : directory.first();
        for (std::size_t seen = 0; record && seen < count_slice_max; ++seen) {
            last_ = record->key;
            if (record->exists()) count(*record);
            record = directory.next(*record);
            if (meter_.steps >= query::EvaluationLimits::steps_a_look) break;
        }
        meter_.steps = 0;
        if (record) return true;
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const auto& max = set_->items[i].budget.max;
            if (max && max->share)
                budgets_->ledger_->counted(epoch_, budgets_->shard_.number(), static_cast<std::uint8_t>(i),
                                           groups_[i]);
        }
        budgets_->arm_count(count_interval);
        return false;
    }

private:
    void count(const Record& record) {
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const auto& max = set_->items[i].budget.max;
            if (!max || !max->share) continue;
            auto group = budgets_->group_of(set_->items[i], record, meter_);
            if (!group) continue;
            auto& groups = groups_[i];
            if (groups.size() >= BudgetLedger::groups_max && !groups.contains(*group)) continue;
            ++groups[*std::move(group)];
        }
    }

    ShardBudgets* budgets_;
    const std::shared_ptr<const BudgetSet> set_;
    const std::uint64_t epoch_;
    std::optional<IdentityKey> last_;
    std::vector<std::map<std::string, std::uint64_t>> groups_;  ///< Bound: BudgetLedger::groups_max each
    query::Meter meter_;
};

ShardBudgets::~ShardBudgets() {
    *alive_ = false;
    if (counting_) counting_->abandon();
}

Result<> ShardBudgets::restore(std::string_view key, std::string_view value) {
    Unpacker in{as_bytes(value)};
    const auto what = in.u8();
    const auto since = in.time();
    const bool is_known = what == stored_succeeded || what == stored_broken;
    if (!in.ok() || !is_known || key.size() != stored_from().size() + 8)
        return fail(Errc::store_corrupt, "a device at risk does not read");
    auto& risk = risks_[number_in(key, stored_from().size() + 4)];
    risk.is_stored = true;
    risk.is_broken = what == stored_broken;
    risk.since = since;
    risk.of_methods = risk.of_twins = true;
    return {};
}

// --- other budgets -------------------------------------------------------------------------------

void ShardBudgets::renew(std::shared_ptr<const BudgetSet> set, std::uint64_t epoch) {
    epoch_ = epoch;
    set_ = std::move(set);
    due_.clear();
    broken_.clear();
    for (auto& [ordinal, risk] : risks_) {
        risk.busy = 0;
        risk.held.clear();
    }
    if (counting_) counting_->abandon();
    counting_.reset();
    ++count_armed_;
}

void ShardBudgets::hold(Ordinal ordinal, JobType type) {
    auto& risk = risks_[ordinal];
    ++risk.busy;
    (type == JobType::device_method ? risk.of_methods : risk.of_twins) = true;
}

void ShardBudgets::renewed() {
    std::vector<Ordinal> ordinals;
    for (const auto& [ordinal, risk] : risks_) ordinals.push_back(ordinal);
    for (const auto ordinal : ordinals) {
        const auto at = risks_.find(ordinal);
        auto& risk = at->second;
        const Record* record = shard_.directory().find(ordinal);
        if (record && record->exists() && is_active()) {
            for (const auto type : {JobType::device_method, JobType::update_twin}) {
                if (!(type == JobType::device_method ? risk.of_methods : risk.of_twins)) continue;
                const auto tokens = missing(*record, risk, type);
                ledger_->force(epoch_, tokens);
                add(risk, tokens);
            }
        }
        if (risk.busy > 0) continue;
        if (risk.held.empty()) {
            release(at);
        } else {
            rest(ordinal, risk);
        }
    }
    arm();
    arm_look();
    ledger_->told(epoch_, shard_.number());
    if (set_->has_shares()) arm_count(Duration::zero());
}

void ShardBudgets::arm_count(Duration delay) {
    const auto armed = ++count_armed_;
    shard_.timers().at(shard_.clock().now() + delay, [this, alive = alive_, armed] {
        if (!*alive || armed != count_armed_) return;
        counting_ = std::make_shared<Counting>(*this);
        turns_.wake(*counting_);
    });
}

// --- devices -------------------------------------------------------------------------------------

/// The device's group in a budget; nothing if the budget is not about it.
std::optional<std::string> ShardBudgets::group_of(const BudgetSet::Item& item, const Record& record,
                                                  query::Meter& meter) const {
    const auto& condition = item.condition;
    if (record.key.is_module() != (condition.collection == query::Collection::modules)) return std::nullopt;
    if (!condition.where.is_always()) {
        const auto live = record.live();
        if (!condition.where.keeps(query::Row(*record.committed, record.key, live), meter))
            return std::nullopt;
    }
    if (item.budget.per.empty()) return std::string();
    const Record* parent =
        record.key.is_module() ? shard_.directory().find(IdentityKey(record.key.device)) : nullptr;
    const bool has_parent = parent && parent->exists();
    return spread_group({item.budget.per}, record.committed->twin,
                        has_parent ? &parent->committed->twin : nullptr);
}

BudgetTokens ShardBudgets::missing(const Record& record, const Risk& risk, JobType type) const {
    BudgetTokens tokens;
    query::Meter meter;
    for (std::size_t i = 0; i < set_->items.size(); ++i) {
        const auto& item = set_->items[i];
        const auto number = static_cast<std::uint8_t>(i);
        const bool has_it = std::any_of(risk.held.begin(), risk.held.end(),
                                        [number](const Held& held) { return held.token.budget == number; });
        if (has_it || !item.budget.is_about(type)) continue;
        const auto group = group_of(item, record, meter);
        if (group) tokens.push_back({number, ledger_->group(epoch_, number, *group)});
    }
    return tokens;
}

void ShardBudgets::add(Risk& risk, const BudgetTokens& tokens) const {
    for (const auto& token : tokens) risk.held.push_back({token, set_->items[token.budget].budget.soak.ms});
}

std::optional<BudgetToken> ShardBudgets::begin(Ordinal ordinal, JobType type, BudgetLedger::Who who,
                                               const ParkedLines& lines) {
    const Record* record = shard_.directory().find(ordinal);
    if (!record || !record->exists()) return std::nullopt;  // Its turn says that it is gone.
    const auto known = risks_.find(ordinal);
    const auto tokens = missing(*record, known != risks_.end() ? known->second : Risk(), type);
    if (known == risks_.end() && tokens.empty()) return std::nullopt;
    if (!tokens.empty()) {
        const auto refused = ledger_->take(epoch_, tokens, who, shard_.clock().now());
        for (const auto& token : tokens) {
            if (lines.contains(token)) ledger_->stand(epoch_, token, who);
        }
        if (refused) return refused;
    }
    auto& risk = risks_[ordinal];
    ++risk.busy;
    (type == JobType::device_method ? risk.of_methods : risk.of_twins) = true;
    broken_.erase(ordinal);
    add(risk, tokens);
    return std::nullopt;
}

void ShardBudgets::unbegin(Ordinal ordinal) {
    const auto at = risks_.find(ordinal);
    if (at == risks_.end() || at->second.busy == 0 || --at->second.busy > 0) return;
    // What it was before goes on.
    if (at->second.since.ticks == 0) return release(at);
    rest(ordinal, at->second);
    arm();
    arm_look();
}

void ShardBudgets::put_end(Ordinal ordinal, bool has_succeeded) {
    const auto at = risks_.find(ordinal);
    if (at == risks_.end() || at->second.busy == 0) return;
    auto& risk = at->second;
    const bool is_broken = !has_succeeded || risk.is_broken;
    const bool has_soak =
        std::any_of(risk.held.begin(), risk.held.end(), [](const Held& held) { return held.soak_ms > 0; });
    if (!is_broken && !has_soak) return;
    std::string value;
    Packer pack{value};
    pack.u8(is_broken ? stored_broken : stored_succeeded);
    pack.time(shard_.clock().wall_now());
    shard_.committer().batch().put(Table::jobs, risk_key(shard_.number(), ordinal), std::move(value));
    risk.is_stored = true;
}

void ShardBudgets::end(Ordinal ordinal, bool has_succeeded) {
    const auto at = risks_.find(ordinal);
    if (at == risks_.end() || at->second.busy == 0) return;
    auto& risk = at->second;
    risk.is_broken |= !has_succeeded;
    risk.since = shard_.clock().wall_now();
    if (--risk.busy > 0) return;
    rest(ordinal, risk);
    arm();
    arm_look();
}

void ShardBudgets::removed(Ordinal ordinal) {
    // What is at work ends first.
    if (const auto at = risks_.find(ordinal); at != risks_.end() && at->second.busy == 0) release(at);
}

/// Nothing of the device is at work any more: what it holds is free in time.
void ShardBudgets::rest(Ordinal ordinal, Risk& risk) {
    if (risk.is_broken) {
        broken_.insert(ordinal);
        due_.emplace(risk.since.plus_s(broken_max_s), ordinal);
        return look(ordinal);
    }
    due_.emplace(risk.since, ordinal);
}

/// A device that did not end well is well again once it is there.
void ShardBudgets::look(Ordinal ordinal) {
    const auto at = risks_.find(ordinal);
    if (at == risks_.end() || at->second.busy > 0) return;
    const Record* record = shard_.directory().find(ordinal);
    if (!record || !record->exists()) return release(at);
    if (!record->link) return;
    auto& risk = at->second;
    broken_.erase(ordinal);
    risk.is_broken = false;
    risk.since = shard_.clock().wall_now();
    due_.emplace(risk.since, ordinal);
}

void ShardBudgets::release(Risks::iterator at) {
    auto& [ordinal, risk] = *at;
    BudgetTokens tokens;
    for (const auto& held : risk.held) tokens.push_back(held.token);
    if (risk.is_stored) shard_.committer().batch().erase(Table::jobs, risk_key(shard_.number(), ordinal));
    broken_.erase(ordinal);
    risks_.erase(at);
    if (!tokens.empty()) ledger_->give_back(epoch_, tokens, shard_.clock().now());
}

// --- time ----------------------------------------------------------------------------------------

void ShardBudgets::arm() {
    const auto armed = ++armed_;
    if (due_.empty()) return;
    constexpr std::int64_t most = std::int64_t{60} * WallTime::ticks_per_second;
    const auto ticks =
        std::clamp<std::int64_t>(due_.begin()->first.ticks - shard_.clock().wall_now().ticks, 0, most);
    shard_.timers().at(shard_.clock().now() + std::chrono::nanoseconds(ticks * 100),
                       [this, alive = alive_, armed] {
                           if (*alive && armed == armed_) due();
                       });
}

void ShardBudgets::due() {
    const auto now = shard_.clock().wall_now();
    for (std::size_t looked = 0; looked < looks_max && !due_.empty() && due_.begin()->first <= now;
         ++looked) {
        const auto ordinal = due_.begin()->second;
        due_.erase(due_.begin());
        const auto at = risks_.find(ordinal);
        if (at == risks_.end() || at->second.busy > 0) continue;
        auto& risk = at->second;
        if (risk.is_broken) {
            if (now >= risk.since.plus_s(broken_max_s)) release(at);
            continue;
        }
        BudgetTokens tokens;
        std::int64_t next = INT64_MAX;
        for (std::size_t i = risk.held.size(); i-- > 0;) {
            const auto until = risk.since.ticks + risk.held[i].soak_ms * WallTime::ticks_per_ms;
            if (until > now.ticks) {
                next = std::min(next, until);
                continue;
            }
            tokens.push_back(risk.held[i].token);
            risk.held.erase(risk.held.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (next == INT64_MAX) {
            release(at);
        } else {
            due_.emplace(WallTime{next}, ordinal);
        }
        if (!tokens.empty()) ledger_->give_back(epoch_, tokens, shard_.clock().now());
    }
    arm();
}

void ShardBudgets::arm_look() {
    if (is_look_armed_ || broken_.empty()) return;
    is_look_armed_ = true;
    shard_.timers().at(shard_.clock().now() + look_delay, [this, alive = alive_] {
        if (!*alive) return;
        is_look_armed_ = false;
        look_at_broken();
    });
}

void ShardBudgets::look_at_broken() {
    std::vector<Ordinal> ordinals;
    for (const auto ordinal : broken_) {
        if (ordinals.size() == looks_max) break;
        ordinals.push_back(ordinal);
    }
    for (const auto ordinal : ordinals) look(ordinal);
    arm();
    arm_look();
}

}  // namespace carillon
