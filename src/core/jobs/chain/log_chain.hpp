#pragma once

#include "base/bytes.hpp"
#include "base/sha256.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// Where a log ends: its newest event and that one's hash.
struct LogHead {
    std::uint64_t sequence = 0;  ///< 0: no event, or not known.
    Sha256Digest hash{};
    bool operator==(const LogHead&) const = default;
};

/// A stored event of a job's log without what chains it.
struct ChainedValue {
    std::string_view event;            ///< As it was hashed, the mark in its first byte.
    std::optional<Sha256Digest> hash;  ///< Nothing of an event that is not chained.
};

/// In the first byte of an event, its kind: the value ends in a hash.
inline constexpr std::uint8_t chained_mark = 0x80;
ChainedValue split_chained(Bytes value);
/// The hash of an event: SHA-256 over the one before (32 zeros at the beginning), key and event.
Sha256Digest chain_hash(const Sha256Digest& before, std::string_view key, std::string_view event);

/// The end of a log whose events each end in a hash over all before them. Events that are refused leave no
/// trace: the chain goes on at the last that is durable. Format: docs/jobs.md.
class LogChain {
public:
    /// Of a log without events.
    LogChain() = default;
    /// Of a log that ends in this event.
    LogChain(std::uint64_t sequence, const Sha256Digest& head) : durable_{sequence, head} {}

    /// The event as it is to be stored, after all that were linked before it.
    std::string link(std::uint64_t sequence, std::string_view key, std::string event);
    /// An event is durable, with all before it; or it was refused, with all that were linked so far.
    void settled(std::uint64_t sequence, bool is_durable);

    /// Up to the newest event that is durable,
    const LogHead& durable() const { return durable_; }
    /// and up to the newest that was linked.
    const LogHead& newest() const { return under_way_.empty() ? durable_ : under_way_.back(); }

private:
    LogHead durable_;
    std::deque<LogHead> under_way_;  ///< Bound: Committer::batch_bytes_max
};

}  // namespace carillon
