#include "core/events/event_json.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/event_source.hpp"
#include "model/message.hpp"

#include <algorithm>

namespace carillon {

namespace {

/// JSON text on one line: what ends a line in it stands between values, where a space means the same.
std::string on_one_line(std::string_view json) {
    std::string line(json);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return line;
}

/// Text for people: each character takes two bytes at most when it is escaped.
bool is_plain_text(std::string_view text) {
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
    };
    return std::none_of(text.begin(), text.end(), is_control) && is_utf8(text);
}

/// A text of a device's, which may be no UTF-8.
void append_text(JsonWriter& json, std::string_view text) {
    json.value(is_utf8(text) ? std::string(text) : base64_encode(text));
}

void append_body(JsonWriter& json, std::string_view body) {
    // Source of the depth: what JavaScript and the service's own tools read is deeper than any telemetry.
    if (const auto document = JsonDocument::parse(body)) {
        json.member("bodyFormat", "json").member_raw("body", on_one_line(document->root().raw()));
    } else if (is_plain_text(body)) {
        json.member("bodyFormat", "text").member("body", body);
    } else {
        json.member("bodyFormat", "base64").member("body", base64_encode(body));
    }
}

}  // namespace

std::string_view event_source(const Message& message) {
    // Devices cannot set it.
    for (const auto& [name, value] : message.system) {
        if (name == "iothub-message-source") return value;
    }
    return message_source_text(EventSource::device_messages);
}

void append_message_members(JsonWriter& json, const Message& message) {
    json.key("systemProperties").begin_object();
    for (const auto& [name, value] : message.system) {
        json.key(name);
        append_text(json, value);
    }
    json.end_object().key("properties").begin_object();
    for (const auto& [name, value] : message.properties) {
        json.key(is_utf8(name) ? name : base64_encode(name));
        if (value) {
            append_text(json, *value);
        } else {
            json.null();
        }
    }
    json.end_object();
    append_body(json, message.body);
}

void append_event_json(std::string& out, std::uint32_t partition, std::uint64_t sequence,
                       const Message& message) {
    JsonWriter json(out);
    json.begin_object().member("partition", partition).member("sequenceNumber", sequence);
    json.member("offset", std::to_string(sequence));
    json.member("enqueuedTime", to_iso8601(message.enqueued));
    if (!message.device_id.empty()) json.member("deviceId", message.device_id);
    if (!message.module_id.empty()) json.member("moduleId", message.module_id);
    json.member("source", event_source(message));
    if (!message.auth_method.empty()) json.member_raw("authMethod", message.auth_method);
    if (!message.generation_id.empty()) json.member("generationId", message.generation_id);
    append_message_members(json, message);
    json.end_object();
}

Result<> append_event_json(std::string& out, std::uint32_t partition, const EventPiece::Event& event) {
    const auto message = decode_message(event.stored);
    if (!message) return fail(message.error());
    append_event_json(out, partition, event.sequence, *message);
    return {};
}

}  // namespace carillon
