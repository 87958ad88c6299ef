#include "endpoint/amqp/cloud_message_format.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/messages/files/file_notification.hpp"
#include "endpoint/amqp/value_text.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace carillon::amqp {

namespace {

/// Of what both kinds of message carry on their way out.
void append_annotations(std::string& out, WallTime enqueued, std::uint8_t delivery_count,
                        std::uint64_t sequence, const LockToken& lock, std::string_view input = {}) {
    MapWriter map(out, descriptor::message_annotations);
    append_timestamp(map.symbol_key("iothub-enqueuedtime"), enqueued.unix_ms());
    append_ubyte(map.symbol_key("iothub-deliverycount"), delivery_count);
    append_ulong(map.symbol_key("x-opt-sequence-number"), sequence);
    append_string(map.symbol_key("x-opt-lock-token"), lock_token_text(lock));
    if (!input.empty()) append_string(map.symbol_key("x-opt-input-name"), input);
}

/// System properties that have a place of their own, in AMQP's properties section or among the annotations.
bool has_own_place(std::string_view name) {
    constexpr std::string_view names[] = {"message-id", "correlation-id",       "user-id",
                                          "to",         "content-type",         "content-encoding",
                                          "reply-to",   "absolute-expiry-time", CloudMessage::input_property};
    for (const std::string_view known : names) {
        if (name == known) return true;
    }
    return false;
}

}  // namespace

std::string format_cloud_message(const CloudDelivery& delivery) {
    const CloudMessage& message = delivery.message;
    std::string out;
    append_annotations(out, message.enqueued, delivery.delivery_count, message.sequence, delivery.lock,
                       message.input());

    std::string message_id;
    std::string correlation_id;
    if (const auto id = message.find_system("message-id"); !id.empty()) append_string(message_id, id);
    if (const auto id = message.find_system("correlation-id"); !id.empty()) append_string(correlation_id, id);
    Properties properties;
    if (!message_id.empty()) properties.message_id = encoded_value(as_bytes(message_id));
    if (!correlation_id.empty()) properties.correlation_id = encoded_value(as_bytes(correlation_id));
    properties.user_id = as_bytes(message.find_system("user-id"));
    properties.to = message.find_system("to");
    properties.content_type = message.find_system("content-type");
    properties.content_encoding = message.find_system("content-encoding");
    if (message.expiry) properties.absolute_expiry_ms = message.expiry->unix_ms();
    append_properties(out, properties);
    {
        MapWriter map(out, descriptor::application_properties);
        if (message.ack) append_string(map.string_key("iothub-ack"), ack_text(*message.ack));
        for (const auto& [name, value] : message.system) {
            if (!has_own_place(name)) append_string(map.string_key(name), value);
        }
        // All as text: azure-iot-sdk-csharp takes nothing else.
        for (const auto& [name, value] : message.properties)
            append_string(map.string_key(name), value.value_or(""));
    }
    append_data(out, as_bytes(message.body));
    return out;
}

Result<CloudTarget> read_cloud_message_target(const MessageView& message) {
    const auto refused = [] {
        return fail(Errc::argument_invalid, "The property 'to' must be /devices/{id}/messages/devicebound.");
    };
    std::string_view path = message.properties.to;
    if (const std::size_t scheme = path.find("://"); scheme != std::string_view::npos) {
        const std::size_t slash = path.find('/', scheme + 3);
        if (slash == std::string_view::npos) return refused();
        path.remove_prefix(slash);
    }
    if (path.starts_with('/')) path.remove_prefix(1);
    const std::vector<std::string_view> segments = split(path, '/');
    const bool is_module = segments.size() == 6 && equals_ignoring_case(segments[2], "modules");
    if (segments.size() != 4 && !is_module) return refused();
    const bool is_of_input = is_module && equals_ignoring_case(segments[4], "inputs") && !segments[5].empty();
    const bool is_bound = is_of_input || (equals_ignoring_case(segments[segments.size() - 2], "messages") &&
                                          equals_ignoring_case(segments.back(), "devicebound"));
    const auto device = percent_decode(segments[1]);
    const auto module = is_module ? percent_decode(segments[3]) : std::string();
    const auto input = is_of_input ? percent_decode(segments[5]) : std::string();
    if (!equals_ignoring_case(segments[0], "devices") || !is_bound || !device || !module || !input ||
        (is_module && module->empty()))
        return refused();
    auto key = IdentityKey::parse(*device, *module);
    if (!key) return refused();
    return CloudTarget{*std::move(key), *input};
}

Result<CloudMessage> read_cloud_message(const MessageView& view) {
    CloudMessage message;
    const auto add = [&message](const char* name, std::optional<std::string> value) {
        if (value && !value->empty()) message.system.emplace_back(name, *std::move(value));
    };
    const Properties& properties = view.properties;
    add("message-id", value_text(properties.message_id));
    add("correlation-id", value_text(properties.correlation_id));
    if (is_utf8(as_text(properties.user_id))) add("user-id", std::string(as_text(properties.user_id)));
    add("to", std::string(properties.to));
    add("content-type", std::string(properties.content_type));
    add("content-encoding", std::string(properties.content_encoding));
    if (properties.absolute_expiry_ms)
        message.expiry = WallTime::from_unix_ms(*properties.absolute_expiry_ms);

    Reader map(view.application_properties);
    while (view.application_properties.type == Type::map && map.more()) {
        const auto name = map.value().as_text();
        auto value = value_text(map.value());
        if (!name) continue;
        if (equals_ignoring_case(*name, "iothub-ack")) {
            const auto ack = parse_ack(value.value_or(""));
            if (!ack)
                return fail(Errc::argument_invalid, "iothub-ack must be none, positive, negative or full.");
            message.ack = *ack;
            continue;
        }
        if (message.properties.size() == cloud_properties_max) {
            return fail(Errc::argument_invalid, "A message has at most 1024 properties.");
        }
        message.properties.emplace_back(*name, std::move(value));
    }
    message.body = view.content();
    return message;
}

std::string format_feedback(const FeedbackBatch& batch, std::string_view hub_name) {
    std::string json;
    JsonWriter writer(json);
    writer.begin_array();
    for (const FeedbackRecord& record : batch.records) {
        writer.begin_object();
        writer.member("originalMessageId", record.original_message_id);
        writer.member("description", outcome_text(record.outcome));
        writer.member("deviceGenerationId", record.generation_id);
        writer.member("deviceId", record.device_id);
        writer.member("enqueuedTimeUtc", to_iso8601(record.time));
        writer.member("statusCode", outcome_text(record.outcome));
        writer.end_object();
    }
    writer.end_array();

    std::string out;
    append_annotations(out, batch.enqueued, batch.delivery_count, batch.sequence, batch.lock);
    Properties properties;
    properties.user_id = as_bytes(hub_name);
    properties.content_type = "application/vnd.microsoft.iothub.feedback.json";
    append_properties(out, properties);
    append_data(out, as_bytes(json));
    return out;
}

Result<std::string> format_feedback_item(const LockedQueue::Item& item, std::string_view hub_name) {
    const auto batch = Feedback::read(item);
    if (!batch) return fail(batch.error());
    return format_feedback(*batch, hub_name);
}

Result<std::string> format_file_notification(const LockedQueue::Item& item, std::string_view hub_name) {
    const auto stored = StoredFileNotification::decode(item.row);
    if (!stored) return fail(stored.error());
    std::string out;
    append_annotations(out, stored->enqueued, item.delivery_count, item.sequence, item.lock);
    Properties properties;
    properties.user_id = as_bytes(hub_name);
    properties.content_type = "application/vnd.microsoft.iothub.filenotification.json";
    append_properties(out, properties);
    append_data(out, as_bytes(stored->body));
    return out;
}

}  // namespace carillon::amqp
