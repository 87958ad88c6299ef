#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace carillon {

class Shard;

/// How far a shard is with the import whose entries came last.
struct ImportReached {
    std::uint64_t job = 0;
    std::optional<std::uint64_t> mark;  ///< Nothing: as it stands in the store.
    bool is_at_work = false;            ///< Entries are on their way to disk.
};

/// A shard as it is asked: what requests need beside it. On the shard's thread.
struct ShardSeat {
    explicit ShardSeat(Shard& of) : shard(of) {}
    operator Shard&() const {
        return shard;
    }  // NOLINT(google-explicit-constructor): most requests need no more.

    Shard& shard;
    /// Shared with requests, which may end after the shard.
    std::shared_ptr<ImportReached> imported = std::make_shared<ImportReached>();
};

}  // namespace carillon
