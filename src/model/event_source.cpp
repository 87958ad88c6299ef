#include "model/event_source.hpp"

#include "base/text.hpp"

#include <array>

namespace carillon {

namespace {

struct Words {
    std::string_view route;    ///< Of a route's `source`.
    std::string_view message;  ///< Of a message's `iothub-message-source`.
};
/// By the number of the source.
constexpr std::array<Words, 5> words{{
    {"DeviceMessages", "Telemetry"},
    {"TwinChangeEvents", "twinChangeEvents"},
    {"DeviceLifecycleEvents", "deviceLifecycleEvents"},
    {"DeviceConnectionStateEvents", "deviceConnectionStateEvents"},
    {"DeviceJobLifecycleEvents", "deviceJobLifecycleEvents"},
}};

}  // namespace

std::string_view event_source_text(EventSource source) {
    return words[static_cast<std::size_t>(source)].route;
}

std::optional<EventSource> find_event_source(std::string_view text) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (equals_ignoring_case(words[i].route, text)) return static_cast<EventSource>(i);
    }
    return std::nullopt;
}

std::string_view message_source_text(EventSource source) {
    return words[static_cast<std::size_t>(source)].message;
}

}  // namespace carillon
