#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

class Random;

/// Which trace something belongs to, and which part of it it is. Source: W3C Trace Context, §3.2.
struct TraceContext {
    std::array<std::uint8_t, 16> trace_id{};
    std::array<std::uint8_t, 8> span_id{};
    bool is_sampled = false;
    /// What tracing systems on the way have noted, passed on as it came: the value of a `tracestate` header.
    std::string state;

    /// Of `state`; one that is longer is passed over. Source: W3C Trace Context, §3.3.1.5, at least 512.
    static constexpr std::size_t state_bytes_max = 512;

    /// The value of a `traceparent` header, and of `tracestate` if there is one. Nothing if the former is
    /// malformed, or of a version that cannot be read; of the latter only the bytes are looked at, as others
    /// own its members.
    static std::optional<TraceContext> parse(std::string_view traceparent, std::string_view tracestate = {});
    /// A trace of its own.
    static TraceContext begin(Random& random, bool is_sampled);
    /// A part of the same trace.
    TraceContext child(Random& random) const;

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`
    std::string traceparent() const;
    /// The two as header lines, each with its CR LF.
    std::string fields() const;
    std::string trace_hex() const;
    std::string span_hex() const;
};

}  // namespace carillon
