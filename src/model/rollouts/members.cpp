#include "model/rollouts/members.hpp"

#include "model/rollouts/canary.hpp"
#include "model/rollouts/rollout_reader.hpp"
#include "model/rollouts/supersede.hpp"

namespace carillon {

RolloutMembers read_members(RolloutReader& in, JsonValue value) {
    static constexpr std::string_view names[] = {"mode", "onLeave"};
    static constexpr std::string_view modes[] = {"atStart", "continuous"};
    static constexpr std::string_view leaves[] = {"keep", "cancel"};
    const JsonValue object = in.object(value, "rollout.members", names);
    RolloutMembers members;
    if (!object.exists()) return members;
    members.is_continuous = in.word(object.find("mode"), "rollout.members.mode", modes) == std::size_t{1};
    members.cancels_on_leave =
        in.word(object.find("onLeave"), "rollout.members.onLeave", leaves) == std::size_t{1};
    if (members.cancels_on_leave && !members.is_continuous)
        in.refuse("rollout.members.onLeave", "\"cancel\" only with \"mode\":\"continuous\"");
    return members;
}

void check_members(RolloutReader& in, const RolloutMembers& members, const Rollout& rollout) {
    if (!members.is_continuous) return;
    if (members.cancels_on_leave && rollout.from)
        in.refuse("rollout.members.onLeave", "\"cancel\" excludes rollout.from, which no device leaves");
    if (rollout.success.all)
        in.refuse("rollout.success.all", "excludes \"continuous\" in rollout.members.mode");
    // Who joins an older job after a newer one has begun would get the older value last.
    if (RolloutSupersede::of(rollout))
        in.refuse("rollout.supersede", "excludes \"continuous\" in rollout.members.mode");
    if (!rollout.undo_of.empty() && !rollout.from)
        in.refuse("rollout.members.mode", "\"continuous\" of an undo needs rollout.from");
    if (rollout.waves.empty() || !in.ok()) return;
    const auto last = rollout.waves.size() - 1;
    const auto path = fmt::format("rollout.waves[{}]", last);
    // It stays open until the job ends, and nothing is judged by it.
    if (rollout.waves.back().within)
        in.refuse(path + ".within", "not in the last wave of a continuous job, which stays open");
    if (wave_tests_of(rollout)[last])
        in.refuse(path + ".test", "not in the last wave of a continuous job, which stays open");
}

RolloutMembers RolloutMembers::of(const Rollout& rollout) {
    // Most rollouts have none, and this is asked of each.
    if (rollout.text.find("\"members\"") == std::string::npos && rollout.text.find('\\') == std::string::npos)
        return {};
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return {};
    RolloutReader in(JobType::update_twin);
    return read_members(in, document->root().find("members"));
}

}  // namespace carillon
