#include "endpoint/rest/messages/event_order.hpp"

#include "base/text.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon::rest {

namespace {

constexpr std::size_t pattern_bytes_max = 128;  ///< Ids are no longer.

Result<EventStart> read_start(std::string_view text) {
    if (equals_ignoring_case(text, "latest")) return EventStart::latest();
    if (equals_ignoring_case(text, "earliest")) return EventStart::earliest();
    if (const auto time = parse_iso8601(text)) return EventStart::since(*time);
    return fail(Errc::argument_invalid,
                fmt::format("from is '{}': it must be latest, earliest or an ISO 8601 "
                            "time, such as 2026-11-29T10:00:00Z.",
                            text));
}

Result<std::string> read_pattern(const Request& request, std::string_view name) {
    auto pattern = request.parameter(name).value_or("");
    if (pattern.size() > pattern_bytes_max) {
        return fail(Errc::argument_invalid,
                    fmt::format("{} has more than {} bytes.", name, pattern_bytes_max));
    }
    return pattern;
}

/// The offset of an event is its sequence number, and what is wanted lies behind it.
Result<EventStart> read_offset(std::string_view text) {
    if (text == "-1") return EventStart::earliest();
    const auto offset = parse_u64(text);
    if (!offset || *offset == UINT64_MAX) {
        return fail(Errc::argument_invalid, fmt::format("offset is '{}': it must be a number, -1 for the "
                                                        "beginning.",
                                                        text));
    }
    return EventStart::at(*offset + 1);
}

Result<std::vector<EventOrder::Part>> read_parts(const Request& request, std::uint32_t partition_count) {
    std::vector<EventOrder::Part> parts;
    const auto only = request.parameter("partition");
    for (std::uint32_t i = 0; i < partition_count; ++i) parts.push_back({i, EventStart::latest()});
    if (only) {
        const auto number = parse_u64(*only);
        if (!number || *number >= partition_count) {
            return fail(Errc::argument_invalid,
                        fmt::format("partition is '{}': the hub has 0 to {}.", *only, partition_count - 1));
        }
        parts = {{static_cast<std::uint32_t>(*number), EventStart::latest()}};
    }
    std::optional<EventStart> start;
    if (const auto offset = request.parameter("offset")) {
        if (!only) return fail(Errc::argument_invalid, "offset needs partition.");
        auto read = read_offset(*offset);
        if (!read) return fail(std::move(read).error());
        start = *read;
    } else if (const auto from = request.parameter("from")) {
        auto read = read_start(*from);
        if (!read) return fail(std::move(read).error());
        start = *read;
    }
    for (auto& part : parts) part.start = start.value_or(EventStart::latest());
    return parts;
}

/// What the client has seen counts more than where it once wanted to begin.
Result<> go_on(const Request& request, std::uint32_t partition_count, std::vector<EventOrder::Part>& parts) {
    auto text = request.parameter("after");
    if (const auto last = request.header("last-event-id")) text = std::string(*last);
    if (!text || text->empty()) return {};
    const auto places = parse_event_places(*text, partition_count);
    if (!places) {
        return fail(
            Errc::argument_invalid,
            fmt::format("after is '{}': it must name places such as 0:17,3:4.", text->substr(0, 200)));
    }
    for (auto& part : parts) {
        for (const auto& [partition, next] : *places) {
            if (partition == part.partition) part.start = EventStart::at(next);
        }
    }
    return {};
}

}  // namespace

std::string event_places_text(std::span<const std::pair<std::uint32_t, std::uint64_t>> places) {
    std::string text;
    for (const auto& [partition, next] : places) {
        fmt::format_to(std::back_inserter(text), "{}{}:{}", text.empty() ? "" : ",", partition, next);
    }
    return text;
}

std::optional<EventPlaces> parse_event_places(std::string_view text, std::uint32_t partition_count) {
    EventPlaces places;
    for (const std::string_view part : split(text, ',')) {
        const std::size_t colon = part.find(':');
        if (colon == std::string_view::npos || places.size() == partition_count) return std::nullopt;
        const auto partition = parse_u64(part.substr(0, colon));
        const auto next = parse_u64(part.substr(colon + 1));
        if (!partition || *partition >= partition_count || !next) return std::nullopt;
        const auto number = static_cast<std::uint32_t>(*partition);
        const bool is_known = std::any_of(places.begin(), places.end(),
                                          [number](const auto& place) { return place.first == number; });
        if (is_known) return std::nullopt;
        places.emplace_back(number, *next);
    }
    return places;
}

Result<EventOrder> EventOrder::read(const Request& request, std::uint32_t partition_count) {
    EventOrder order;
    auto parts = read_parts(request, partition_count);
    if (!parts) return fail(std::move(parts).error());
    order.parts = *std::move(parts);
    if (auto placed = go_on(request, partition_count, order.parts); !placed) {
        return fail(std::move(placed).error());
    }
    auto device = read_pattern(request, "deviceId");
    if (!device) return fail(std::move(device).error());
    auto module = read_pattern(request, "moduleId");
    if (!module) return fail(std::move(module).error());
    order.filter = {.device = *std::move(device), .module = *std::move(module)};
    if (const auto limit = request.parameter("limit")) {
        order.limit = parse_u64(*limit).value_or(0);
        if (order.limit == 0) {
            return fail(Errc::argument_invalid,
                        fmt::format("limit is '{}': it must be a number, at least 1.", *limit));
        }
    }
    if (const auto follow = request.parameter("follow")) {
        order.follows = equals_ignoring_case(*follow, "true");
        if (!order.follows && !equals_ignoring_case(*follow, "false")) {
            return fail(Errc::argument_invalid,
                        fmt::format("follow is '{}': it must be true or false.", *follow));
        }
    }
    order.is_event_stream =
        request.header("accept").value_or("").find("text/event-stream") != std::string_view::npos;
    return order;
}

}  // namespace carillon::rest
