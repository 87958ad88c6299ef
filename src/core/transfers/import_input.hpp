#pragma once

#include "core/transfers/blobs.hpp"
#include "model/registry_line.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

/// Bounds on how an import is read.
struct ImportLimits {
    std::size_t line_bytes_max = 1024 * 1024;  ///< A longer line is refused; ours: ten whole twins fit.
    std::size_t chunk_lines_max = 2000;        ///< Lines on their way to the shards at once.
    std::size_t chunk_bytes_max = 2 * 1024 * 1024;
    std::size_t read_bytes_max = 1024 * 1024;  ///< Of the blob at a time.
};

/// A stretch of an import's lines, read and checked.
struct ImportChunk {
    struct Share {
        std::vector<ImportEntry> entries;
        std::vector<std::uint64_t> lines;  ///< Where each stands, counted from 1.
    };
    struct BadLine {
        std::uint64_t line;
        std::string error;  ///< As in the error log.
    };
    std::vector<Share> shares;  ///< One for each shard, in the order of the lines.
    std::vector<BadLine> bad;
    std::uint64_t lines = 0;   ///< The last line in it, or before it.
    std::uint64_t offset = 0;  ///< Where the next line begins in the blob.
    bool is_last = false;
    bool skipped_heading = false;  ///< The blob begins with a line that is not a JSON object.
};

/// The lines of a `devices.txt`, chunk by chunk, each entry with the shard that it is for. A first line
/// that does not begin an object is skipped, as the service heads exports without keys by a warning;
/// empty lines are too. Blocking, as the blob is; one thread at a time.
class ImportInput {
public:
    /// Goes on behind line `lines`, at byte `offset` of the blob, where `blob` was opened.
    ImportInput(std::unique_ptr<BlobReader> blob, const ImportLimits& limits, std::size_t shard_count,
                std::uint64_t offset, std::uint64_t lines);

    /// Fails with `io_failed`.
    Result<ImportChunk> next();

    std::uint64_t size() const { return blob_->size(); }
    std::string version() const { return blob_->version(); }

private:
    enum class Found { line, too_long, end };
    Result<Found> next_line(std::string& line);
    void read_entry(ImportChunk& chunk, std::string line);

    std::unique_ptr<BlobReader> blob_;
    ImportLimits limits_;
    std::size_t shard_count_;
    std::string buffer_;
    std::size_t begin_ = 0;  ///< Of what is not used yet in `buffer_`.
    std::uint64_t offset_;
    std::uint64_t lines_;
    bool is_at_end_ = false;
};

}  // namespace carillon
