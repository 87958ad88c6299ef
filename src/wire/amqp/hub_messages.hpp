#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/amqp/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

// The messages of the hub's links: requests that are read and answers that are written. Texts point into the
// message.

// --- claims-based security -------------------------------------------------------------------------

/// A put-token.
struct PutToken {
    Value message_id;       ///< Null if the client gave none.
    std::string_view type;  ///< Such as `servicebus.windows.net:sastoken`.
    std::string_view name;  ///< The audience; a hint, since rights come from the token.
    std::string_view token;
    bool is_sas = false;  ///< Of a type that says a shared access signature, and not a bearer's token within.
};
/// Fails with `argument_invalid`: another operation, or no token.
/// Source: AMQP CBS 1.0; azure-iot-sdk-c: cbs.c; azure-iot-sdk-csharp: AmqpIotCbsTokenProvider.cs.
Result<PutToken> parse_put_token(const MessageView& message);
/// Appends the answer: an int as status, since azure-iot-sdk-java and -c take nothing else, and the request's
/// id as it came.
void append_cbs_response(std::string& out, const Value& message_id, std::int32_t status,
                         std::string_view description);

// --- twins -----------------------------------------------------------------------------------------

enum class TwinOperation : std::uint8_t { get, patch_reported, subscribe_desired, unsubscribe_desired };

struct TwinRequest {
    TwinOperation operation = TwinOperation::get;
    Value correlation_id;                 ///< A string or a uuid; null if there is none.
    std::optional<std::int64_t> version;  ///< The reported version that a patch expects.
    bool has_version = false;             ///< Though it may be no number.
    std::string body;
};
/// Fails with `argument_invalid`: an unknown operation or resource.
/// Source: azure-iot-sdk-c: iothubtransport_amqp_twin_messenger.c; azure-iot-sdk-node: amqp_twin_client.ts.
Result<TwinRequest> parse_twin_request(const MessageView& message);
/// Appends an answer; `version` is the reported version after a patch. The body is one data section, though
/// it be empty: azure-iot-sdk-csharp reads no other.
void append_twin_response(std::string& out, const Value& correlation_id, std::int32_t status,
                          std::optional<std::int64_t> version, std::string_view body);
/// Appends a notification of desired properties. Source: azure-iot-sdk-java: AmqpsTwinSenderHandler looks at
/// `resource`.
void append_desired_notification(std::string& out, std::int64_t version, std::string_view body);

// --- direct methods --------------------------------------------------------------------------------

/// A method's request carries the number of the request in a uuid, which is the only type that
/// azure-iot-sdk-c takes: version 4 in form, its last bytes the number.
void append_method_request(std::string& out, std::uint16_t request_id, std::string_view name,
                           std::string_view payload);

struct MethodResponse {
    std::uint16_t request_id = 0;  ///< 0: not a number of ours.
    int status = 0;
    std::string payload;
};
/// The correlation id may come back as a uuid or as its text. Fails with `argument_invalid` if there is no
/// status. Source: azure-iot-sdk-c: iothubtransportamqp_methods.c; azure-iot-sdk-node:
/// amqp_device_method_client.ts.
Result<MethodResponse> parse_method_response(const MessageView& message);

}  // namespace carillon::amqp
