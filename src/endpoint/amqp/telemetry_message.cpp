#include "endpoint/amqp/telemetry_message.hpp"

#include "base/text.hpp"
#include "model/message.hpp"
#include "wire/amqp/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
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

std::string iso_of(std::int64_t unix_ms) {
    constexpr std::int64_t ticks_per_ms = 10'000;
    return to_iso8601({WallTime::from_unix_s(0).ticks + unix_ms * ticks_per_ms});
}

std::string uuid_text(Bytes uuid) {
    const std::string hex = hex_encode(as_text(uuid));
    return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) +
           "-" + hex.substr(20);
}

std::uint64_t big_endian(Bytes bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
}

/// A simple value as text; nothing for null, and for what has no text.
std::optional<std::string> text_of(const Value& value) {
    if (const auto text = value.as_text()) return std::string(*text);
    if (const auto flag = value.as_bool()) return *flag ? "true" : "false";
    if (const auto number = value.as_u64()) return std::to_string(*number);
    if (const auto number = value.as_i64()) return std::to_string(*number);
    if (const auto time = value.as_timestamp()) return iso_of(*time);
    if (const auto uuid = value.as_uuid()) return uuid_text(*uuid);
    if (const auto bytes = value.as_binary()) {
        return is_utf8(as_text(*bytes)) ? std::string(as_text(*bytes)) : base64_encode(as_text(*bytes));
    }
    if (value.type == Type::float_number && value.body.size() == 4) {
        return fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(value.body))));
    }
    if (value.type == Type::double_number && value.body.size() == 8) {
        return fmt::format("{}", std::bit_cast<double>(big_endian(value.body)));
    }
    return std::nullopt;
}

void read_system(const Properties& from, std::vector<std::pair<std::string, std::string>>& into) {
    const auto add = [&into](const char* name, std::optional<std::string> value) {
        if (value && !value->empty()) into.emplace_back(name, *std::move(value));
    };
    add("message-id", text_of(from.message_id));
    add("correlation-id", text_of(from.correlation_id));
    if (is_utf8(as_text(from.user_id))) add("user-id", std::string(as_text(from.user_id)));
    add("to", std::string(from.to));
    if (from.absolute_expiry_ms) add("absolute-expiry-time", iso_of(*from.absolute_expiry_ms));
    add("content-type", std::string(from.content_type));
    add("content-encoding", std::string(from.content_encoding));
}

Result<TelemetryMessage> read_message(const MessageView& view) {
    TelemetryMessage read;
    read_system(view.properties, read.message.system);
    Reader annotations(view.message_annotations);
    while (view.message_annotations.type == Type::map && annotations.more()) {
        const auto name = annotations.value().as_text();
        auto value = text_of(annotations.value());
        if (name && value && is_system_name(*name))
            read.message.system.emplace_back(*name, *std::move(value));
    }
    Reader properties(view.application_properties);
    while (view.application_properties.type == Type::map && properties.more()) {
        const auto name = properties.value().as_text();
        auto value = text_of(properties.value());
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
