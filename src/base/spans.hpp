#pragma once

#include "base/clock.hpp"
#include "base/trace_context.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Something that took time, as a part of a trace. Source: OpenTelemetry, "Trace API", Span.
struct Span {
    enum class Kind : std::uint8_t { internal = 1, server = 2, client = 3 };

    TraceContext context;
    std::optional<TraceContext> parent;  ///< Of the same trace.
    std::string name;
    Kind kind = Kind::internal;
    WallTime began;
    Duration took{};
    bool has_failed = false;
    std::vector<std::pair<std::string_view, std::string>> texts;  ///< Names are literals.
    std::vector<std::pair<std::string_view, std::int64_t>> numbers;
};

/// Where spans go when they have ended, and who decides which are kept. Any thread; never waits.
class SpanSink {
public:
    virtual ~SpanSink() = default;
    /// What a request belongs to: a part of the caller's trace, or one of its own.
    virtual TraceContext continue_from(const std::optional<TraceContext>& caller) = 0;
    /// One that is not sampled is passed over.
    virtual void ended(Span span) = 0;
    /// Gives the span of something that goes on without its caller, such as a job, once that has ended; a
    /// span that is not sampled if there will be none.
    using Look = std::function<std::optional<Span>()>;
    /// Asks about once a second, on a thread of its own, until there is a span. So many at once as the sink
    /// says; one beyond them is lost.
    virtual void follow(Look look) = 0;
};

}  // namespace carillon
