#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::mqtt {

/// The properties of a device-to-cloud message, from its topic. All texts are UTF-8.
struct PropertyBag {
    /// System properties under their names at the event endpoint (`message-id`, `to` …).
    std::vector<std::pair<std::string, std::string>> system;
    /// Application properties in the order sent; a key without `=` has no value.
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;

    std::size_t bytes() const;  ///< Of all names and values, for the size limit of messages.
};

/// Properties in one bag. Ours: keeps what a 64 KB topic of empty properties costs within bounds.
inline constexpr std::size_t properties_max = 1024;

/// Reads `name=value` pairs between `&`, after one `?` and before one `/` that are no part of it.
/// `%XX` is decoded, a plus stays a plus; what does not decode to UTF-8 stays as it was sent, since
/// azure-iot-sdk-c does not encode. `$.x` names may be spelled `%24.x`; unknown ones are dropped,
/// as are `iothub-connection-…`, which only the hub says. Of a repeated name the first counts.
/// Fails with `malformed_packet` beyond `properties_max`.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", sending
/// device-to-cloud messages; iotedge: SystemProperties.cs.
Result<PropertyBag> parse_property_bag(std::string_view bag);

}  // namespace carillon::mqtt
