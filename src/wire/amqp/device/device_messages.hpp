#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/amqp/hub_messages.hpp"
#include "wire/amqp/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::amqp {

// The device's side of the messages on the hub's links: requests that are written and answers that are read.
// `hub_messages.hpp` is the hub's side and names the sources.

/// Appends a put-token of a shared access signature.
void append_put_token(std::string& out, std::string_view message_id, std::string_view audience,
                      std::string_view token);
struct CbsAnswer {
    int status = 0;
    std::string description;
};
/// Fails with `malformed_packet` if there is no status.
Result<CbsAnswer> parse_cbs_answer(const MessageView& message);

using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// A message of a device, or one for it: system properties under the names that they have at the event
/// endpoint (`message-id`, `content-type` …).
struct DeviceMessage {
    TextPairs system;
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;
    std::string body;
};
void append_telemetry(std::string& out, const DeviceMessage& message);
/// A cloud-to-device message; `iothub-ack` is among its system properties.
DeviceMessage read_cloud_message_of(const MessageView& message);

/// `correlation` comes back with the answer. `version`: the reported version that a patch expects.
void append_twin_request(std::string& out, std::string_view correlation, TwinOperation operation,
                         std::optional<std::int64_t> version, std::string_view body);
/// An answer to a request, or a change of desired properties.
struct TwinNews {
    std::string correlation;  ///< Of an answer.
    bool is_desired = false;
    int status = 0;
    std::optional<std::int64_t> version;
    std::string body;
};
/// Fails with `malformed_packet`: neither.
Result<TwinNews> parse_twin_news(const MessageView& message);

struct MethodCall {
    std::string correlation;  ///< As encoded.
    std::string name;
    std::string payload;
};
/// Fails with `malformed_packet` without an id or a name.
Result<MethodCall> parse_method_call(const MessageView& message);
void append_method_answer(std::string& out, std::string_view correlation, int status,
                          std::string_view payload);

}  // namespace carillon::amqp
