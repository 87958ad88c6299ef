#pragma once

#include <string_view>

namespace carillon::mqtt {

// What the hub's `$iothub` topics and the filters for them begin with, for both ends of a connection.
// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol".

inline constexpr std::string_view methods_filter_prefix = "$iothub/methods/POST/";
inline constexpr std::string_view twin_res_filter_prefix = "$iothub/twin/res/";
inline constexpr std::string_view desired_filter_prefix = "$iothub/twin/PATCH/properties/desired/";

inline constexpr std::string_view method_res_topic_prefix = "$iothub/methods/res/";
inline constexpr std::string_view twin_get_topic = "$iothub/twin/GET";
inline constexpr std::string_view twin_patch_topic = "$iothub/twin/PATCH/properties/reported";

/// Takes `prefix` off the front of `text`. False, and nothing is taken, if it does not stand there.
inline bool consume(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace carillon::mqtt
