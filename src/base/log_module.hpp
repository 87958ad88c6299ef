#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace carillon {

/// Where lines of the log come from, by the folder of the source: rooms of `core` and `endpoint` are modules
/// of their own. What is in no folder named here is `other`.
inline constexpr std::array<std::string_view, 29> log_modules{
    "other",          "app",      "client", "base",     "net",    "store",
    "server",         "query",    "wire",   "model",    "hub",    "provisioning",
    "shard",          "scan",     "jobs",   "queries",  "events", "registry",
    "configurations", "mqtt",     "amqp",   "messages", "rest",   "transfers",
    "rollouts",       "delivery", "blob",   "device",   "cluster"};

/// The place of a name in `log_modules`, or their number.
constexpr std::size_t find_log_module(std::string_view name) {
    for (std::size_t i = 0; i < log_modules.size(); ++i) {
        if (log_modules[i] == name) return i;
    }
    return log_modules.size();
}

/// The place in `log_modules` of what a source file belongs to.
constexpr std::size_t log_module_of(std::string_view file) {
    constexpr std::string_view sources = "src/";
    const std::size_t at = file.rfind(sources);
    if (at == std::string_view::npos) {
        return find_log_module(file.find("apps/") == std::string_view::npos ? "other" : "app");
    }
    std::string_view folder = file.substr(at + sources.size());
    for (const std::string_view divided : {std::string_view("core/"), std::string_view("endpoint/")}) {
        if (folder.starts_with(divided)) folder.remove_prefix(divided.size());
    }
    const std::size_t found = find_log_module(folder.substr(0, folder.find('/')));
    return found == log_modules.size() ? 0 : found;
}

}  // namespace carillon
