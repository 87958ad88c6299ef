#pragma once

#include "server/settings/config.hpp"

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace carillon {

/// The settings of a running hub as they are in force, and where each comes from. Any thread.
class SettingsReport {
public:
    /// By key: what a setting came to that leaves the choice to the hub, such as `threads`.
    using Chosen = std::map<std::string, std::vector<std::string>>;

    /// `config` is in force from now on.
    void begin(const ServerConfig& config, Chosen chosen);
    /// After the configuration was read again: `config` is in force, and `next` from the next start on.
    void reloaded(const ServerConfig& config, const ServerConfig& next);

    /// `{"settings":[…]}`, as the OpenAPI description has it. Values that may hold a password are not told.
    std::string json() const;

private:
    mutable std::mutex mutex_;  ///< Guards what follows.
    ServerConfig config_;
    ServerConfig next_;
    Chosen chosen_;  ///< Bound: fixed.
};

}  // namespace carillon
