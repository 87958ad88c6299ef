#include "endpoint/device/device_span.hpp"

#include "base/device_id.hpp"
#include "endpoint/device/device_message.hpp"

#include <string>
#include <utility>

namespace carillon::device {

struct DeviceSpan::Open {
    SpanSink& sink;
    const Clock& clock;
    TimePoint began;
    Span span;
};

void DeviceSpan::OpenFree::operator()(Open* open) const {
    delete open;  // NOLINT(cppcoreguidelines-owning-memory): what `open_` owns.
}

DeviceSpan::DeviceSpan(SpanSink* sink, const Clock& clock, const IdentityKey& key, const What& what,
                       const std::optional<TraceContext>& parent) {
    if (sink == nullptr) return;
    TraceContext context = sink->continue_from(parent);
    if (!context.is_sampled) return;
    open_.reset(new Open{*sink, clock, clock.now(), {}});
    Span& span = open_->span;
    span.context = std::move(context);
    span.parent = parent;
    span.name = what.name;
    span.kind = what.kind;
    span.began = clock.wall_now();
    span.texts.emplace_back("carillon.identity", key.path());
    if (!what.protocol.empty()) span.texts.emplace_back("network.protocol.name", what.protocol);
}

void DeviceSpan::add(std::string_view name, std::int64_t value) {
    if (open_) open_->span.numbers.emplace_back(name, value);
}

void DeviceSpan::ended(bool has_failed) {
    if (!open_) return;
    open_->span.took = open_->clock.now() - open_->began;
    open_->span.has_failed = has_failed;
    open_->sink.ended(std::move(open_->span));
    open_.reset();
}

std::optional<TraceContext> trace_of(const DeviceMessage& message) {
    std::string_view parent;
    std::string_view state;
    for (const auto& [name, value] : message.properties) {
        if (name == "traceparent" && value) parent = *value;
        if (name == "tracestate" && value) state = *value;
    }
    return TraceContext::parse(parent, state);
}

}  // namespace carillon::device
