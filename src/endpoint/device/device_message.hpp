#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "endpoint/device/authentication.hpp"
#include "model/message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {
struct Record;
}

namespace carillon::device {

/// A device-to-cloud message as its protocol read it.
struct DeviceMessage {
    /// Under their names at the event endpoint (`message-id`, `to` …).
    std::vector<std::pair<std::string, std::string>> system;
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;
    std::string_view body;
    /// Application properties that the protocol sets, whatever the device said. They do not count for the
    /// size limit, or a message that is sent again could be too large then.
    std::vector<std::pair<std::string, std::string>> stamps;
};

/// What the hub says of a sender; devices cannot.
struct Sender {
    const Record& record;
    AuthMethod method;
    std::string_view model_id;  ///< Empty if the device named none.
    WallTime now;
};

/// Makes the message that is kept. Fails with `message_too_large` beyond 256 KB of body and properties.
/// Source: IoT Hub docs, "Create and read IoT Hub messages".
Result<Message> make_message(DeviceMessage sent, const Sender& sender);

}  // namespace carillon::device
