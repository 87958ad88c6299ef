#pragma once

#include <cstddef>

namespace carillon {

/// How the descriptors that the process may open are shared between those who connect and the hub itself.
struct DescriptorShares {
    /// Never taken by connections: files of the store and its logs, what the hub opens itself, connections to
    /// blob containers. Ours: the store's 512 table files, and as many again as have been seen beside them.
    static constexpr std::size_t reserved_max = 768;

    std::size_t connections = 0;  ///< That listeners may have open.
    int store_files = 0;          ///< Table files that the store may keep open.
};

/// Shares `descriptors`. Of few, half are reserved. `wanted` is `connections.open_max`; 0 means as many as
/// possible.
DescriptorShares share_descriptors(std::size_t descriptors, std::size_t wanted);
/// What the process may open: its soft limit (RLIMIT_NOFILE).
std::size_t descriptors_of_process();

}  // namespace carillon
