// A plan as it is shown. Format: docs/rollout-reference.md.

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/jobs/job_control.hpp"
#include "core/jobs/plans/job_plans.hpp"

#include <algorithm>
#include <map>

namespace carillon {

namespace {

void write_targets(JsonWriter& json, const PlanCounts& counts) {
    json.key("targets").begin_object().member("count", counts.devices).member("online", counts.online);
    json.member("offline", counts.devices - counts.unknown - counts.online);
    json.member("disabled", counts.disabled).member("unknown", counts.unknown).end_object();
}

void write_sample(JsonWriter& json, const std::vector<PlanPart>& parts) {
    std::vector<const PlanSample*> sample;
    for (const auto& part : parts) {
        for (const auto& each : part.sample) sample.push_back(&each);
    }
    std::sort(sample.begin(), sample.end(), [](const auto* a, const auto* b) { return a->hash < b->hash; });
    if (sample.size() > PlanPart::sample_max) sample.resize(PlanPart::sample_max);
    json.key("sample").begin_array();
    for (const auto* each : sample) {
        json.begin_object().member("deviceId", each->device_id);
        if (!each->module_id.empty()) json.member("moduleId", each->module_id);
        if (!each->overwrites.empty()) json.member_raw("overwrites", each->overwrites);
        json.end_object();
    }
    json.end_array();
}

void write_collisions(JsonWriter& json, const std::vector<PlanPart>& parts) {
    std::map<std::string, PlanCollision> by_job;
    for (const auto& part : parts) {
        for (const auto& each : part.collisions) {
            auto& sum = by_job[each.job];
            sum.job = each.job;
            sum.key = each.key;
            sum.devices += each.devices;
        }
    }
    json.key("collisions").begin_array();
    for (const auto& [job, each] : by_job) {
        json.begin_object().member("job", job).member("key", each.key).member("devices", each.devices);
        json.end_object();
    }
    json.end_array();
}

/// How long each wave, and all, take at least: by soaks and rate, as nobody knows how long devices take.
void write_times(JsonWriter& json, const JobDefinition& definition, std::uint64_t devices) {
    const auto& rollout = definition.rollout;
    const auto& rate = rollout ? rollout->pace.rate : std::optional<RolloutRate>();
    const auto ms_for = [&rate](std::uint64_t count) -> std::int64_t {
        if (!rate) return 0;
        const std::uint64_t unit_ms = rate->is_per_minute ? 60'000 : 1000;
        return static_cast<std::int64_t>(count * unit_ms / rate->count);
    };
    std::int64_t ms = 0;
    if (rollout && !rollout->waves.empty()) {
        json.key("waves").begin_array();
        const auto waves = expand_waves(rollout->waves, devices);
        for (std::size_t i = 0; i < waves.size(); ++i) {
            json.begin_object().member("n", static_cast<std::uint64_t>(i)).member("size", waves[i].size);
            json.member("opensEarliest", to_iso8601(definition.start.plus_s(ms / 1000)));
            const bool is_entry = waves[i].entry < rollout->waves.size();
            const bool is_manual =
                is_entry && rollout->waves[waves[i].entry].is_manual && i + 1 < waves.size();
            if (is_manual) json.member("gate", "manual");
            json.end_object();
            ms += ms_for(waves[i].size);
            if (is_entry && i + 1 < waves.size()) ms += rollout->waves[waves[i].entry].soak.ms;
        }
        json.end_array();
    } else {
        ms = ms_for(devices);
    }
    json.key("estimate").begin_object().member("secondsAtLeast", (ms + 999) / 1000);
    const auto deadline_s = rollout ? rollout->deadline_s : definition.execution_time_max_s;
    json.member("deadlineSeconds", deadline_s).member("fits", ms <= deadline_s * 1000).end_object();
}

}  // namespace

std::string plan_json(const PlannedJob& plan, const JobDefinition& definition,
                      const std::vector<PlanPart>& parts, std::string_view digest) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("id", plan.id).member("state", "done");
    json.member("createdTime", to_iso8601(plan.created)).member("by", plan.by.policy);
    json.member("expires", to_iso8601(plan.created.plus_s(PlanLimits::kept_s)));
    write_targets(json, plan.counts);
    if (definition.patch) {
        json.key("effect").begin_object().member("noOps", plan.counts.no_ops);
        json.member("changes", plan.counts.changes).member("tooLarge", plan.counts.too_large).end_object();
    }
    write_sample(json, parts);
    write_collisions(json, parts);
    write_times(json, definition, plan.counts.devices);
    json.key("warnings").begin_array();
    if (definition.rollout) {
        for (const auto& warning : definition.rollout->warnings(definition.type, plan.counts.devices))
            json.value(warning);
    }
    json.end_array().member("seed", plan.seed).member("digest", digest).member("hash", plan.hash);
    json.member_raw("document", plan.document).end_object();
    return text;
}

}  // namespace carillon
