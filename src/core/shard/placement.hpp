#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon {

/// Where a device lives, for ever: shards and event partitions are stored by these numbers.

/// A stable hash of a device id: 64-bit FNV-1a, finished by a mixer so that its low bits are good.
constexpr std::uint64_t device_hash(std::string_view device_id) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : device_id) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdU;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53U;
    return hash ^ (hash >> 33);
}

/// A hub has at least this many event partitions, the service's default, and never fewer than shards.
inline constexpr std::size_t event_partitions_min = 4;
inline constexpr std::size_t shards_max = 32;

/// Shard counts are powers of two, so that each partition lies within one shard.
constexpr std::size_t shard_number(std::string_view device_id, std::size_t shard_count) {
    return device_hash(device_id) % shard_count;
}
constexpr std::size_t event_partition_count(std::size_t shard_count) {
    return shard_count > event_partitions_min ? shard_count : event_partitions_min;
}
constexpr std::size_t event_partition(std::string_view device_id, std::size_t shard_count) {
    return device_hash(device_id) % event_partition_count(shard_count);
}

}  // namespace carillon
