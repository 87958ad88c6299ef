#pragma once

#include <cstdint>

namespace carillon {

/// Bounds of the cloud-to-device messages that wait in one shard, beside those of each device
/// (`CloudMessageLimits`); beyond them senders are refused. Ours: the service sells no such bound, a disk has
/// one.
struct CloudQueueLimits {
    std::uint64_t messages_max =
        1'000'000;  ///< Some 60 bytes of memory each, and its id if feedback is asked for.
    std::uint64_t bytes_max = 4ULL * 1024 * 1024 * 1024;  ///< On disk.
};

}  // namespace carillon
