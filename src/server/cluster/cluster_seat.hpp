#pragma once

#include "base/clock.hpp"
#include "server/cluster/node_links.hpp"
#include "server/data_dir.hpp"
#include "store/postgres/pg_store.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace carillon {

/// What a server takes over from its node when that owns the hub.
struct ClusterSeat {
    ClusterSeat(DataDir dir, std::shared_ptr<PgStore> owned, Clock& leased)
        : data_dir(std::move(dir)), store(std::move(owned)), clock(leased) {}

    DataDir data_dir;
    std::shared_ptr<PgStore> store;
    Clock& clock;  ///< Stands still while the node may not act. Outlives the server.
    /// Where other nodes bring connections; nothing if they do not.
    std::optional<NodeLinks> links;
    std::int64_t incarnation = 0;  ///< Of this start of the node.
    const std::chrono::steady_clock::time_point taken_at = std::chrono::steady_clock::now();
    std::atomic<std::int64_t> load_ms{0};  ///< From then until the hub was served.
    // For those who watch the node; any thread.
    std::function<std::chrono::milliseconds()> lease_left;
    std::function<std::chrono::seconds()> oldest_snapshot;
};

}  // namespace carillon
