#include "wire/amqp/device/device_messages.hpp"

#include "base/text.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <limits>

namespace carillon::amqp {

namespace {

constexpr std::int64_t ticks_of_ms = 10'000;

std::string encoded_string(std::string_view text) {
    std::string encoded;
    append_string(encoded, text);
    return encoded;
}

/// Properties of which only the correlation id is set, which is encoded already.
void append_correlation_id(std::string& out, std::string_view encoded) {
    Properties properties;
    properties.correlation_id = encoded_value(as_bytes(encoded));
    append_properties(out, properties);
}

/// The property of this name in the properties section; null if it has no place there.
std::string_view* place_in(Properties& properties, std::string_view name) {
    if (name == "to") return &properties.to;
    if (name == "content-type") return &properties.content_type;
    if (name == "content-encoding") return &properties.content_encoding;
    return nullptr;
}

std::optional<int> status_of(const Value& value) {
    const auto number = value.as_i64();
    if (!number || *number < std::numeric_limits<int>::min() || *number > std::numeric_limits<int>::max())
        return std::nullopt;
    return static_cast<int>(*number);
}

/// Ids and properties that the hub sends are texts; others are passed over.
std::string text_or_nothing(const Value& value) {
    return std::string(value.as_text().value_or(std::string_view()));
}

}  // namespace

void append_put_token(std::string& out, std::string_view message_id, std::string_view audience,
                      std::string_view token) {
    const std::string id = encoded_string(message_id);
    Properties properties;
    properties.message_id = encoded_value(as_bytes(id));
    append_properties(out, properties);
    {
        MapWriter map(out, descriptor::application_properties);
        append_string(map.string_key("operation"), "put-token");
        append_string(map.string_key("type"), "servicebus.windows.net:sastoken");
        append_string(map.string_key("name"), audience);
    }
    append_value_section(out);
    append_string(out, token);
}

Result<CbsAnswer> parse_cbs_answer(const MessageView& message) {
    const auto status = status_of(find_in_map(message.application_properties, "status-code"));
    if (!status) return fail(Errc::malformed_packet, "an answer of $cbs without a status");
    return CbsAnswer{*status,
                     text_or_nothing(find_in_map(message.application_properties, "status-description"))};
}

void append_telemetry(std::string& out, const DeviceMessage& message) {
    Properties properties;
    std::string message_id;
    std::string correlation_id;
    for (const auto& [name, value] : message.system) {
        if (name == "message-id") message_id = encoded_string(value);
        if (name == "correlation-id") correlation_id = encoded_string(value);
        if (name == "user-id") properties.user_id = as_bytes(value);
        if (auto* place = place_in(properties, name)) *place = value;
        const auto expiry = name == "absolute-expiry-time" ? parse_iso8601(value) : std::nullopt;
        if (expiry)
            properties.absolute_expiry_ms = (expiry->ticks - WallTime::from_unix_s(0).ticks) / ticks_of_ms;
    }
    if (!message_id.empty()) properties.message_id = encoded_value(as_bytes(message_id));
    if (!correlation_id.empty()) properties.correlation_id = encoded_value(as_bytes(correlation_id));
    append_properties(out, properties);
    {
        MapWriter map(out, descriptor::application_properties);
        for (const auto& [name, value] : message.system) {
            const bool has_place = place_in(properties, name) != nullptr || name == "message-id" ||
                                   name == "correlation-id" || name == "user-id" ||
                                   name == "absolute-expiry-time";
            if (!has_place) append_string(map.string_key(name), value);
        }
        for (const auto& [name, value] : message.properties) {
            std::string& at = map.string_key(name);
            value ? append_string(at, *value) : append_null(at);
        }
    }
    append_data(out, as_bytes(message.body));
}

DeviceMessage read_cloud_message_of(const MessageView& view) {
    DeviceMessage message;
    const auto add = [&message](const char* name, std::string value) {
        if (!value.empty()) message.system.emplace_back(name, std::move(value));
    };
    const Properties& properties = view.properties;
    add("message-id", text_or_nothing(properties.message_id));
    add("correlation-id", text_or_nothing(properties.correlation_id));
    if (is_utf8(as_text(properties.user_id))) add("user-id", std::string(as_text(properties.user_id)));
    add("to", std::string(properties.to));
    add("content-type", std::string(properties.content_type));
    add("content-encoding", std::string(properties.content_encoding));
    if (const auto expiry = properties.absolute_expiry_ms) {
        add("absolute-expiry-time",
            to_iso8601(WallTime{WallTime::from_unix_s(0).ticks + *expiry * ticks_of_ms}));
    }
    Reader map(view.application_properties);
    while (view.application_properties.type == Type::map && map.more()) {
        const auto name = map.value().as_text();
        const Value value = map.value();
        const auto text = value.as_text();
        if (!name || !(text || value.is_null())) continue;
        if (*name == "iothub-ack") {
            add("iothub-ack", text_or_nothing(value));
            continue;
        }
        message.properties.emplace_back(std::string(*name),
                                        text ? std::optional<std::string>(*text) : std::nullopt);
    }
    message.body = view.content();
    return message;
}

void append_twin_request(std::string& out, std::string_view correlation, TwinOperation operation,
                         std::optional<std::int64_t> version, std::string_view body) {
    constexpr std::string_view desired = "/notifications/twin/properties/desired";
    {
        MapWriter annotations(out, descriptor::message_annotations);
        const auto say = [&annotations](std::string_view verb, std::string_view resource) {
            append_string(annotations.symbol_key("operation"), verb);
            if (!resource.empty()) append_string(annotations.symbol_key("resource"), resource);
        };
        switch (operation) {
            case TwinOperation::get:
                say("GET", {});
                break;
            case TwinOperation::patch_reported:
                say("PATCH", "/properties/reported");
                break;
            case TwinOperation::subscribe_desired:
                say("PUT", desired);
                break;
            case TwinOperation::unsubscribe_desired:
                say("DELETE", desired);
                break;
        }
        if (version) append_long(annotations.symbol_key("version"), *version);
    }
    append_correlation_id(out, encoded_string(correlation));
    append_data(out, as_bytes(body));
}

Result<TwinNews> parse_twin_news(const MessageView& message) {
    TwinNews news;
    news.version = find_in_map(message.message_annotations, "version").as_i64();
    news.body = message.content();
    const auto status = status_of(find_in_map(message.message_annotations, "status"));
    const auto resource = find_in_map(message.message_annotations, "resource").as_text();
    if (!status && resource == "/properties/desired") {
        news.is_desired = true;
        return news;
    }
    news.correlation = text_or_nothing(message.properties.correlation_id);
    if (!status || news.correlation.empty())
        return fail(Errc::malformed_packet, "a twin's message that is neither an answer nor a change");
    news.status = *status;
    return news;
}

Result<MethodCall> parse_method_call(const MessageView& message) {
    MethodCall call;
    call.correlation = as_text(message.properties.correlation_id.encoded);
    call.name = text_or_nothing(find_in_map(message.application_properties, "IoThub-methodname"));
    call.payload = message.content();
    if (call.correlation.empty() || call.name.empty())
        return fail(Errc::malformed_packet, "a direct method without a name or an id");
    return call;
}

void append_method_answer(std::string& out, std::string_view correlation, int status,
                          std::string_view payload) {
    append_correlation_id(out, correlation);
    {
        MapWriter map(out, descriptor::application_properties);
        append_int(map.string_key("IoThub-status"), status);
    }
    append_data(out, as_bytes(payload));
}

}  // namespace carillon::amqp
