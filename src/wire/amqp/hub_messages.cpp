#include "wire/amqp/hub_messages.hpp"

#include "base/text.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <array>
#include <limits>

namespace carillon::amqp {

namespace {

constexpr std::size_t uuid_bytes = 16;

/// `{72656d68-6f64-4000-8000-00000000NNNN}`: version and variant of a random uuid, and the number at its end.
std::array<std::uint8_t, uuid_bytes> uuid_of(std::uint16_t request_id) {
    return {0x72,
            0x65,
            0x6D,
            0x68,
            0x6F,
            0x64,
            0x40,
            0,
            0x80,
            0,
            0,
            0,
            0,
            0,
            static_cast<std::uint8_t>(request_id >> 8),
            static_cast<std::uint8_t>(request_id & 0xFF)};
}

/// The bytes of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`; nothing if malformed.
std::optional<std::array<std::uint8_t, uuid_bytes>> parse_uuid(std::string_view text) {
    constexpr std::size_t text_bytes = 36;
    if (text.size() != text_bytes) return std::nullopt;
    std::array<std::uint8_t, uuid_bytes> uuid{};
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash != (text[i] == '-')) return std::nullopt;
        if (is_dash) continue;
        const char c = text[i];
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned>(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = static_cast<unsigned>((c | 0x20) - 'a' + 10);
        } else {
            return std::nullopt;
        }
        uuid[digits / 2] = static_cast<std::uint8_t>(uuid[digits / 2] * 16U | digit);
        ++digits;
    }
    return uuid;
}

std::uint16_t request_id_of(const Value& correlation_id) {
    std::array<std::uint8_t, uuid_bytes> uuid{};
    if (const auto bytes = correlation_id.as_uuid()) {
        std::copy(bytes->begin(), bytes->end(), uuid.begin());
    } else if (const auto text = correlation_id.as_text()) {
        const auto parsed = parse_uuid(*text);
        if (!parsed) return 0;
        uuid = *parsed;
    }
    const auto id = static_cast<std::uint16_t>(uuid[14] << 8 | uuid[15]);
    return uuid == uuid_of(id) ? id : std::uint16_t{0};
}

/// An integer, or its text. azure-iot-sdk-java sends text.
std::optional<std::int64_t> integer_of(const Value& value) {
    if (const auto number = value.as_i64()) return number;
    const auto text = value.as_text();
    return text ? parse_i64(*text) : std::nullopt;
}

void append_correlation(std::string& out, const Value& id) {
    Properties properties;
    properties.correlation_id = id;
    append_properties(out, properties);
}

}  // namespace

Result<PutToken> parse_put_token(const MessageView& message) {
    const auto text = [&message](std::string_view key) {
        return find_in_map(message.application_properties, key).as_text().value_or(std::string_view());
    };
    PutToken request;
    request.message_id = message.properties.message_id;
    request.type = text("type");
    request.name = text("name");
    request.token = message.body_value().as_text().value_or(std::string_view());
    if (text("operation") != "put-token") return fail(Errc::argument_invalid, "operation is not put-token");
    if (request.token.empty()) return fail(Errc::argument_invalid, "the body is not a token");
    // azure-eventhub for Python calls any token `jwt`. Source: azure-sdk-for-python: _client_base.py,
    // _create_auth, JWTTokenAuth.
    const bool is_known = request.type == "servicebus.windows.net:sastoken" ||
                          request.type == "azure-devices.net:sastoken" || request.type == "jwt";
    request.is_sas = is_known && request.token.starts_with("SharedAccessSignature ");
    return request;
}

void append_cbs_response(std::string& out, const Value& message_id, std::int32_t status,
                         std::string_view description) {
    append_correlation(out, message_id);
    {
        MapWriter map(out, descriptor::application_properties);
        append_int(map.string_key("status-code"), status);
        append_string(map.string_key("status-description"), description);
    }
    append_value_section(out);
    append_null(out);
}

Result<TwinRequest> parse_twin_request(const MessageView& message) {
    constexpr std::string_view reported = "/properties/reported";
    constexpr std::string_view desired = "/notifications/twin/properties/desired";
    const auto text = [&message](std::string_view key) {
        return find_in_map(message.message_annotations, key).as_text().value_or(std::string_view());
    };
    TwinRequest request;
    request.correlation_id = message.properties.correlation_id;
    const std::string_view operation = text("operation");
    const std::string_view resource = text("resource");
    if (operation == "GET" && resource.empty()) {
        request.operation = TwinOperation::get;
        return request;
    }
    if (operation == "PATCH" && resource == reported) {
        request.operation = TwinOperation::patch_reported;
        const Value version = find_in_map(message.message_annotations, "version");
        request.has_version = !version.is_null();
        request.version = integer_of(version);
        request.body = message.content();
        return request;
    }
    if (operation == "PUT" && resource == desired) {
        request.operation = TwinOperation::subscribe_desired;
        return request;
    }
    if (operation == "DELETE" && resource == desired) {
        request.operation = TwinOperation::unsubscribe_desired;
        return request;
    }
    return fail(Errc::argument_invalid, "unknown operation or resource");
}

void append_twin_response(std::string& out, const Value& correlation_id, std::int32_t status,
                          std::optional<std::int64_t> version, std::string_view body) {
    {
        MapWriter annotations(out, descriptor::message_annotations);
        append_int(annotations.symbol_key("status"), status);
        if (version) append_long(annotations.symbol_key("version"), *version);
    }
    append_correlation(out, correlation_id);
    append_data(out, as_bytes(body));
}

void append_desired_notification(std::string& out, std::int64_t version, std::string_view body) {
    {
        MapWriter annotations(out, descriptor::message_annotations);
        append_string(annotations.symbol_key("resource"), "/properties/desired");
        append_long(annotations.symbol_key("version"), version);
    }
    append_data(out, as_bytes(body));
}

void append_method_request(std::string& out, std::uint16_t request_id, std::string_view name,
                           std::string_view payload) {
    std::string id;
    append_uuid(id, uuid_of(request_id));
    append_correlation(out, encoded_value(as_bytes(id)));
    {
        MapWriter map(out, descriptor::application_properties);
        append_string(map.string_key("IoThub-methodname"), name);
    }
    append_data(out, as_bytes(payload));
}

Result<MethodResponse> parse_method_response(const MessageView& message) {
    MethodResponse response;
    response.request_id = request_id_of(message.properties.correlation_id);
    const auto status = integer_of(find_in_map(message.application_properties, "IoThub-status"));
    if (!status || *status < std::numeric_limits<int>::min() || *status > std::numeric_limits<int>::max()) {
        return fail(Errc::argument_invalid, "answer without a status");
    }
    response.status = static_cast<int>(*status);
    response.payload = message.content();
    return response;
}

}  // namespace carillon::amqp
