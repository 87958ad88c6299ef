#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Batch;
class Shards;

/// A name under which programs read events, apart from those that read under another.
struct ConsumerGroup {
    std::string name;
    WallTime created;
};

/// The consumer groups of a log, in the order of their names. The hub keeps no position for them: readers do.
/// Names compare without regard to case. Any thread.
class ConsumerGroups {
public:
    /// Source: IoT Hub docs, "IoT Hub quotas and throttling": consumer groups of one endpoint.
    static constexpr std::size_t count_max = 20;
    static constexpr std::size_t name_bytes_max = 50;
    /// The one that is always there. Source: IoT Hub docs, "Read device-to-cloud messages from the built-in
    /// endpoint".
    static constexpr std::string_view default_name = "$Default";

    /// Those of the log of this number. `shards` outlives it.
    ConsumerGroups(Shards& shards, std::uint32_t number);
    /// Before others may call this. Fails with `store_failed`.
    Result<> load();

    std::vector<ConsumerGroup> all() const;
    std::optional<ConsumerGroup> find(std::string_view name) const;
    /// Makes one, or gives the one there is. Fails with `argument_invalid` for a name that is none, with
    /// `iot_hub_quota_exceeded` beyond `count_max`, with `service_unavailable`.
    Task<Result<ConsumerGroup>> create(std::string name);
    /// Fails with `generic_not_found`, with `operation_not_allowed_in_current_state` for `$Default`, with
    /// `service_unavailable`.
    Task<Result<>> remove(std::string name);

    /// Removes those of a log of an endpoint.
    static void erase(Batch& batch, std::uint32_t number);

private:
    Task<Result<ConsumerGroup>> create_there(std::string name);
    Task<Result<>> remove_there(std::string name);
    Task<> take_turn();
    void replace(std::vector<ConsumerGroup> groups);

    std::string stored_key(std::string_view name) const;

    Shards& shards_;
    const std::string prefix_;  ///< Of the keys.
    mutable std::mutex mutex_;  ///< Guards `groups_`; held for a copy.
    std::vector<ConsumerGroup> groups_{{std::string(default_name), WallTime()}};  ///< Bound: count_max
    bool is_changing_ = false;  ///< On shard 0's thread; one change at a time.
};

}  // namespace carillon
