#pragma once

#include "base/result.hpp"
#include "endpoint/rest/http/http_message.hpp"
#include "model/cloud_message.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::rest {

/// The properties of a message as they stand in header fields, or in the `properties` of a message of a
/// batch.
struct MessageFields {
    /// Under their names over AMQP (`message-id`, `to` …), with `iothub-ack` and `absolute-expiry-time`.
    std::vector<std::pair<std::string, std::string>> system;
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;

    /// Properties of one message. Ours: a header has no more.
    static constexpr std::size_t properties_max = 100;

    /// Notes a field if it is one of a message's: `iothub-app-NAME`, `iothub-messageid` …, `dt-subject`. Of
    /// two of one name the first counts. Fails with `argument_invalid` for what is not UTF-8 or one property
    /// too many. Source: azure-iot-device-http: http.js; azure-iot-sdk-c: iothubtransporthttp.c.
    Result<> take(std::string_view name, std::string_view value);
    /// Takes a system property out; nothing if there is none.
    std::optional<std::string> remove(std::string_view name);
};

/// All fields of a request's header. Fails as `take`.
Result<MessageFields> read_message_fields(std::span<const HttpField> header);

/// Adds the header fields of a message that is given to a device. An application property whose name or value
/// cannot be a field's is left out.
void add_message_fields(HttpResponse& response, const CloudMessage& message);

}  // namespace carillon::rest
