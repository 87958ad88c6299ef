#pragma once

#include "base/result.hpp"
#include "carillon/service_message.hpp"
#include "https_connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon {

// Messages as requests and answers carry them.

/// The request that sends `message` to `path`. Fails with `argument_invalid` for what cannot be a header
/// field.
Result<HttpRequest> send_request(const std::string& path, const ServiceMessage& message);
/// The request that settles what `lock` locks under `path`.
HttpRequest settle_request(const std::string& path, std::string_view lock, MessageSettlement how);
/// The message of an answer.
ReceivedServiceMessage read_received(HttpAnswer answer);
/// The notification of an uploaded file in an answer. Fails with `malformed_packet`.
Result<std::optional<ServiceFileNotification>> read_file_notification(HttpAnswer answer);
/// An `ETag` without its quotes.
std::string lock_of(const HttpAnswer& answer);

}  // namespace carillon
