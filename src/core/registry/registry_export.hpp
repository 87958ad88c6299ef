#pragma once

#include "base/task.hpp"
#include "core/shard/shards.hpp"
#include "model/registry_line.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Walks all identities of the hub in the order of their keys, whatever shard they live on, and writes
/// each as a line of `devices.txt`. Each line is one committed state of identity and twin; lines of
/// different devices are of different moments. Holds at most one page of each shard. One coroutine uses
/// it; the shards outlive it.
class RegistryExport {
public:
    /// Lines and bytes of one look at a shard; the bytes may be passed by one line.
    static constexpr std::size_t page_lines_max = 200;
    static constexpr std::size_t page_bytes_max = 256 * 1024;

    /// Begins after `after`, the `position()` of an earlier walk, or at the front if that is empty.
    RegistryExport(Shards& shards, ExportedKeys keys, std::string after = {});

    /// Appends lines to `out` until it holds `bytes_max` or there are no more. False at the end.
    Task<bool> append(std::string& out, std::size_t bytes_max);

    /// The last identity written, as an opaque text.
    const std::string& position() const { return position_; }
    std::uint64_t lines() const { return lines_; }

private:
    struct Line {
        std::string key;  ///< Device, and for a module NUL and the module: sorts as they do.
        std::string text;
    };
    struct Source {
        std::vector<Line> lines;
        std::size_t next = 0;
        bool is_at_end = false;
    };
    struct Page {
        std::vector<Line> lines;
        bool is_last = false;
    };
    static Task<Page> read_page(Shard* shard, std::string after, ExportedKeys keys);
    Task<> fill(std::size_t shard);
    Source* least();

    Shards& shards_;
    ExportedKeys keys_;
    std::vector<Source> sources_;  ///< One for each shard.
    std::string position_;
    std::uint64_t lines_ = 0;
};

}  // namespace carillon
