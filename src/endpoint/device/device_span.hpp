#pragma once

#include "base/spans.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace carillon {
struct IdentityKey;
}

namespace carillon::device {

struct DeviceMessage;

/// What a device asked for, or was asked for, as a span; nothing, in 8 bytes, where none is kept. One that
/// does not come to an end is not sent.
class DeviceSpan {
public:
    struct What {
        std::string_view name;      ///< Few there are; no peer chooses them.
        std::string_view protocol;  ///< Empty if the hub asks.
        Span::Kind kind = Span::Kind::server;
    };

    DeviceSpan() = default;
    /// A part of `parent`, or a trace of its own. `sink` may be null; it and `clock` outlive this.
    DeviceSpan(SpanSink* sink, const Clock& clock, const IdentityKey& key, const What& what,
               const std::optional<TraceContext>& parent = std::nullopt);

    explicit operator bool() const { return open_ != nullptr; }
    /// These do nothing where none is kept. `name` is a literal.
    void add(std::string_view name, std::int64_t value);
    void ended(bool has_failed);

private:
    struct Open;
    struct OpenFree {
        void operator()(Open* open) const;
    };
    std::unique_ptr<Open, OpenFree> open_;
};

/// The trace that a message names in its properties `traceparent` and `tracestate`.
/// Source: W3C, "Trace Context: AMQP protocol" and "MQTT protocol" (drafts), which name the properties so.
std::optional<TraceContext> trace_of(const DeviceMessage& message);

}  // namespace carillon::device
