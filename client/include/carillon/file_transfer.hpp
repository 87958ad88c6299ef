#pragma once

#include "base/result.hpp"
#include "carillon/device_options.hpp"
#include "carillon/service_client.hpp"
#include "carillon/service_message.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// The next bytes of a file, at most `bytes_max`; none at its end. What it fails with ends the upload.
using FileSource = std::function<Result<std::string>(std::size_t bytes_max)>;

/// Uploads a file of a device: asks the hub for an address, sends the file there in blocks, and tells the hub
/// how that ended. Blocks; holds one block of 4 MiB. Works with Carillon and with Azure IoT Hub. Of `options`
/// it reads `connection_string`, with a key or a signature, `ca_file` and `address`, and `port` if its transport
/// is `mqtt_websocket`, which shares it. Fails with `argument_invalid` (also for a device that proves itself by
/// certificate), `iot_hub_quota_exceeded`, and as `ServiceClient` does. Source: IoT Hub docs, "Upload files with IoT Hub"; Azure Storage docs, "Put Block".
Result<> upload_file(const DeviceOptions& options, std::string_view name, const FileSource& source);
/// The same of a file on disk. Fails with `not_found_locally` as well.
Result<> upload_file(const DeviceOptions& options, std::string_view name, const std::string& path);

/// The notification that a back end receives for a file that a device has uploaded.
struct ReceivedFileNotification {
    std::string lock{};
    std::string device_id{};
    std::string blob_uri{};
    std::string blob_name{};     ///< With the device's id in front.
    std::string last_updated{};  ///< ISO 8601, as is the next.
    std::string enqueued{};
    std::int64_t bytes = 0;
};

/// Receives notifications of uploaded files over HTTPS, at Carillon; Azure IoT Hub gives them over AMQP only.
/// Blocks; movable; used by one thread at a time; keeps its connection between calls. Fails as
/// `ServiceClient`.
class FileNotificationReceiver {
public:
    /// Connects to nothing yet. Of `options` it reads the connection string, `ca_file`, `address`, `port` and
    /// the timeouts.
    static Result<FileNotificationReceiver> open(const ServiceOptions& options);

    FileNotificationReceiver(FileNotificationReceiver&&) noexcept;
    FileNotificationReceiver& operator=(FileNotificationReceiver&&) noexcept;
    ~FileNotificationReceiver();

    /// The oldest notification that nobody works on, locked for a minute; nothing if there is none.
    Result<std::optional<ReceivedFileNotification>> receive();
    /// Ends its lock: it goes, or with `abandon` it comes again. Fails with `device_message_lock_lost`.
    Result<> settle(std::string_view lock, MessageSettlement how);

private:
    struct Impl;
    explicit FileNotificationReceiver(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
