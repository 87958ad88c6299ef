#include "base/text.hpp"
#include "model/message.hpp"
#include "query/value.hpp"

#include <optional>
#include <string_view>

namespace carillon::query {
namespace {

std::optional<std::string_view> find_system(const Message& message, std::string_view name) {
    for (const auto& [key, value] : message.system) {
        if (equals_ignoring_case(key, name)) return value;
    }
    return std::nullopt;
}

/// The service compares names without regard to case. Source: IoT Hub docs, "IoT Hub message routing query
/// syntax", message properties.
Value find_property(const Message& message, std::string_view name) {
    for (const auto& [key, value] : message.properties) {
        if (!equals_ignoring_case(key, name)) continue;
        return value ? Value::of(std::string_view(*value)) : Value{.kind = Value::Kind::null};
    }
    return {};
}

Value read_system(const Path& path, const Message& message) {
    const std::string_view stored = path.keys[0];
    if (stored == "iothub-connection-device-id") return Value::of(std::string_view(message.device_id));
    if (stored == "iothub-enqueuedtime") return Value::of(message.enqueued);
    if (stored == "iothub-connection-module-id") {
        return message.module_id.empty() ? Value{} : Value::of(std::string_view(message.module_id));
    }
    if (const auto found = find_system(message, stored)) return Value::of(*found);
    return find_property(message, path.keys[1]);
}

/// Source: IoT Hub docs, "IoT Hub message routing query syntax", message body. Ours: what a message says
/// nothing of is taken for JSON in UTF-8, as plain MQTT clients say nothing; UTF-16 and UTF-32 are not read.
bool may_be_json(const Message& message) {
    const auto type = find_system(message, "content-type");
    const auto encoding = find_system(message, "content-encoding");
    const auto media = [](std::string_view text) { return trimmed(text.substr(0, text.find(';'))); };
    return (!type || equals_ignoring_case(media(*type), "application/json")) &&
           (!encoding || equals_ignoring_case(*encoding, "utf-8"));
}

Value read_body(const Path& path, const Message& message, Scratch& scratch) {
    if (!may_be_json(message)) return {};
    JsonValue json = scratch.parse(message.body);
    for (const std::string_view key : path.keys) {
        if (!scratch.spend(1 + json.size() / members_a_step)) return {};
        json = json.find(key);  // Absent, too, in what is not an object.
    }
    if (json.is_number() && !scratch.spend(steps_to_read(json.raw().size()))) return {};
    const Value value = from_json(json);
    return path.tail.empty() ? value : walk_array(value, path.tail, scratch);
}

}  // namespace

Value read_message_path(const Path& path, Scratch& scratch) {
    const Message* const message = scratch.message();
    if (message == nullptr) return {};
    // What a device may send has hundreds of properties at most, all of which may be looked at.
    if (!scratch.spend(1 + (message->properties.size() + message->system.size()) / members_a_step)) return {};
    switch (path.field) {
        case Field::message_body:
            return read_body(path, *message, scratch);
        case Field::message_system:
            return read_system(path, *message);
        default:
            return find_property(*message, path.keys[0]);
    }
}

}  // namespace carillon::query
