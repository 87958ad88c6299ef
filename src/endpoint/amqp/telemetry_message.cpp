#include "endpoint/amqp/telemetry_message.hpp"

#include "base/text.hpp"
#include "endpoint/amqp/value_text.hpp"
#include "model/message.hpp"
#include "wire/amqp/message.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace carillon::amqp {

namespace {

constexpr std::string_view stamped_prefix = "iothub-connection-";

/// Application properties and annotations that are system properties at the event endpoint.
constexpr std::string_view system_names[] = {
    "iothub-outputname",     "iothub-interface-id", "dt-subject",         "iothub-creation-time-utc",
    "iothub-message-schema", "Diagnostic-Id",       "Correlation-Context"};

bool is_system_name(std::string_view name) {
    return std::find(std::begin(system_names), std::end(system_names), name) != std::end(system_names);
}

void read_system(const Properties& from, std::vector<std::pair<std::string, std::string>>& into) {
    const auto add = [&into](const char* name, std::optional<std::string> value) {
        if (value && !value->empty()) into.emplace_back(name, *std::move(value));
    };
    add("message-id", value_text(from.message_id));
    add("correlation-id", value_text(from.correlation_id));
    if (is_utf8(as_text(from.user_id))) add("user-id", std::string(as_text(from.user_id)));
    add("to", std::string(from.to));
    if (from.absolute_expiry_ms) add("absolute-expiry-time", iso_text(*from.absolute_expiry_ms));
    add("content-type", std::string(from.content_type));
    add("content-encoding", std::string(from.content_encoding));
}

Result<TelemetryMessage> read_message(const MessageView& view) {
    TelemetryMessage read;
    read_system(view.properties, read.message.system);
    Reader annotations(view.message_annotations);
    while (view.message_annotations.type == Type::map && annotations.more()) {
        const auto name = annotations.value().as_text();
        auto value = value_text(annotations.value());
        if (name && value && is_system_name(*name))
            read.message.system.emplace_back(*name, *std::move(value));
    }
    Reader properties(view.application_properties);
    while (view.application_properties.type == Type::map && properties.more()) {
        const auto name = properties.value().as_text();
        auto value = value_text(properties.value());
        if (!name || name->starts_with(stamped_prefix)) continue;
        if (is_system_name(*name)) {
            if (value) read.message.system.emplace_back(*name, *std::move(value));
            continue;
        }
        if (read.message.properties.size() >= properties_max) {
            return fail(Errc::argument_invalid, "A message has at most 1024 properties.");
        }
        read.message.properties.emplace_back(*name, std::move(value));
    }
    read.body = view.content();
    std::size_t bytes = read.body.size();
    for (const auto& [name, value] : read.message.system) bytes += name.size() + value.size();
    for (const auto& [name, value] : read.message.properties)
        bytes += name.size() + (value ? value->size() : 0);
    if (bytes > MessageLimits::d2c_bytes_max) {
        return fail(Errc::message_too_large, "A message is at most 256 KB with its properties.");
    }
    return read;
}

}  // namespace

Result<std::vector<TelemetryMessage>> read_telemetry(const Delivery& delivery) {
    constexpr const char* malformed = "The message is malformed.";
    std::vector<TelemetryMessage> messages;
    const auto view = decode_message(delivery.message);
    if (!view) return fail(Errc::iot_hub_format_error, malformed);
    if (delivery.format != batch_format) {
        auto message = read_message(*view);
        if (!message) return fail(std::move(message).error());
        messages.push_back(*std::move(message));
        return messages;
    }
    BatchReader batch(*view);
    for (;;) {
        const auto next = batch.next();
        if (!next) return fail(Errc::iot_hub_format_error, malformed);
        if (!*next) break;
        if (messages.size() == batch_messages_max) {
            return fail(Errc::argument_invalid, "A batch has at most 4096 messages.");
        }
        auto message = read_message(**next);
        if (!message) return fail(std::move(message).error());
        messages.push_back(*std::move(message));
    }
    if (messages.empty()) return fail(Errc::iot_hub_format_error, "The batch holds no message.");
    return messages;
}

}  // namespace carillon::amqp
