#include "model/rollouts/touched.hpp"

namespace carillon {

namespace {

constexpr std::string_view tags_path = "tags";
constexpr std::string_view desired_path = "properties.desired";

/// The paths of the leaves below; a leaf is whatever is no object, and an object without members.
void add_leaves(JsonValue object, const std::string& path, std::vector<std::string>& paths) {
    if (!object.is_object() || object.size() == 0) {
        paths.push_back(path);
        return;
    }
    for (JsonValue v = object.first(); v.exists() && paths.size() <= touched_max; v = v.next())
        add_leaves(v, path + "." + std::string(v.key()), paths);
}

bool is_above(const std::string& path, const std::string& other) {
    return other.starts_with(path) && (other.size() == path.size() || other[path.size()] == '.');
}

}  // namespace

std::vector<std::string> touched_by(const JobDefinition& definition) {
    std::vector<std::string> paths;
    if (definition.method) paths.push_back("method:" + definition.method->name);
    if (definition.rollout && !definition.rollout->undo_of.empty())
        return {std::string(tags_path), std::string(desired_path)};
    if (!definition.patch) return paths;
    const auto& patch = *definition.patch;
    if (patch.clear_tags) paths.emplace_back(tags_path);
    if (patch.tags && !patch.tags->is_empty()) add_leaves(patch.tags->root(), std::string(tags_path), paths);
    if (patch.clear_desired) paths.emplace_back(desired_path);
    if (patch.desired && !patch.desired->is_empty())
        add_leaves(patch.desired->root(), std::string(desired_path), paths);
    if (paths.size() > touched_max) return {std::string(tags_path), std::string(desired_path)};
    return paths;
}

std::string find_shared(const std::vector<std::string>& ours, const std::vector<std::string>& theirs) {
    for (const auto& our : ours) {
        for (const auto& their : theirs) {
            if (is_above(our, their) || is_above(their, our)) return our;
        }
    }
    return {};
}

}  // namespace carillon
