#pragma once

#include "base/result.hpp"
#include "mcp/mcp_endpoint.hpp"
#include "server/process/service_manager.hpp"
#include "server/server.hpp"
#include "server/settings/config.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// What `carillon serve` was started with.
struct ServeArgs {
    std::string config_file;
    std::vector<std::string> hostnames;
    std::vector<std::string> bind;
    std::map<std::string, std::string> single;  ///< By key of the configuration; empty if not given.
    bool is_cluster = false;
    bool is_read_only = false;
};

ConfigSources sources_of(const ServeArgs& args);

/// What the hub answers language models by; null if it serves none.
std::unique_ptr<McpEndpoint> make_mcp_endpoint(const ServerConfig& config);

/// The next of these signals; 0 if none comes for `wait`, or the wait was interrupted.
int next_signal(const sigset_t& signals, const std::optional<std::chrono::microseconds>& wait);

/// Tells people and systemd of a hub that serves, and follows signals until one ends it, or `is_over` says
/// so, which is asked a few times a second if it is set.
void run_hub(Server& server, const ServeArgs& args, const ServerConfig& config, const sigset_t& signals,
             const ServiceManager& manager, const std::function<bool()>& is_over = {});

/// The server's errors as the command line puts them: files and settings, not a hub that refuses.
Error for_terminal(Error error);

}  // namespace carillon
