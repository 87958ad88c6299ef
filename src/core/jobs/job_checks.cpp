// What a job with a rollout must be like to be accepted, and which jobs it names.

#include "base/sha256.hpp"
#include "core/jobs/job_coordinator.hpp"
#include "core/rollouts/confirm/confirm_rule.hpp"
#include "model/reversal/twin_reversal.hpp"
#include "model/rollouts/members.hpp"
#include "model/rollouts/supersede.hpp"

#include <fmt/core.h>

namespace carillon {

JobSources JobCoordinator::sources_of(const JobDefinition& definition) const {
    JobSources sources;
    const auto& rollout = definition.rollout;
    if (!rollout) return sources;
    // What is gone has no devices.
    constexpr auto gone = UINT64_MAX;
    if (rollout->from) {
        const auto source = board_.find(rollout->from->job);
        sources.from = source ? source->number() : gone;
    }
    if (!rollout->undo_of.empty()) {
        const auto source = board_.find(rollout->undo_of);
        sources.undo_of = source ? source->number() : gone;
        if (source && source->definition().patch)
            sources.wrote = twin_patch_text(*source->definition().patch);
    }
    return sources;
}

void JobCoordinator::name_source(const JobDefinition& definition, int change) {
    if (!definition.rollout) return;
    const auto count = [this, change](const std::string& name) {
        if ((named_[name] += change) == 0) named_.erase(name);
    };
    if (definition.rollout->from) count(definition.rollout->from->job);
    if (!definition.rollout->undo_of.empty()) count(definition.rollout->undo_of);
    if (const auto after = RolloutStartAfter::of(*definition.rollout)) count(after->job);
    if (const auto plan = RolloutPlanRef::of(*definition.rollout)) plans_.hold(plan->id, change);
    if (RolloutSupersede::of(*definition.rollout)) superseding_ += change;
    if (RolloutMembers::of(*definition.rollout).is_continuous) continuous_ += change;
}

/// Whether what a job wrote can be taken back; of a job that goes on taking devices also while it runs.
Result<> JobCoordinator::check_undo(const std::string& id, bool is_while_it_runs) const {
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::argument_invalid, fmt::format("rollout.undoOf: {}", why));
    };
    const auto source = board_.find(id);
    const auto sibling = siblings_.find(id);
    if (!source && sibling == siblings_.end()) return refuse(fmt::format("there is no job with id '{}'", id));
    const auto& definition = source ? source->definition() : *sibling->second;
    if (!definition.rollout || !definition.rollout->keeps_undo) {
        return refuse(
            fmt::format("job '{}' did not keep what it overwrote; only twin jobs with rollout do, unless "
                        "undo is false",
                        id));
    }
    const bool has_ended = source && is_terminal(source->status());
    if (!is_while_it_runs && !has_ended) return refuse(fmt::format("job '{}' has not ended", id));
    return {};
}

/// Whether devices could confirm what the job writes.
Result<> JobCoordinator::check_confirm(const JobDefinition& definition) const {
    const auto confirm = RolloutConfirm::of(*definition.rollout);
    if (!confirm) return {};
    if (confirm->by == ConfirmBy::condition) {
        const auto parsed = query::parse_job_condition(confirm->condition, options_);
        if (!parsed)
            return fail(Errc::argument_invalid, "rollout.confirm.condition: " + parsed.error().detail);
        return {};
    }
    const auto rule = ConfirmRule::make(*confirm, *definition.patch);
    return rule ? Result<>() : fail(rule.error());
}

Result<> JobCoordinator::check_rollout(const JobDefinition& definition) {
    const auto& rollout = definition.rollout;
    if (!rollout) return {};
    // The cloud ignores the member, and would run the job at once; silence would be dangerous.
    if (limits_.strict_cancel) return fail(Errc::argument_invalid, "rollout: the hub runs in strict mode");
    if (rollout->from && !is_known(rollout->from->job)) {
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.from.job: there is no job with id '{}'", rollout->from->job));
    }
    if (!rollout->undo_of.empty()) {
        const bool is_continuous = RolloutMembers::of(*rollout).is_continuous;
        if (auto possible = check_undo(rollout->undo_of, is_continuous); !possible) return possible;
    }
    if (const auto after = RolloutStartAfter::of(*rollout); after && !is_known(after->job)) {
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.startAfter.job: there is no job with id '{}'", after->job));
    }
    if (rollout->success.all) {
        const auto all = query::parse_job_condition(*rollout->success.all, options_);
        if (!all) return fail(Errc::argument_invalid, "rollout.success.all: " + all.error().detail);
    }
    if (auto known = check_windows(definition, *rollout); !known) return known;
    if (auto room = check_superseding(*rollout); !room) return room;
    if (auto room = check_members(*rollout); !room) return room;
    if (auto planned = check_plan(*rollout); !planned) return planned;
    return check_confirm(definition);
}

/// The job that takes back what this one wrote, as a rule of it asks.
std::shared_ptr<JobDefinition> JobCoordinator::undo_of(const Active& job) const {
    const auto& source = job.entry->definition();
    auto definition = std::make_shared<JobDefinition>();
    constexpr std::size_t id_chars_kept = 59;  // Of 64, which `-undo` fills up.
    const auto head = source.id.substr(0, id_chars_kept) + "-undo";
    definition->id = head;
    for (int i = 2; board_.find(definition->id) || accepting_.contains(definition->id); ++i) {
        const auto tail = std::to_string(i);
        definition->id = source.id.substr(0, id_chars_kept - tail.size()) + "-undo" + tail;
    }
    definition->flavour = source.flavour;
    definition->created = definition->start = now();
    definition->creator.policy = hub_actor;
    definition->update_twin_json = R"({"deviceId":null,"etag":"*"})";
    std::string text;
    JsonWriter out(text);
    out.begin_object().member("undoOf", source.id);
    if (const auto& rate = job.run->control.rollout().pace.rate)
        out.key("pace").begin_object().member("rate", rate->text()).end_object();
    out.member("note", fmt::format("undo of {} by its own rules", source.id)).end_object();
    auto rollout = Rollout::parse(text, JobType::update_twin);
    CARILLON_ASSERT(rollout);
    definition->execution_time_max_s = rollout->deadline_s;
    definition->document_hash = as_text(sha256({text}));
    definition->rollout = std::make_shared<const Rollout>(*std::move(rollout));
    return definition;
}

void JobCoordinator::draw_seed(JobDefinition& definition) const {
    if (!definition.rollout || definition.rollout->seed) return;
    definition.seed = shard_.random().u64() >> 11;  // What a document may say: 2^53 - 1 at most.
}

}  // namespace carillon
