#include "model/rollouts/start_after.hpp"

#include "model/rollouts/rollout_reader.hpp"

namespace carillon {

std::optional<RolloutStartAfter> read_start_after(RolloutReader& in, JsonValue value) {
    static constexpr std::string_view names[] = {"job", "pass"};
    const JsonValue object = in.object(value, "rollout.startAfter", names);
    if (!object.exists()) return std::nullopt;
    RolloutStartAfter after;
    if (object.find("job").is_null_or_absent()) in.refuse("rollout.startAfter.job", "is needed");
    const auto job = in.text(object.find("job"), "rollout.startAfter.job");
    if (job && !is_valid_job_id(*job)) in.refuse("rollout.startAfter.job", "is not a job id");
    after.job = job.value_or("");
    after.pass = in.pass(object.find("pass"), "rollout.startAfter.pass");
    return after;
}

std::optional<RolloutStartAfter> RolloutStartAfter::of(const Rollout& rollout) {
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return std::nullopt;
    RolloutReader in(JobType::update_twin);
    return read_start_after(in, document->root().find("startAfter"));
}

}  // namespace carillon
