#pragma once

#include "cluster/door.hpp"
#include "server/cluster/node_links.hpp"
#include "store/postgres/cluster_tables.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

namespace carillon {

/// The door of a node that stands by, from the first time that its ports are free until it is closed. Belongs
/// to the main thread; `figures` is for any.
class StandbyDoor {
public:
    /// Between two tries to listen.
    static constexpr std::chrono::milliseconds retry_pause{1'000};

    StandbyDoor(ServerConfig config, NodeLinks links)
        : config_(std::move(config)), links_(std::move(links)) {}

    /// Opens the door if it is not open, and leads to `owner`; to be called now and then. `data_dir` is where
    /// certificates are, or are made.
    void follow(const std::optional<NodeRow>& owner, const DataDir& data_dir);
    /// Takes new certificates for those who connect from now on. Fails as `find_certificates` does.
    Result<> reload(const ServerConfig& config, const DataDir& data_dir);
    /// At once if this node takes over, as nobody is left to pass anything on to.
    void close(std::chrono::milliseconds patience);
    /// Nothing while the door is closed.
    std::optional<DoorFigures> figures() const;

private:
    Result<> open(const DataDir& data_dir);

    ServerConfig config_;
    const NodeLinks links_;
    std::unique_ptr<TlsContexts> tls_;
    std::chrono::steady_clock::time_point retry_at_{};
    bool has_told_ = false;
    mutable std::mutex mutex_;  ///< Guards what `door_` points to, not the door.
    std::unique_ptr<Door> door_;
};

}  // namespace carillon
