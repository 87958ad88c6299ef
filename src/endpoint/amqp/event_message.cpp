#include "endpoint/amqp/event_message.hpp"

#include "base/text.hpp"
#include "model/event_source.hpp"
#include "model/message_parts.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <algorithm>

namespace carillon::amqp {

namespace {

/// As a client expects it: what never was is the beginning of the year 1, as .NET has it; clients take 1970
/// for that.
std::int64_t stamp_ms(WallTime time) {
    return time == WallTime() ? 0 : time.unix_ms();
}

/// System properties that are fields of the properties section; all others are annotations.
constexpr std::string_view field_names[] = {
    "message-id",       "correlation-id",      "user-id", "to", "content-type",
    "content-encoding", "absolute-expiry-time"};

bool is_field(std::string_view name) {
    return std::find(std::begin(field_names), std::end(field_names), name) != std::end(field_names);
}

void append_text(std::string& out, std::string_view text) {
    // A device's text may be no UTF-8, which a string of AMQP must be.
    if (is_utf8(text)) {
        append_string(out, text);
    } else {
        append_binary(out, as_bytes(text));
    }
}

/// Where the hub has an event from. Devices cannot set it.
std::string_view source_of(const MessageParts& message) {
    for (const auto& [name, value] : message.system) {
        if (name == "iothub-message-source") return value;
    }
    return message_source_text(EventSource::device_messages);
}

void append_annotations(std::string& out, const MessageParts& message, std::uint64_t sequence) {
    MapWriter map(out, descriptor::message_annotations);
    if (!message.device_id.empty()) {
        append_string(map.symbol_key("iothub-connection-device-id"), message.device_id);
    }
    if (!message.module_id.empty()) {
        append_string(map.symbol_key("iothub-connection-module-id"), message.module_id);
    }
    // Events of the hub itself have neither.
    if (!message.auth_method.empty()) {
        append_string(map.symbol_key("iothub-connection-auth-method"), message.auth_method);
        append_string(map.symbol_key("iothub-connection-auth-generation-id"), message.generation_id);
    }
    append_timestamp(map.symbol_key("iothub-enqueuedtime"), stamp_ms(message.enqueued));
    append_string(map.symbol_key("iothub-message-source"), source_of(message));
    for (const auto& [name, value] : message.system) {
        if (!is_field(name) && name != "iothub-message-source") append_text(map.symbol_key(name), value);
    }
    append_long(map.symbol_key("x-opt-sequence-number"), static_cast<std::int64_t>(sequence));
    append_string(map.symbol_key("x-opt-offset"), std::to_string(sequence));
    append_timestamp(map.symbol_key("x-opt-enqueued-time"), stamp_ms(message.enqueued));
}

void append_fields(std::string& out, const MessageParts& message) {
    if (message.system.empty()) return;
    std::string message_id;
    std::string correlation_id;
    Properties properties;
    for (const auto& [name, value] : message.system) {
        if (!is_field(name)) continue;
        if (name == "user-id") properties.user_id = as_bytes(value);
        if (!is_utf8(value)) continue;
        if (name == "message-id" && message_id.empty()) append_string(message_id, value);
        if (name == "correlation-id" && correlation_id.empty()) append_string(correlation_id, value);
        if (name == "to") properties.to = value;
        if (name == "content-type") properties.content_type = value;
        if (name == "content-encoding") properties.content_encoding = value;
        if (name == "absolute-expiry-time") {
            if (const auto time = parse_iso8601(value)) properties.absolute_expiry_ms = stamp_ms(*time);
        }
    }
    if (!message_id.empty()) properties.message_id = encoded_value(as_bytes(message_id));
    if (!correlation_id.empty()) properties.correlation_id = encoded_value(as_bytes(correlation_id));
    append_properties(out, properties);
}

void append_own_properties(std::string& out, const MessageParts& message) {
    if (message.properties.empty()) return;
    MapWriter map(out, descriptor::application_properties);
    for (const auto& [name, value] : message.properties) {
        // A key is a string; one that is none has no place in a map of AMQP.
        std::string& at = map.string_key(is_utf8(name) ? name : base64_encode(name));
        if (value) {
            append_text(at, *value);
        } else {
            append_null(at);
        }
    }
}

/// Properties of an answer, and its status.
void begin_answer(std::string& out, const Value& message_id, int status, std::string_view description,
                  std::string_view condition) {
    Properties properties;
    properties.correlation_id = message_id;
    append_properties(out, properties);
    MapWriter map(out, descriptor::application_properties);
    append_int(map.string_key("status-code"), status);
    append_string(map.string_key("status-description"), description);
    if (!condition.empty()) append_symbol(map.string_key("error-condition"), condition);
}

/// An array of strings of at most 255 bytes each. AMQP 1.0 §1.6.24
void append_string_array(std::string& out, std::uint32_t count) {
    std::string items;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::string text = std::to_string(i);
        items += static_cast<char>(text.size());
        items += text;
    }
    constexpr char array32 = '\xF0';
    constexpr char str8 = '\xA1';
    const auto append_be32 = [&out](std::size_t number) {
        for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xFF);
    };
    out += array32;
    append_be32(items.size() + 5);  // The count and the constructor are within.
    append_be32(count);
    out += str8;
    out += items;
}

}  // namespace

Result<> append_event(std::string& out, const EventPiece::Event& event,
                      const std::optional<RuntimeMetrics>& metrics) {
    const auto message = read_message_parts(event.stored);
    if (!message) return fail(message.error());
    if (metrics) {
        const auto last = static_cast<std::int64_t>(metrics->extent.next) - 1;
        MapWriter map(out, descriptor::delivery_annotations);
        append_long(map.symbol_key("last_enqueued_sequence_number"), last);
        append_string(map.symbol_key("last_enqueued_offset"), std::to_string(last));
        append_timestamp(map.symbol_key("last_enqueued_time_utc"), stamp_ms(metrics->extent.last_enqueued));
        append_timestamp(map.symbol_key("runtime_info_retrieval_time_utc"), stamp_ms(metrics->now));
    }
    append_annotations(out, *message, event.sequence);
    append_fields(out, *message);
    append_own_properties(out, *message);
    append_data(out, as_bytes(message->body));
    return {};
}

ManagementRequest parse_management_request(const MessageView& message) {
    const auto text = [&message](std::string_view key) {
        return find_in_map(message.application_properties, key).as_text().value_or(std::string_view());
    };
    ManagementRequest request;
    request.message_id = message.properties.message_id;
    request.reply_to = message.properties.reply_to;
    request.operation = text("operation");
    request.type = text("type");
    request.name = text("name");
    request.partition = text("partition");
    return request;
}

void append_entity_answer(std::string& out, const Value& message_id, const EntityFacts& facts) {
    begin_answer(out, message_id, 200, "OK", {});
    append_value_section(out);
    MapWriter map(out);
    append_string(map.string_key("name"), facts.name);
    append_string(map.string_key("type"), "com.microsoft:eventhub");
    append_timestamp(map.string_key("created_at"), stamp_ms(facts.created));
    append_int(map.string_key("partition_count"), static_cast<std::int32_t>(facts.partition_count));
    append_string_array(map.string_key("partition_ids"), facts.partition_count);
    append_int(map.string_key("georeplication_factor"), 1);
}

void append_partition_answer(std::string& out, const Value& message_id, std::string_view entity,
                             std::uint32_t partition, const PartitionExtent& extent) {
    begin_answer(out, message_id, 200, "OK", {});
    append_value_section(out);
    const auto last = static_cast<std::int64_t>(extent.next) - 1;
    MapWriter map(out);
    append_string(map.string_key("name"), entity);
    append_string(map.string_key("type"), "com.microsoft:partition");
    append_string(map.string_key("partition"), std::to_string(partition));
    append_long(map.string_key("begin_sequence_number"), static_cast<std::int64_t>(extent.first));
    append_long(map.string_key("last_enqueued_sequence_number"), last);
    append_string(map.string_key("last_enqueued_offset"), std::to_string(last));
    append_timestamp(map.string_key("last_enqueued_time_utc"), stamp_ms(extent.last_enqueued));
    append_bool(map.string_key("is_partition_empty"), extent.is_empty());
    append_int(map.string_key("begin_sequence_number_epoch"), -1);
    append_int(map.string_key("last_enqueued_sequence_number_epoch"), -1);
}

void append_management_failure(std::string& out, const Value& message_id, int status,
                               std::string_view condition, std::string_view description) {
    begin_answer(out, message_id, status, description, condition);
    append_value_section(out);
    append_null(out);
}

}  // namespace carillon::amqp
