#pragma once

#include "core/rollouts/time/time_zone.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace carillon {

/// The time zones of the system, by their names in the tz database; each file is read once. Any thread.
class Zones {
public:
    static constexpr std::string_view folder = "/usr/share/zoneinfo";
    static constexpr std::size_t count_max =
        1024;  ///< Ours: names that are remembered, those that there are not too.

    explicit Zones(std::string from = std::string(folder)) : folder_(std::move(from)) {}

    /// Null if there is no zone of this name. Blocks for the reading of a small file, once a name.
    std::shared_ptr<const TimeZone> find(std::string_view name);

private:
    const std::string folder_;
    std::mutex mutex_;  ///< Guards `zones_`; held while a file is read.
    std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> zones_;  ///< Bound: count_max
};

}  // namespace carillon
