#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "model/configuration.hpp"
#include "model/etag_match.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

class ShardPort;
class Shards;
namespace query {
struct QueryOptions;
}

/// Paces of configurations, from the hub's configuration.
struct ConfigurationPaces {
    /// How long after metrics of their own were counted they are counted again. Source: IoT Hub docs,
    /// "Automatic device management", five minutes.
    std::chrono::seconds metrics_interval{300};
};

/// A configuration as a back end sees it.
struct ConfigurationView {
    Configuration configuration;
    std::optional<ConfigurationCounts> counts;  ///< Nothing for one just made, and in lists.
};

/// Automatic device management: the hub's configurations, kept in force on all twins by their shards. Any
/// thread may call. What is answered is on disk; a restart goes on where the hub was.
/// See docs/configurations.md.
class Configurations {
public:
    /// Ours: counting metrics takes at most one part in so many of the time.
    static constexpr int metrics_share = 5;
    /// Ours: after a refused commit, how long until it is tried again.
    static constexpr std::chrono::seconds retry_delay{1};

    /// `options` say what target conditions and metric queries may hold.
    Configurations(Shards& shards, ShardPort& port, const query::QueryOptions& options);
    ~Configurations();

    /// Before `start`.
    void use(const ConfigurationPaces& paces);
    /// Reads configurations and where they are in force. Before the threads run.
    Result<> load();
    /// Begins work; when the threads run.
    void start();
    /// Begins nothing more and returns when what counts metrics has come to a rest.
    Task<> stop();

    /// Creates a configuration, or with `match` replaces one; its content stays what it was. Fails with
    /// `configuration_already_exists`, `configuration_not_found`, `precondition_failed`,
    /// `configuration_count_limit_exceeded`, and as `ConfigurationRule::make` does.
    Task<Result<ConfigurationView>> put(Configuration wanted, EtagMatch match);
    /// Removes a configuration; twins get what others give them instead, or lose what it gave. Fails with
    /// `configuration_not_found`, `precondition_failed`.
    Task<Result<>> remove(std::string id, EtagMatch match);
    /// Fails with `configuration_not_found`, `service_unavailable`.
    Task<Result<ConfigurationView>> find(std::string id);
    /// All there are, by id, without counts.
    Task<std::vector<ConfigurationView>> list();

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace carillon
