#pragma once

#include "endpoint/device/connection_log.hpp"
#include "endpoint/rest/operate/proxy_trust.hpp"
#include "endpoint/rest/web/overview.hpp"
#include "endpoint/rest/web/web_files.hpp"
#include "endpoint/rest/web/web_sessions.hpp"

#include <atomic>
#include <span>
#include <string_view>

namespace carillon::rest {

class HubStatus;

/// What the hub keeps for its dashboard. One for all connections; any thread.
struct WebDashboard {
    /// In `Table::meta`: the sessions that were ended early.
    static constexpr std::string_view stored_key = "ended-sessions";

    WebDashboard(Hub& hub, std::string_view secret, Random& random, std::span<const WebFile> web_files)
        : sessions(hub.policies(), secret, random),
          overview(hub),
          connections(hub.shards().count()),
          files(web_files) {}

    WebSessions sessions;
    OverviewSampler overview;
    device::ConnectionLogs connections;  ///< Of devices, whatever way they come.
    std::atomic<std::size_t> overview_streams{0};
    HubStatus* status = nullptr;           ///< Set before the first request; null for a hub in a test.
    ProxyTrust proxy;                      ///< Set before the first request.
    const std::span<const WebFile> files;  ///< None if the program was built without the dashboard.
};

}  // namespace carillon::rest
