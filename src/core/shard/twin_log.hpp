#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/shard/record.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// One chunk of a twin job in a shard's twin log: the patch that the documents of `ordinals` took
/// at `time`. It stands for their bytes until they are next written whole: a document read with a
/// smaller sequence than the entry's takes `patch_twin(twin, patch, time)`, which gives the very
/// twin that was acknowledged. Format: docs/jobs.md, "The twin log".
struct TwinLogEntry {
    WallTime time;
    TwinPatch patch;
    std::vector<Ordinal> ordinals;  ///< Ascending; each once.
};

/// The key in `Table::twin_log`; the sequence is `Shard::next_sequence`, which orders it among
/// the shard's documents.
std::string twin_log_key(std::uint32_t shard, std::uint64_t sequence);
/// `ordinals` in any order, each once; they are sorted here.
std::string encode_twin_log_entry(WallTime time, const TwinPatch& patch, std::vector<Ordinal> ordinals);
/// Fails with `store_corrupt`.
Result<TwinLogEntry> decode_twin_log_entry(Bytes bytes);
/// How many documents an entry stands for, without reading it all; zero if it does not decode.
std::size_t count_twin_log_entry(Bytes bytes);

}  // namespace carillon
