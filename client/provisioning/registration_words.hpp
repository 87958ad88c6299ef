#pragma once

#include <string_view>

namespace carillon {

/// As azure-iot-sdk-c names it, over every protocol.
inline constexpr std::string_view registration_api_version = "2021-06-01";

}  // namespace carillon
