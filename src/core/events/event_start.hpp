#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Where in a partition to begin. An event's offset is its sequence number (ours: any text that increases
/// will do), so there is no further kind for it.
struct EventStart {
    enum class Kind : std::uint8_t { earliest, latest, sequence, time } kind = Kind::latest;
    std::uint64_t sequence = 0;  ///< Of the first event.
    WallTime time;               ///< When the first event was enqueued, at the earliest.

    static EventStart earliest() { return {.kind = Kind::earliest, .sequence = 0, .time = {}}; }
    static EventStart latest() { return {}; }
    static EventStart at(std::uint64_t n) { return {.kind = Kind::sequence, .sequence = n, .time = {}}; }
    static EventStart since(WallTime t) { return {.kind = Kind::time, .sequence = 0, .time = t}; }

    bool operator==(const EventStart&) const = default;
};

/// Which events of a partition to read; by default all.
struct EventFilter {
    /// Of device ids, where `*` stands for any text and `?` for any character; empty for all.
    std::string device;
    std::string module;  ///< The same of module ids.

    bool is_open() const { return device.empty() && module.empty(); }
    bool fits(std::string_view device_id, std::string_view module_id) const;
};

/// Whether `text` is what `pattern` describes. Takes time in proportion to both lengths multiplied, at most.
bool fits_wildcard(std::string_view pattern, std::string_view text);

}  // namespace carillon
