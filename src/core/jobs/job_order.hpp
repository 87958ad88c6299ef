#pragma once

#include "model/rollouts/rollout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct Twin;

/// What a device's place is made from: the first eight bytes of SHA-256 over the seed, as eight bytes
/// big-endian, and the device's key (its id; for a module the id, NUL, and the module's id). Independent of
/// shards, and repeatable by anyone.
std::uint64_t order_hash(std::uint64_t seed, std::string_view key);

/// The text by which devices of a `spread` belong together: the values at these paths of a twin. A path that
/// is missing is read in `parent`, if there is one: the twin of a module's device.
std::string spread_group(const std::vector<std::string>& paths, const Twin& twin, const Twin* parent);

/// The text at a path of a twin, or of `parent` where it is missing; nothing if it is no text.
std::optional<std::string> twin_text_at(std::string_view path, const Twin& twin, const Twin* parent);

/// What a part knows of its devices, by index.
struct PartKeys {
    std::vector<std::uint64_t> hashes;
    std::vector<std::uint32_t> groups;  ///< Into `names`; none unless the order is a spread.
    std::vector<std::string> names;
};
/// What it is told: places in the whole job by index, and indexes by place.
struct PartPlaces {
    std::vector<std::uint32_t> places;
    std::vector<std::uint32_t> order;
};
/// The places of all devices of a job, random or spread. In a spread, the j-th of the n devices of a group,
/// by hash, stands at (j - 1/2) / n; ties stand by hash.
std::vector<PartPlaces> place_devices(const std::vector<PartKeys>& parts);

/// How long the device waits after so many attempts, in milliseconds. Source: docs/rollout-reference.md,
/// retry.
std::int64_t retry_wait_ms(const RolloutRetry& retry, std::uint64_t seed, std::string_view key,
                           std::uint32_t attempts);

}  // namespace carillon
