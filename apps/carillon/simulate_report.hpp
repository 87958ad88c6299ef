#pragma once

#include "fleet/statistics.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace carillon {

/// A fleet at one moment, and at the moment that was reported before.
struct FleetLook {
    fleet::Statistics now;
    fleet::Statistics before;
    std::chrono::duration<double> elapsed{};   ///< Since the fleet began.
    std::chrono::duration<double> interval{};  ///< Between the two.
};

/// One line for a pipe: `5 s: 980 connected, 20 connecting, 0 waiting, 0 away of 1,000; …`.
std::string fleet_line(const FleetLook& look);
/// The lines for a terminal: how the devices stand as a bar `width` characters wide, and the numbers.
std::vector<std::string> fleet_block(const FleetLook& look, std::size_t width);
/// What a run came to, in sentences for people.
std::string fleet_summary(const FleetLook& look);
/// One JSON object on one line. `kind` is `statistics` or, the last, `summary`.
std::string fleet_json(const FleetLook& look, const std::string& kind);

}  // namespace carillon
