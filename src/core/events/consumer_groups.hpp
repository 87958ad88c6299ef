#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Shards;
class Store;

/// A name under which programs read events, apart from those that read under another.
struct ConsumerGroup {
    std::string name;
    WallTime created;
};

/// The hub's consumer groups, in the order of their names. The hub keeps no position for them: readers do.
/// Names compare without regard to case. Any thread.
class ConsumerGroups {
public:
    /// Source: IoT Hub docs, "IoT Hub quotas and throttling": consumer groups of one endpoint.
    static constexpr std::size_t count_max = 20;
    static constexpr std::size_t name_bytes_max = 50;
    /// The one that is always there. Source: IoT Hub docs, "Read device-to-cloud messages from the built-in
    /// endpoint".
    static constexpr std::string_view default_name = "$Default";

    explicit ConsumerGroups(Shards& shards);
    /// Before the threads run. Fails with `store_failed`.
    Result<> load();

    std::vector<ConsumerGroup> all() const;
    std::optional<ConsumerGroup> find(std::string_view name) const;
    /// Makes one, or gives the one there is. Fails with `argument_invalid` for a name that is none, with
    /// `iot_hub_quota_exceeded` beyond `count_max`, with `service_unavailable`.
    Task<Result<ConsumerGroup>> create(std::string name);
    /// Fails with `generic_not_found`, with `operation_not_allowed_in_current_state` for `$Default`, with
    /// `service_unavailable`.
    Task<Result<>> remove(std::string name);

private:
    Task<Result<ConsumerGroup>> create_there(std::string name);
    Task<Result<>> remove_there(std::string name);
    Task<> take_turn();
    void replace(std::vector<ConsumerGroup> groups);

    Shards& shards_;
    mutable std::mutex mutex_;  ///< Guards `groups_`; held for a copy.
    std::vector<ConsumerGroup> groups_;
    bool is_changing_ = false;  ///< On shard 0's thread; one change at a time.
};

}  // namespace carillon
