#pragma once

#include "base/task.hpp"
#include "core/port/shard_port.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// Walks all identities of the hub in the order of their keys, whatever shard they live on, and writes
/// each as a line of `devices.txt`. Each line is one committed state of identity and twin; lines of
/// different devices are of different moments. Holds at most one page of each shard. One coroutine uses
/// it; the shards outlive it.
class RegistryExport {
public:
    /// Begins after `after`, the `position()` of an earlier walk, or at the front if that is empty.
    RegistryExport(ShardPort& port, ExportedKeys keys, std::string after = {});

    /// Appends lines to `out` until it holds `bytes_max` or there are no more. False at the end. Fails
    /// with `service_unavailable` where a shard cannot be asked.
    Task<Result<bool>> append(std::string& out, std::size_t bytes_max);

    /// The last identity written, as an opaque text.
    const std::string& position() const { return position_; }
    std::uint64_t lines() const { return lines_; }

private:
    struct Source {
        std::vector<ExportPage::Line> lines;
        std::size_t next = 0;
        bool is_at_end = false;
    };
    Task<Result<>> fill(std::size_t shard);
    Source* least();

    ShardPort& port_;
    ExportedKeys keys_;
    std::vector<Source> sources_;  ///< One for each shard.
    std::string position_;
    std::uint64_t lines_ = 0;
};

}  // namespace carillon
