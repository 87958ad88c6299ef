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
    static constexpr std::string_view names[] = {"max", "jobs"};
    static constexpr std::string_view later[] = {"devices", "per", "soak"};
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
    const JsonValue root = in.object(document->root(), "budget", names, later);
    if (in.ok() && root.find("max").is_null_or_absent()) in.refuse("budget.max", "is needed");
    if (const JsonValue max = root.find("max"); in.ok() && max.integer() != 0)
        in.refuse("budget.max", "0, which holds all of these jobs; no other number in this version", max);
    const auto kind = in.word(root.find("jobs"), "budget.jobs", kinds).value_or(0);
    budget.holds_methods = kind != 2;
    budget.holds_twins = kind != 1;
    if (!in.ok()) return fail(Errc::argument_invalid, in.take_fault());
    return budget;
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
    for (auto& shard : job_shards_) shard->hold(holds(JobType::device_method), holds(JobType::update_twin));
    return outcome;
}

std::vector<JobBudget> JobBudgets::all() const {
    std::vector<JobBudget> found;
    for (const auto& [name, budget] : budgets_) found.push_back(budget);
    return found;
}

bool JobBudgets::holds(JobType type) const {
    return std::any_of(budgets_.begin(), budgets_.end(), [type](const auto& entry) {
        return type == JobType::device_method ? entry.second.holds_methods : entry.second.holds_twins;
    });
}

/// Each shard hears what is held.
Task<> JobBudgets::tell() {
    const bool methods = holds(JobType::device_method);
    const bool twins = holds(JobType::update_twin);
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

Task<Result<>> JobBudgets::put(JobBudget budget) {
    if (budgets_.size() >= JobBudget::count_max && !budgets_.contains(budget.name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("There are {} budgets already, which is the most.", budgets_.size()));
    }
    shard_.committer().batch().put(Table::jobs, budget_key(budget.name), budget.text);
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    log.warn("jobs held by a budget name={} methods={} twins={}", budget.name, budget.holds_methods,
             budget.holds_twins);
    auto name = budget.name;
    budgets_.insert_or_assign(std::move(name), std::move(budget));
    auto telling = tell();
    co_await std::move(telling);
    const auto until = shard_.clock().now() + quiet_max;
    for (;;) {
        auto looking = is_still();
        const bool is_quiet = co_await std::move(looking);
        if (is_quiet) co_return Result<>{};
        if (shard_.clock().now() >= until) break;
        auto wait = [this](UniqueFunction<void(bool)> done) {
            auto held = std::make_shared<UniqueFunction<void(bool)>>(std::move(done));
            shard_.timers().at(shard_.clock().now() + look_delay, [held] { (*held)(true); });
        };
        co_await from_callback<bool>(wait);
    }
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
    auto telling = tell();
    co_await std::move(telling);
    co_return true;
}

}  // namespace carillon
