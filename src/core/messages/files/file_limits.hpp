#pragma once

#include <cstddef>
#include <cstdint>

namespace carillon {

/// Bounds of the files that devices upload. Ours, but where a source is named: the service keeps files in
/// storage of the user's own.
struct FileLimits {
    std::uint64_t file_bytes_max = 1ULL << 30;
    std::uint64_t device_bytes_max = 4ULL << 30;  ///< Of all files of a device, those under way among them.
    std::uint64_t hub_bytes_max = 64ULL << 30;
    std::int64_t lifetime_s =
        3600;  ///< From the order of an upload on. Source: IoT Hub docs, file upload options.

    /// Uploads that a device has begun and not completed. Source: IoT Hub docs, "IoT Hub quotas and
    /// throttling".
    static constexpr std::size_t uploads_of_device_max = 10;
    static constexpr std::size_t uploads_max = 10'000;  ///< The same of the hub.
    static constexpr std::uint64_t file_overhead_bytes =
        4096;  ///< What each file or block counts beside its bytes.
    static constexpr std::size_t block_list_bytes_max = 2 * 1024 * 1024;
    /// Source: Azure Storage docs, "Naming and referencing containers, blobs, and metadata".
    static constexpr std::size_t name_bytes_max = 1024;
    static constexpr std::size_t name_parts_max = 64;
    static constexpr std::size_t name_part_bytes_max = 255;  ///< Of a file system.
    static constexpr std::size_t block_id_bytes_max = 64;    ///< Source: Azure Storage docs, "Put Block".
};

}  // namespace carillon
