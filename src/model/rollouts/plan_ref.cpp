#include "model/rollouts/plan_ref.hpp"

#include "base/json_merge.hpp"
#include "base/text.hpp"
#include "model/rollouts/rollout_reader.hpp"

namespace carillon {

namespace {

constexpr std::size_t hash_chars = 64;

/// Refuses members of `object` that are not among `allowed`.
Result<> allow_members(JsonValue object, std::string_view path, RolloutReader::Names allowed) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        if (v.is_null_or_absent() || std::find(allowed.begin(), allowed.end(), v.key()) != allowed.end())
            continue;
        return fail(Errc::argument_invalid,
                    fmt::format("{}{}: not beside rollout.plan; it comes from the plan", path,
                                describe_json_name(v)));
    }
    return {};
}

}  // namespace

std::optional<RolloutPlanRef> read_plan_ref(RolloutReader& in, JsonValue value) {
    static constexpr std::string_view names[] = {"id", "hash", "drift"};
    const JsonValue object = in.object(value, "rollout.plan", names);
    if (!object.exists()) return std::nullopt;
    RolloutPlanRef plan;
    for (const auto& [name, text] : {std::pair(std::string_view("id"), &plan.id), {"hash", &plan.hash}}) {
        const auto path = fmt::format("rollout.plan.{}", name);
        if (object.find(name).is_null_or_absent()) in.refuse(path, "is needed");
        *text = in.text(object.find(name), path).value_or("");
    }
    plan.hash = to_lower(plan.hash);
    if (plan.hash.size() != hash_chars ||
        plan.hash.find_first_not_of("0123456789abcdef") != std::string::npos)
        in.refuse("rollout.plan.hash", "is not the hash of a plan");
    if (const auto drift = in.share(object.find("drift"), "rollout.plan.drift")) plan.drift = *drift;
    return plan;
}

std::optional<RolloutPlanRef> RolloutPlanRef::of(const Rollout& rollout) {
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return std::nullopt;
    RolloutReader in(JobType::update_twin);
    return read_plan_ref(in, document->root().find("plan"));
}

Result<std::optional<RolloutPlanRef>> find_plan_ref(JsonValue request) {
    static constexpr std::string_view beside[] = {"jobId", "startTime", "rollout"};
    static constexpr std::string_view within[] = {"plan", "note"};
    const JsonValue rollout = request.is_object() ? request.find("rollout") : JsonValue();
    const JsonValue plan = rollout.is_object() ? rollout.find("plan") : JsonValue();
    if (plan.is_null_or_absent()) return std::optional<RolloutPlanRef>();
    RolloutReader in(JobType::update_twin);
    auto found = read_plan_ref(in, plan);
    if (!in.ok()) return fail(Errc::argument_invalid, in.take_fault());
    if (auto allowed = allow_members(request, "", beside); !allowed) return fail(std::move(allowed).error());
    if (auto allowed = allow_members(rollout, "rollout.", within); !allowed)
        return fail(std::move(allowed).error());
    return found;
}

std::string planned_request(JsonValue document, JsonValue request, std::string_view id) {
    std::string named;
    JsonWriter(named).begin_object().member("jobId", id).end_object();
    const std::string merged = merged_json(document, request);
    const auto whole = JsonDocument::parse(merged);
    const auto name = JsonDocument::parse(named);
    return whole && name ? merged_json(whole->root(), name->root()) : std::string();
}

}  // namespace carillon
