#pragma once

#include "base/result.hpp"
#include "core/events/event_start.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::rest {

struct Request;

/// Places in partitions, and how they are written: `0:17,3:4`, the number of each and the sequence number
/// that comes next there.
using EventPlaces = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
std::string event_places_text(std::span<const std::pair<std::uint32_t, std::uint64_t>> places);
/// Nothing for what is none, or names a partition twice or one that is not below `partition_count`.
std::optional<EventPlaces> parse_event_places(std::string_view text, std::uint32_t partition_count);

/// Which events somebody asks for, and how: the parameters of `GET /carillon/events`.
struct EventOrder {
    struct Part {
        std::uint32_t partition = 0;
        EventStart start;
    };
    std::vector<Part> parts;
    EventFilter filter;
    std::uint64_t limit = 0;  ///< Of events; 0 for none.
    bool follows = true;      ///< Or ends at what is the end now.
    bool is_event_stream = false;

    /// Fails with `argument_invalid`, naming the parameter.
    static Result<EventOrder> read(const Request& request, std::uint32_t partition_count);
};

}  // namespace carillon::rest
