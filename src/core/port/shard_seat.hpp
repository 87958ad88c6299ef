#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace carillon {

class Shard;

/// How many twins of a shard a configuration selects, and how many of them hold what it gives.
struct ConfigurationCount {
    std::uint32_t number = 0;  ///< `ConfigurationNumber`.
    std::int64_t targeted = 0;
    std::int64_t applied = 0;
};

/// What applies configurations to a shard's twins, for those who ask the shard. On the shard's thread.
class ConfigurationCounter {
public:
    virtual ~ConfigurationCounter() = default;
    /// Those that select none are absent.
    virtual std::vector<ConfigurationCount> count_configurations() const = 0;
};

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
    const ConfigurationCounter* configurations = nullptr;  ///< Null while there are none.
    /// Shared with requests, which may end after the shard.
    std::shared_ptr<ImportReached> imported = std::make_shared<ImportReached>();
};

}  // namespace carillon
