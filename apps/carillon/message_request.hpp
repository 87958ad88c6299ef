#pragma once

#include "base/result.hpp"
#include "carillon/service_message.hpp"

#include <string>

namespace CLI {
class App;
}

namespace carillon {

/// A message as the command line describes it.
struct MessageOrder {
    ServiceMessage message;
    std::string data;
    std::string data_file;
    std::string properties;  ///< `name=value;name=value`
};

/// The flags of what any message holds, and of one to a device, in the words of `az iot device c2d-message
/// send`.
void add_content_flags(CLI::App& command, MessageOrder& order);
void add_message_flags(CLI::App& command, MessageOrder& order);

/// The message to send. Fails with `config_invalid`, `not_found_locally`.
Result<ServiceMessage> read_message_order(const MessageOrder& order);
/// An expiry as ISO 8601: given so, or as milliseconds since 1970. Fails with `config_invalid`.
Result<std::string> expiry_argument(const std::string& text);
/// `name=value` pairs between `;`. Fails with `config_invalid`.
Result<std::vector<std::pair<std::string, std::string>>> properties_argument(const std::string& text);

/// A received message as a document, in the form of `az iot device c2d-message receive`.
std::string message_json(const ReceivedServiceMessage& received);

}  // namespace carillon
