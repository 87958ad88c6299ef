#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// A value that devices which failed have in common, more than chance would have it.
struct FailureFactor {
    std::string path;           ///< `tags.fw`, `properties.reported.battery`, `wave`.
    std::string value;          ///< As JSON.
    std::uint64_t failed = 0;   ///< Devices of the group that have it,
    std::uint64_t devices = 0;  ///< and targets of the job.
    double lift = 0;            ///< How much more frequent it is among them than among all targets.
    double p = 1;  ///< That it is so by chance: Fisher's exact test, one-sided, times the values tested.
};

/// Of `drawn` things drawn from `all`, of which `marked` are marked: the probability that at least `hits` of
/// them are. At least 0 and at most 1.
double hypergeometric_tail(std::uint64_t all, std::uint64_t marked, std::uint64_t drawn, std::uint64_t hits);

/// Counts the values of a job's targets, and finds those that stand out in groups of failures. A path with
/// too many values to mean anything is left out, as are paths beyond the first ones.
class FactorCounter {
public:
    static constexpr std::size_t paths_max = 64;
    static constexpr std::size_t values_max = 200;       ///< Of a path.
    static constexpr std::size_t value_bytes_max = 128;  ///< Longer ones are not looked at.
    static constexpr std::size_t groups_max = 10;
    static constexpr std::size_t factors_max = 5;  ///< Of a group.
    static constexpr std::uint64_t failed_min = 5;
    static constexpr double lift_min = 1.5;
    static constexpr double p_max = 0.01;

    using Value = std::pair<std::string, std::string>;  ///< Path, and value as JSON.
    /// One target; `group` says how it failed, below `groups_max`, if it did.
    void add(const std::vector<Value>& values, std::optional<std::size_t> group);
    /// What stands out in a group, the strongest first.
    std::vector<FailureFactor> factors(std::size_t group) const;

    /// Appends the scalar leaves of `object` with their paths below `path`.
    static void append_leaves(std::vector<Value>& out, const std::string& path, JsonValue object);

private:
    struct Count {
        std::uint64_t devices = 0;
        std::vector<std::uint64_t> failed;  ///< By group; none until one failed.  Bound: groups_max
    };
    std::map<std::string, std::map<std::string, Count>> paths_;  ///< Bound: paths_max
    std::set<std::string> dropped_;  ///< Paths with too many values.  Bound: paths_max
    std::uint64_t devices_ = 0;
    std::vector<std::uint64_t> failed_;  ///< By group.  Bound: groups_max
};

}  // namespace carillon
