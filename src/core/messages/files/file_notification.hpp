#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// What back ends are told of a file that a device has uploaded. Source: IoT Hub docs, "Upload files with
/// IoT Hub", file upload notifications.
struct FileNotification {
    std::string device_id;
    std::string blob_uri;
    std::string blob_name;  ///< With the device's id in front.
    WallTime last_updated;
    std::uint64_t bytes = 0;
};

/// A notification as it waits: when it was enqueued, and the body that a back end receives.
struct StoredFileNotification {
    WallTime enqueued;
    std::string body;

    static std::string encode(const FileNotification& notification, WallTime enqueued);
    /// Fails with `store_corrupt`.
    static Result<StoredFileNotification> decode(std::string_view row);
};

}  // namespace carillon
