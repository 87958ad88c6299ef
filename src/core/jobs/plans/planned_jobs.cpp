// Jobs that carry out a plan, and the plans themselves as the coordinator begins them.
// Rules: docs/rollout-reference.md.

#include "core/jobs/placing.hpp"
#include "core/jobs/plans/job_plans.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <numeric>

namespace carillon {

Task<Result<std::string>> JobCoordinator::plan(std::shared_ptr<JobDefinition> definition,
                                               std::string document) {
    if (auto allowed = check_rollout(*definition); !allowed) co_return fail(std::move(allowed).error());
    std::optional<query::JobCondition> condition;
    if (!definition->device_ids && definition->condition) {
        auto parsed = query::parse_job_condition(*definition->condition, options_);
        if (!parsed) co_return fail(Errc::argument_invalid, "queryCondition: " + parsed.error().detail);
        condition = *std::move(parsed);
    }
    const auto sources = sources_of(*definition);
    draw_seed(*definition);
    const auto seed =
        definition->rollout && definition->rollout->seed ? *definition->rollout->seed : definition->seed;
    co_return plans_.begin(std::move(definition), std::move(document), seed, std::move(condition), sources);
}

Result<> JobCoordinator::check_plan(const Rollout& rollout) {
    const auto wanted = RolloutPlanRef::of(rollout);
    if (!wanted) return {};
    const auto plan = plans_.find(wanted->id);
    if (!plan)
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.plan.id: there is no plan with id '{}'", wanted->id));
    if (!plan->is_done || plan->refused) {
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.plan.id: plan '{}' is not done", wanted->id));
    }
    if (plan->hash != wanted->hash) {
        return fail(
            Errc::argument_invalid,
            fmt::format("rollout.plan.hash: is not that of plan '{}', which is {}", plan->id, plan->hash));
    }
    return {};
}

bool JobCoordinator::is_as_planned(Active& job, const Placing& placing) {
    auto& run = *job.run;
    if (!run.plan) return true;
    const auto plan = plans_.find(run.plan->id);
    const auto found = std::accumulate(placing.sizes.begin(), placing.sizes.end(), std::uint64_t{0});
    PlanCheckedEvent event;
    event.time = now();
    event.hash = run.plan->hash;
    event.planned = plan ? plan->counts.devices : 0;
    event.left = event.planned - std::min(event.planned, placing.planned);
    event.came = found - placing.planned;
    run.plan_checked = event;
    if (!run.plan->drift.is_exceeded(event.left + event.came, event.planned)) return true;
    auto reason = fmt::format("plan {}: of {} devices {} left and {} came, {} of them may", run.plan->id,
                              event.planned, event.left, event.came, run.plan->drift.text());
    const auto number = job.entry->number();
    put_log(job, {event});
    happen(number, [this, &placing, held = std::move(reason)](Active& refused) {
        return refused.life.refuse(placing.attempt, now(), held);
    });
    return false;
}

}  // namespace carillon
