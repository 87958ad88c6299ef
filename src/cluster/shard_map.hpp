#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Who owns each shard of a hub in a cluster, and where nodes are reached, at one moment. A value; each node
/// has its own, which may be old: what a node is asked for a shard names the epoch that the asker believes
/// in.
struct ShardMap {
    /// The start of a node that a shard's row names. It may live no more; then nobody owns the shard.
    struct Place {
        std::string node;
        std::int64_t incarnation = 0;  ///< Which start of the node.
        std::int64_t epoch = 0;        ///< Rises with each owner and each settlement of the shard.

        bool operator==(const Place&) const = default;
    };
    /// A start of a node that lives.
    struct Node {
        std::string name;
        std::int64_t incarnation = 0;
        std::string address;  ///< Where other nodes reach it; the port is the same for all.

        bool operator==(const Node&) const = default;
    };

    /// Higher for a later map whenever a shard has another owner or epoch.
    std::int64_t revision = 0;
    std::vector<Place> shards;  ///< By number; empty until the hub is made. Bound: shards_max
    std::vector<Node> nodes;    ///< By name and incarnation. Bound: nodes that live

    /// The owner of a shard, if it lives; null if not, and for a shard that the hub does not have.
    const Node* find_owner(std::size_t shard) const {
        if (shard >= shards.size()) return nullptr;
        const Place& place = shards[shard];
        for (const Node& node : nodes) {
            if (node.name == place.node && node.incarnation == place.incarnation) return &node;
        }
        return nullptr;
    }
    /// How many shards name this start of a node.
    std::size_t count_owned(std::string_view node, std::int64_t incarnation) const {
        std::size_t count = 0;
        for (const Place& place : shards)
            count += place.node == node && place.incarnation == incarnation ? 1 : 0;
        return count;
    }

    bool operator==(const ShardMap&) const = default;
};

}  // namespace carillon
