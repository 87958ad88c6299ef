#pragma once

#include "base/result.hpp"
#include "carillon/device_options.hpp"
#include "carillon/service_message.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace carillon {

/// Cloud-to-device messages of one device, asked for over HTTPS and settled as its program decides, when it
/// decides. `DeviceClient` gets them at once, and settles each by what its handler returns; over MQTT a
/// device can only complete a message, or leave it for its next connection. Both take from the same queue.
/// Works with Carillon and with Azure IoT Hub.
///
/// Blocks; movable; used by one thread at a time; keeps its connection between calls. Fails as
/// `ServiceClient`. Source: IoT Hub docs, "Device - Receive Device Bound Notification" and its siblings.
class DeviceInbox {
public:
    static constexpr std::chrono::seconds lock_default{60};

    /// Connects to nothing yet. Of `options` it reads `connection_string`, with a key or a signature,
    /// `ca_file` and `address`, and `port` if its transport is `mqtt_websocket`, which shares it. Fails with
    /// `argument_invalid`, also for a module and for a device that proves itself by certificate.
    static Result<DeviceInbox> open(const DeviceOptions& options);

    DeviceInbox(DeviceInbox&&) noexcept;
    DeviceInbox& operator=(DeviceInbox&&) noexcept;
    ~DeviceInbox();

    /// The oldest message that nobody works on, locked for so long; nothing if there is none.
    Result<std::optional<ReceivedServiceMessage>> receive(std::chrono::seconds lock = lock_default);
    /// Settles a message: `complete` removes it, `reject` removes it and reports that in the sender's
    /// feedback, `abandon` makes it available again. Fails with `device_message_lock_lost`.
    Result<> settle(std::string_view lock, MessageSettlement how);

private:
    struct Impl;
    explicit DeviceInbox(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
