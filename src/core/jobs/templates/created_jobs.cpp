// Several jobs that are accepted as one.

#include "base/await.hpp"
#include "core/jobs/job_coordinator.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {

Task<Result<std::vector<JobSnapshot>>> JobCoordinator::create_all(
    std::vector<std::shared_ptr<JobDefinition>> definitions) {
    const auto is_accepting = [&] {
        return std::any_of(definitions.begin(), definitions.end(),
                           [this](const auto& each) { return accepting_.contains(each->id); });
    };
    // That an id is taken may be said only once that is durable.
    while (is_accepting()) {
        const auto settled = co_await shard_.committer().durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    if (auto allowed = check_all(definitions); !allowed) co_return fail(std::move(allowed).error());
    std::vector<Accepting> jobs;
    for (auto& definition : definitions) jobs.push_back(put_job(std::move(definition)));
    const auto written = co_await shard_.committer().durable();
    if (!written) {
        for (const auto& job : jobs) take_back(job);
        co_return fail(unavailable(written.error()));
    }
    std::vector<JobSnapshot> answers;
    for (auto& job : jobs) answers.push_back(accepted(std::move(job)));
    co_return answers;
}

/// Each may name those before it.
Result<> JobCoordinator::check_all(const std::vector<std::shared_ptr<JobDefinition>>& definitions) {
    std::size_t bytes = 0;
    Result<> outcome;
    for (const auto& definition : definitions) {
        bytes += definition->bytes();
        if (board_.find(definition->id)) {
            outcome = fail(Errc::job_already_exists,
                           fmt::format("A job with id '{}' already exists.", definition->id));
        } else if (definition->condition && definition->condition->size() > options_.statement_bytes_max) {
            outcome = fail(Errc::argument_invalid, "queryCondition too long");
        } else {
            outcome = check_rollout(*definition);
        }
        if (!outcome) break;
        siblings_.emplace(definition->id, definition);
    }
    siblings_.clear();
    if (!outcome) return outcome;
    auto room = check_room(bytes);
    if (!room) ++metrics_.refused[place_of(definitions.front()->type)];
    return room;
}

}  // namespace carillon
