#pragma once

#include "base/result.hpp"
#include "endpoint/mqtt/authentication.hpp"
#include "model/message.hpp"
#include "wire/mqtt/session.hpp"

#include <string>
#include <string_view>

namespace carillon {
struct Record;
}

namespace carillon::mqtt {

/// What the hub says of a sender; devices cannot.
struct Sender {
    const Record& record;
    AuthMethod method;
    std::string_view model_id;  ///< Empty if the device named none.
    WallTime now;
};

/// Makes the message of a PUBLISH. Fails with `malformed_packet` if it has too many properties, and
/// with `message_too_large` beyond 256 KB of body and properties.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", sending
/// device-to-cloud messages: `mqtt-dup`, `mqtt-retain`.
Result<Message> make_message(const TelemetryPublish& publish, const Sender& sender);

/// Makes the message of a will: the same with the property `iothub-MessageType` = `Will`.
Result<Message> make_will_message(const StoredWill& will, const Sender& sender);

}  // namespace carillon::mqtt
