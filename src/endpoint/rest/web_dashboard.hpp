#pragma once

#include "endpoint/rest/overview.hpp"
#include "endpoint/rest/web_files.hpp"
#include "endpoint/rest/web_sessions.hpp"

#include <atomic>
#include <span>
#include <string_view>

namespace carillon::rest {

/// What the hub keeps for its dashboard. One for all connections; any thread.
struct WebDashboard {
    /// In `Table::meta`: the sessions that were ended early.
    static constexpr std::string_view stored_key = "ended-sessions";

    WebDashboard(Hub& hub, std::string_view secret, Random& random, std::span<const WebFile> web_files)
        : sessions(hub.policies(), secret, random), overview(hub), files(web_files) {}

    WebSessions sessions;
    OverviewSampler overview;
    std::atomic<std::size_t> overview_streams{0};
    const std::span<const WebFile> files;  ///< None if the program was built without the dashboard.
};

}  // namespace carillon::rest
