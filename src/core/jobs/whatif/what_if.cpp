#include "core/jobs/whatif/what_if.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/jobs/job_log_json.hpp"
#include "core/jobs/reports/on_storage.hpp"
#include "core/jobs/whatif/what_if_replay.hpp"
#include "core/jobs/whatif/what_if_simulation.hpp"
#include "model/rollouts/canary.hpp"
#include "model/rollouts/members.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <utility>

namespace carillon {

std::optional<bool> verdict_of(const std::vector<JobLogEvent>& decisions) {
    std::optional<bool> is_met;
    for (const auto& event : decisions) {
        if (const auto* verdict = std::get_if<VerdictEvent>(&event)) is_met = verdict->is_met;
    }
    return is_met;
}

namespace {

/// A question under way. What it holds is made and freed where the hub's blocking work is done: a job of a
/// million devices takes a while.
struct WhatIfQuestion {
    std::shared_ptr<const RecordedJob> recorded;
    Rollout changed;
    std::string changes;
    std::unique_ptr<WhatIf> asked;
    WhatIfAnswer answer;

    /// False when `answer` is there.
    bool step();
};

bool WhatIfQuestion::step() {
    if (!asked) {
        const auto& as_it_was = *recorded->definition->rollout;
        const bool begin_alike = changed.pace == as_it_was.pace && changed.waves == as_it_was.waves &&
                                 wave_tests_of(changed) == wave_tests_of(as_it_was) &&
                                 changed.retry == as_it_was.retry;
        if (begin_alike) {
            asked = std::make_unique<WhatIfReplay>(recorded, changed, changes);
        } else {
            asked = std::make_unique<WhatIfSimulation>(recorded, changed);
        }
        return true;
    }
    if (asked->step()) return true;
    answer = asked->take();
    asked.reset();
    recorded.reset();
    return false;
}

Task<Result<WhatIfAnswer>> look(Shard& first, std::uint32_t parts, std::shared_ptr<JobEntry> entry,
                                std::shared_ptr<WhatIfQuestion> question, RecordedJobLimits limits) {
    auto reading = read_recorded_job(first, parts, std::move(entry), limits);
    auto recorded = co_await std::move(reading);
    if (!recorded) co_return fail(std::move(recorded).error());
    question->recorded = *std::move(recorded);
    for (;;) {
        // In pieces, as the store's own work stands behind it.
        auto work = [question] { return question->step(); };
        auto stepping = on_storage<bool>(first, std::move(work));
        const bool has_more = co_await std::move(stepping);
        if (!has_more) break;
    }
    co_return std::move(question->answer);
}

}  // namespace

Task<Result<WhatIfAnswer>> what_if(DeviceReports& reports, std::string changes, std::string policy,
                                   RecordedJobLimits limits) {
    const auto open_reports = reports.open_reports();
    const OpenReports::Asker asker(*open_reports, std::move(policy));
    if (!asker.may_ask()) {
        co_return fail(Errc::throttling_exception,
                       "A policy may ask one what-if at a time, and all policies together two.");
    }
    const auto entry = reports.entry();
    const auto& definition = entry->definition();
    if (!definition.rollout) {
        co_return fail(Errc::operation_not_allowed_in_current_state,
                       fmt::format("Job '{}' was made without a rollout.", definition.id));
    }
    if (RolloutMembers::of(*definition.rollout).is_continuous) {
        co_return fail(Errc::operation_not_allowed_in_current_state,
                       "A job whose devices join while it runs (rollout.members) cannot be asked about.");
    }
    const auto json = JsonDocument::parse(changes);
    if (!json) co_return fail(json.error());
    if (!json->root().is_object()) co_return fail(Errc::argument_invalid, "rollout: must be an object");
    for (auto member = json->root().first(); member.exists(); member = member.next()) {
        constexpr std::array<std::string_view, 5> asked{"pace", "stop", "success", "retry", "waves"};
        if (std::find(asked.begin(), asked.end(), member.key()) == asked.end())
            co_return fail(
                Errc::argument_invalid,
                fmt::format("rollout.{}: cannot be asked about; pace, stop, success, retry and waves can",
                            member.key()));
    }
    auto changed = definition.rollout->patched(json->root(), definition.type);
    if (!changed) co_return fail(std::move(changed).error());
    if (entry->started().ticks == 0 || !entry->snapshot().counts)
        co_return fail(Errc::operation_not_allowed_in_current_state, "The job has not begun.");
    auto question = std::make_shared<WhatIfQuestion>();
    question->changed = *std::move(changed);
    question->changes = std::move(changes);
    auto& shards = reports.shards();
    auto looking =
        look(shards.first(), static_cast<std::uint32_t>(shards.count()), entry, std::move(question), limits);
    co_return co_await shards.on(shards.first(), std::move(looking));
}

std::string what_if_json(const std::string& id, std::uint64_t number, const WhatIfAnswer& answer) {
    constexpr std::array<std::string_view, 4> ends{"open", "paused", "cancelled", "completed"};
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", id).member("basis", answer.is_replay ? "replay" : "simulation");
    json.member("state", ends[static_cast<std::size_t>(answer.end)]).member("time", to_iso8601(answer.ended));
    json.member("devices", answer.devices).member("touched", answer.touched);
    json.member("succeeded", answer.counts.succeeded).member("failed", answer.counts.failed);
    json.member("canceled", answer.counts.canceled).member("unknown", answer.unknown).key("verdict");
    if (answer.verdict) {
        json.value(*answer.verdict ? "met" : "missed");
    } else {
        json.null();
    }
    json.key("decisions").begin_array();
    std::uint64_t sequence = 0;
    for (const auto& event : answer.decisions)
        json.raw(job_log_event_json(number, ++sequence, event, std::nullopt));
    json.end_array().end_object();
    return body;
}

}  // namespace carillon
