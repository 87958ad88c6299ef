#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon {

/// What the events of the log tell of.
enum class EventSource : std::uint8_t {
    device_messages,   ///< What devices send.
    twin_changes,      ///< A twin was patched, replaced or reported to.
    device_lifecycle,  ///< An identity was created or deleted.
    connection_state,  ///< A device or module connected or disconnected.
    job_lifecycle,     ///< A device of a job has ended, or the job.
};

/// `DeviceMessages`, `TwinChangeEvents` …: as routes name it. Source: Azure Resource Manager,
/// Microsoft.Devices/IotHubs, RoutingSource.
std::string_view event_source_text(EventSource source);
/// In any case.
std::optional<EventSource> find_event_source(std::string_view text);
/// `twinChangeEvents` …: the value of `iothub-message-source`; `Telemetry` of device messages.
std::string_view message_source_text(EventSource source);

/// Several of them.
class EventSources {
public:
    constexpr EventSources() = default;
    constexpr explicit EventSources(std::uint8_t bits) : bits_(bits) {}
    constexpr void add(EventSource source) { bits_ = static_cast<std::uint8_t>(bits_ | bit(source)); }
    constexpr bool has(EventSource source) const { return (bits_ & bit(source)) != 0; }
    constexpr std::uint8_t bits() const { return bits_; }

private:
    static constexpr std::uint8_t bit(EventSource source) {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(source));
    }
    std::uint8_t bits_ = 0;
};

}  // namespace carillon
