#include "model/rollouts/rollout_reader.hpp"

#include "base/edit_distance.hpp"

namespace carillon {

std::string nearest_rollout_member(std::string_view word, std::span<const std::string_view> names,
                                   std::span<const std::string_view> later) {
    constexpr std::size_t length_max = 64;  // A longer one is no misspelling.
    std::string_view best;
    std::size_t distance_min = word.size() / 2 + 2;
    for (const auto some : {names, later}) {
        for (const std::string_view name : some) {
            if (word.size() > length_max) break;
            const std::size_t distance = edit_distance(word, name);
            if (distance < distance_min) {
                distance_min = distance;
                best = name;
            }
        }
    }
    if (!best.empty()) return fmt::format("nearest is {}", best);
    return fmt::format("known here: {}", fmt::join(names, ", "));
}

bool is_rollout_path(std::string_view path) {
    if (path.size() > RolloutLimits::path_chars_max) return false;
    for (const std::string_view head : {"tags.", "properties.desired.", "properties.reported."}) {
        if (!path.starts_with(head)) continue;
        // Names between the dots; no control characters and no spaces, as in a query.
        return path.back() != '.' && path.find("..") == std::string_view::npos &&
               std::none_of(path.begin(), path.end(),
                            [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
    }
    return false;
}

}  // namespace carillon
