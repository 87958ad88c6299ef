#pragma once

#include "base/device_id.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// Checks what a device calls a file: 1 to 1,024 bytes of UTF-8 without control characters, parts between
/// slashes that a directory can hold, and none of `.` and `..`, so that no name leaves the device's
/// directory. Fails with `argument_invalid`.
Result<> check_file_name(std::string_view name);

/// The directory of a device's files: its id, with `%` as `%25`, and `.` and `..` escaped as a whole.
std::string file_directory(const DeviceId& device);

}  // namespace carillon
