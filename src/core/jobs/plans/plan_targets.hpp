#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "model/ordinal.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// The devices that a plan has found on one shard: a bit for each identity of the shard that is one of them,
/// and for ids that nobody has, a hash each.
class PlanTargets {
public:
    void add(Ordinal ordinal, std::string_view key);
    bool has(Ordinal ordinal, std::string_view key) const;
    std::uint64_t size() const { return size_; }
    std::size_t bytes() const { return (bits_.capacity() + strangers_.capacity()) * sizeof(std::uint64_t); }
    /// Called once after the last `add`.
    void close();

    void pack(std::string& out) const;
    /// Fails with `store_corrupt`.
    static Result<PlanTargets> unpack(Bytes bytes);

private:
    std::vector<std::uint64_t> bits_;       ///< By ordinal.  Bound: PlanLimits::bytes_max
    std::vector<std::uint64_t> strangers_;  ///< Sorted.  Bound: JobLimits::device_ids_max
    std::uint64_t size_ = 0;
};

}  // namespace carillon
