#include "core/jobs/budgets/job_budgets.hpp"

#include "base/await.hpp"
#include "base/log.hpp"
#include "core/jobs/job_shard.hpp"
#include "model/rollouts/rollout_reader.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view budgets_from = "b";
constexpr std::string_view budgets_to = "c";

std::string budget_key(std::string_view name) {
    return std::string(budgets_from) + std::string(name);
}

}  // namespace

Result<JobBudget> JobBudget::parse(std::string_view name, std::string_view text) {
    static constexpr std::string_view names[] = {"devices", "per", "max", "jobs", "soak"};
    static constexpr std::string_view kinds[] = {"all", "methods", "twins"};
    JobBudget budget;
    budget.name = name;
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    };
    if (name.empty() || name.size() > name_chars_max || !std::all_of(name.begin(), name.end(), is_of_name)) {
        return fail(
            Errc::argument_invalid,
            fmt::format("A budget's name has up to {} letters, digits, '-' and '_'.", name_chars_max));
    }
    if (text.size() > bytes_max)
        return fail(Errc::argument_invalid, fmt::format("A budget takes at most {} bytes.", bytes_max));
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(document.error());
    if (!document->root().is_object()) return fail(Errc::argument_invalid, "The body must be an object.");
    budget.text = document->root().raw();
    RolloutReader in(JobType::update_twin);
    const JsonValue root = in.object(document->root(), "budget", names);
    if (in.ok() && root.find("max").is_null_or_absent()) in.refuse("budget.max", "is needed");
    // 0 is no amount of anything else.
    if (const JsonValue max = root.find("max"); !max.is_number() || max.integer() != 0)
        budget.max = in.amount(max, "budget.max");
    if (const auto devices = in.text(root.find("devices"), "budget.devices")) budget.devices = *devices;
    if (const auto per = in.text(root.find("per"), "budget.per")) {
        if (!is_rollout_path(*per)) in.refuse("budget.per", "a path such as \"tags.site\"", root.find("per"));
        budget.per = *per;
    }
    if (const auto soak = in.duration(root.find("soak"), "budget.soak")) budget.soak = *soak;
    const auto kind = in.word(root.find("jobs"), "budget.jobs", kinds).value_or(0);
    budget.holds_methods = kind != 2;
    budget.holds_twins = kind != 1;
    if (!in.ok()) return fail(Errc::argument_invalid, in.take_fault());
    return budget;
}

JobBudgets::JobBudgets(Shards& shards, const query::QueryOptions& options,
                       std::vector<std::unique_ptr<JobShard>>& job_shards)
    : shards_(shards),
      shard_(shards.first()),
      job_shards_(job_shards),
      options_(options),
      ledger_(job_shards.size(), [this](std::uint32_t shard) { job_shards_[shard]->call(); }) {
    for (auto& shard : job_shards_) shard->budgets().set_ledger(ledger_);
}

Result<> JobBudgets::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto budget = JobBudget::parse(key.substr(budgets_from.size()), value);
        if (!budget) {
            outcome = fail(Errc::store_corrupt, "a budget does not read: " + budget.error().detail);
            return false;
        }
        auto name = budget->name;
        budgets_.insert_or_assign(std::move(name), *std::move(budget));
        return true;
    };
    auto read = shard_.store().scan(Table::jobs, budgets_from, budgets_to, visit);
    if (!read) return fail(std::move(read).error());
    if (!outcome) return outcome;
    const auto restore = [&](std::string_view key, std::string_view value) {
        const auto shard = ShardBudgets::shard_of(key);
        if (shard >= job_shards_.size()) {
            outcome = fail(Errc::store_corrupt, "a device at risk is of no shard");
            return false;
        }
        outcome = job_shards_[shard]->budgets().restore(key, value);
        return outcome.has_value();
    };
    read = shard_.store().scan(Table::jobs, ShardBudgets::stored_from(), ShardBudgets::stored_to(), restore);
    if (!read) return fail(std::move(read).error());
    set_ = counting();
    const auto epoch = ledger_.renew(set_);
    for (auto& shard : job_shards_) {
        shard->budgets().renew(set_, epoch);  // It reports what it has at risk when it starts.
        shard->hold(holds(JobType::device_method), holds(JobType::update_twin));
    }
    return outcome;
}

std::vector<JobBudget> JobBudgets::all() const {
    std::vector<JobBudget> found;
    for (const auto& [name, budget] : budgets_) {
        found.push_back(budget);
        found.back().at_risk = ledger_.at_risk(name);
    }
    return found;
}

bool JobBudgets::holds(JobType type) const {
    return std::any_of(budgets_.begin(), budgets_.end(), [type](const auto& entry) {
        return entry.second.is_freeze() && entry.second.is_about(type);
    });
}

/// All but the freezes, for which nothing is counted.
std::shared_ptr<const BudgetSet> JobBudgets::counting() const {
    auto set = std::make_shared<BudgetSet>();
    for (const auto& [name, budget] : budgets_) {
        if (budget.is_freeze()) continue;
        // It did when the budget was put.
        auto condition = query::parse_job_condition(budget.devices, options_);
        if (condition) set->items.push_back({budget, *std::move(condition)});
    }
    return set;
}

/// Each shard hears what is held.
Task<> JobBudgets::tell(bool methods, bool twins) {
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        auto hold = [part = job_shards_[i].get(), methods, twins](Shard&) {
            part->hold(methods, twins);
            return true;
        };
        co_await shards_.call(shards_[i], hold);
    }
}

Task<bool> JobBudgets::is_still() {
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        auto look = [part = job_shards_[i].get()](Shard&) { return part->is_still(); };
        const bool is_part_still = co_await shards_.call(shards_[i], look);
        if (!is_part_still) co_return false;
    }
    co_return true;
}

/// Waits until nothing of what is held begins any more.
Task<bool> JobBudgets::quiet() {
    const auto until = shard_.clock().now() + quiet_max;
    for (;;) {
        auto looking = is_still();
        const bool is_quiet = co_await std::move(looking);
        if (is_quiet) co_return true;
        if (shard_.clock().now() >= until) co_return false;
        auto wait = [this](UniqueFunction<void(bool)> done) {
            auto held = std::make_shared<UniqueFunction<void(bool)>>(std::move(done));
            shard_.timers().at(shard_.clock().now() + look_delay, [held] { (*held)(true); });
        };
        co_await from_callback<bool>(wait);
    }
}

/// What is stored comes into force. What is counted begins anew in a moment in which nothing is on its way
/// to a device, so that everything at work is counted once.
Task<bool> JobBudgets::apply() {
    while (is_applying_) {
        auto wait = [this](UniqueFunction<void(bool)> done) {
            auto held = std::make_shared<UniqueFunction<void(bool)>>(std::move(done));
            shard_.timers().at(shard_.clock().now() + look_delay, [held] { (*held)(true); });
        };
        co_await from_callback<bool>(wait);
    }
    is_applying_ = true;
    auto set = counting();
    bool is_quiet = true;
    if (!set->items.empty() || !set_->items.empty()) {
        auto holding = tell(true, true);
        co_await std::move(holding);
        auto waiting = quiet();
        is_quiet = co_await std::move(waiting);
        set_ = std::move(set);
        const auto epoch = ledger_.renew(set_);
        for (std::size_t i = 0; i < job_shards_.size(); ++i) {
            auto renew = [part = job_shards_[i].get(), now = set_, epoch](Shard&) {
                part->renew_budgets(now, epoch);
                return true;
            };
            co_await shards_.call(shards_[i], renew);
        }
    }
    auto telling = tell(holds(JobType::device_method), holds(JobType::update_twin));
    co_await std::move(telling);
    is_applying_ = false;
    auto waiting = quiet();
    const bool is_still_quiet = co_await std::move(waiting);
    co_return is_quiet&& is_still_quiet;
}

Task<Result<>> JobBudgets::put(JobBudget budget) {
    if (budgets_.size() >= JobBudget::count_max && !budgets_.contains(budget.name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("There are {} budgets already, which is the most.", budgets_.size()));
    }
    const auto condition = query::parse_job_condition(budget.devices, options_);
    if (!condition) co_return fail(Errc::argument_invalid, "budget.devices: " + condition.error().detail);
    shard_.committer().batch().put(Table::jobs, budget_key(budget.name), budget.text);
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    log.warn("budget put name={} max={} methods={} twins={}", budget.name,
             budget.max ? budget.max->text() : "0", budget.holds_methods, budget.holds_twins);
    auto name = budget.name;
    budgets_.insert_or_assign(std::move(name), std::move(budget));
    auto applying = apply();
    const bool is_quiet = co_await std::move(applying);
    if (is_quiet) co_return Result<>{};
    co_return fail(
        Errc::service_unavailable,
        "The budget stands, but not every part of the jobs has said yet that nothing begins any more.");
}

Task<Result<bool>> JobBudgets::remove(std::string name) {
    if (!budgets_.contains(name)) co_return false;
    shard_.committer().batch().erase(Table::jobs, budget_key(name));
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    budgets_.erase(name);
    log.info("budget removed name={}", name);
    auto applying = apply();
    (void)co_await std::move(applying);
    co_return true;
}

}  // namespace carillon
