#pragma once

#include "base/result.hpp"
#include "carillon/device_options.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace carillon {

/// The next bytes of a file, at most `bytes_max`; none at its end. What it fails with ends the upload.
using FileSource = std::function<Result<std::string>(std::size_t bytes_max)>;

/// Uploads a file of a device: asks the hub for an address, sends the file there in blocks, and tells the hub
/// how that ended. Blocks; holds one block of 4 MiB. Works with Carillon and with Azure IoT Hub. Of `options`
/// it reads `connection_string`, with a key or a signature, `ca_file` and `address`, and `port` if its
/// transport is `mqtt_websocket`, which shares it. Fails with `argument_invalid` (also for a device that
/// proves itself by certificate), `iot_hub_quota_exceeded`, and as `ServiceClient` does. Source: IoT Hub
/// docs, "Upload files with IoT Hub"; Azure Storage docs, "Put Block".
Result<> upload_file(const DeviceOptions& options, std::string_view name, const FileSource& source);
/// The same of a file on disk. Fails with `not_found_locally` as well.
Result<> upload_file(const DeviceOptions& options, std::string_view name, const std::string& path);

}  // namespace carillon
