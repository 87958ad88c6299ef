#pragma once

#include <cstdint>

namespace carillon {

/// What a shard has and has done since it started; counted as it happens, so that looking costs nothing.
/// Devices and modules together, but for `devices`. The shard's own thread.
struct ShardTraffic {
    std::int64_t devices = 0;    ///< Registered, without modules.
    std::int64_t connected = 0;  ///< Identities that have a connection.
    std::uint64_t connects = 0;
    std::uint64_t disconnects = 0;
    std::uint64_t methods = 0;   ///< Requests sent to devices, of jobs too.
    std::uint64_t writes = 0;    ///< Documents (identity and twin) that became durable.
    std::uint64_t messages = 0;  ///< Device-to-cloud messages taken.
};

}  // namespace carillon
