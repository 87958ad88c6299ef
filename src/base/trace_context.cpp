#include "base/trace_context.hpp"

#include "base/random.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace carillon {
namespace {

constexpr std::size_t traceparent_chars = 55;

/// A digit of a trace context, which is in lower case; 255 for anything else.
std::uint8_t digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    return 255;
}

template <std::size_t size>
bool read_hex(std::string_view text, std::array<std::uint8_t, size>& bytes) {
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint8_t high = digit(text[2 * i]);
        const std::uint8_t low = digit(text[2 * i + 1]);
        if (high > 15 || low > 15) return false;
        bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

template <std::size_t size>
bool is_zero(const std::array<std::uint8_t, size>& bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// Visible ASCII, blanks and tabs; a line break would be a header line of the peer's own.
bool is_state(std::string_view text) {
    return text.size() <= TraceContext::state_bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

template <std::size_t size>
std::string hex_of(const std::array<std::uint8_t, size>& bytes) {
    return hex_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text, std::string_view tracestate) {
    std::array<std::uint8_t, 1> version{};
    std::array<std::uint8_t, 1> flags{};
    TraceContext context;
    if (text.size() < traceparent_chars || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    const bool is_read = read_hex(text, version) && read_hex(text.substr(3), context.trace_id) &&
                         read_hex(text.substr(36), context.span_id) && read_hex(text.substr(53), flags);
    if (!is_read || version[0] == 0xff) return std::nullopt;
    // A later version may be longer, behind a dash.
    const bool is_longer = text.size() > traceparent_chars;
    if (is_longer && (version[0] == 0 || text[traceparent_chars] != '-')) return std::nullopt;
    if (is_zero(context.trace_id) || is_zero(context.span_id)) return std::nullopt;
    context.is_sampled = (flags[0] & 1) != 0;
    if (is_state(tracestate)) context.state = tracestate;
    return context;
}

TraceContext TraceContext::begin(Random& random, bool is_sampled) {
    TraceContext context;
    context.is_sampled = is_sampled;
    while (is_zero(context.trace_id)) random.fill(context.trace_id);
    while (is_zero(context.span_id)) random.fill(context.span_id);
    return context;
}

TraceContext TraceContext::child(Random& random) const {
    TraceContext context = *this;
    context.span_id = {};
    while (is_zero(context.span_id)) random.fill(context.span_id);
    return context;
}

std::string TraceContext::trace_hex() const {
    return hex_of(trace_id);
}

std::string TraceContext::span_hex() const {
    return hex_of(span_id);
}

std::string TraceContext::fields() const {
    std::string lines = "traceparent: " + traceparent() + "\r\n";
    if (!state.empty()) lines += "tracestate: " + state + "\r\n";
    return lines;
}

std::string TraceContext::traceparent() const {
    return "00-" + trace_hex() + '-' + span_hex() + (is_sampled ? "-01" : "-00");
}

}  // namespace carillon
