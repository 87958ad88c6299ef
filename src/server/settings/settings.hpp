#pragma once

#include "base/result.hpp"
#include "server/settings/config.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// One key of the configuration.
struct Setting {
    enum class Kind { text, list, number };
    std::string_view key;  ///< Such as `jobs.active_max`: at most one dot.
    Kind kind;
    /// Puts values (one, but for a list) into the configuration; a text that says what is wrong, or
    /// empty.
    std::string (*apply)(ServerConfig& config, const std::vector<std::string>& values);
    /// The values in the configuration, as `apply` takes them; none where nothing is set.
    std::vector<std::string> (*read)(const ServerConfig& config);
};

/// Whether a change counts as soon as the configuration is read again, and not at the next start.
bool takes_effect_at_once(const Setting& setting);

/// The table of all keys.
std::span<const Setting> all_settings();
const Setting* find_setting(std::string_view key);
/// The key closest to `key` by insertions, deletions and replacements; empty if none is close.
std::string_view nearest_setting(std::string_view key);

}  // namespace carillon
