#include "model/rollouts/supersede.hpp"

#include "model/rollouts/rollout_reader.hpp"
#include "model/rollouts/touched.hpp"

namespace carillon {

std::optional<RolloutSupersede> read_supersede(RolloutReader& in, JsonValue value) {
    static constexpr std::string_view names[] = {"key"};
    const JsonValue object = in.object(value, "rollout.supersede", names);
    if (!object.exists()) return std::nullopt;
    RolloutSupersede supersede;
    const auto key = in.text(object.find("key"), "rollout.supersede.key");
    if (key && (key->empty() || key->size() > RolloutSupersede::key_bytes_max))
        in.refuse("rollout.supersede.key",
                  fmt::format("takes 1 to {} bytes, has {}", RolloutSupersede::key_bytes_max, key->size()));
    supersede.key = key.value_or("");
    return supersede;
}

std::optional<RolloutSupersede> RolloutSupersede::of(const Rollout& rollout) {
    // Most rollouts have none, and this is asked of each.
    if (rollout.text.find("\"supersede\"") == std::string::npos &&
        rollout.text.find('\\') == std::string::npos)
        return std::nullopt;
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return std::nullopt;
    RolloutReader in(JobType::update_twin);
    return read_supersede(in, document->root().find("supersede"));
}

bool supersede_each_other(const JobDefinition& one, const JobDefinition& other) {
    if (!one.rollout || !other.rollout) return false;
    const auto first = RolloutSupersede::of(*one.rollout);
    const auto second = RolloutSupersede::of(*other.rollout);
    if (!first || !second) return false;
    if (!first->key.empty() || !second->key.empty()) return first->key == second->key;
    return !find_shared(touched_by(one), touched_by(other)).empty();
}

}  // namespace carillon
