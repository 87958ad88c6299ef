#include "endpoint/rest/messages/message_fields.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon::rest {
namespace {

constexpr std::string_view application_prefix = "iothub-app-";

/// Fields of system properties, and what those are called over AMQP.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> system_fields{{
    {"iothub-messageid", "message-id"},
    {"iothub-correlationid", "correlation-id"},
    {"iothub-userid", "user-id"},
    {"iothub-to", "to"},
    {"iothub-expiry", "absolute-expiry-time"},
    {"iothub-contenttype", "content-type"},
    {"iothub-contentencoding", "content-encoding"},
    {"iothub-interface-id", "iothub-interface-id"},
    {"iothub-creationtimeutc", "iothub-creation-time-utc"},
    {"iothub-messageschema", "iothub-message-schema"},
    {"iothub-ack", "iothub-ack"},
    {"dt-subject", "dt-subject"},
    {"diagnostic-id", "Diagnostic-Id"},
    {"correlation-context", "Correlation-Context"},
}};

template <class Pairs>
bool holds(const Pairs& pairs, std::string_view name) {
    return std::any_of(pairs.begin(), pairs.end(), [name](const auto& pair) { return pair.first == name; });
}

/// RFC 9110 §5.6.2.
bool is_field_name(std::string_view text) {
    constexpr std::string_view signs = "!#$%&'*+-.^_`|~";
    const auto fits = [signs](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               signs.find(c) != std::string_view::npos;
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

bool is_field_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

Result<> MessageFields::take(std::string_view name, std::string_view value) {
    const bool is_application =
        name.size() > application_prefix.size() &&
        equals_ignoring_case(name.substr(0, application_prefix.size()), application_prefix);
    const auto known = std::find_if(system_fields.begin(), system_fields.end(), [name](const auto& field) {
        return equals_ignoring_case(name, field.first);
    });
    if (!is_application && known == system_fields.end()) return {};
    if (!is_utf8(value) || !is_utf8(name)) {
        return fail(Errc::argument_invalid, "A property of the message is not UTF-8.");
    }
    if (!is_application) {
        if (!holds(system, known->second)) system.emplace_back(known->second, value);
        return {};
    }
    if (properties.size() == properties_max) {
        return fail(Errc::argument_invalid, "The message has more than 100 properties.");
    }
    name.remove_prefix(application_prefix.size());
    if (!holds(properties, name)) properties.emplace_back(name, std::string(value));
    return {};
}

std::optional<std::string> MessageFields::remove(std::string_view name) {
    const auto found = std::find_if(system.begin(), system.end(),
                                    [name](const auto& property) { return property.first == name; });
    if (found == system.end()) return std::nullopt;
    std::string value = std::move(found->second);
    system.erase(found);
    return value;
}

Result<MessageFields> read_message_fields(std::span<const HttpField> header) {
    MessageFields fields;
    for (const HttpField& field : header) {
        if (auto taken = fields.take(field.name, field.value); !taken) return fail(std::move(taken).error());
    }
    return fields;
}

void add_message_fields(HttpResponse& response, const CloudMessage& message) {
    for (const auto& [field, name] : system_fields) {
        const std::string_view value = message.find_system(name);
        if (!value.empty() && is_field_value(value)) response.add(field, value);
    }
    if (!message.input().empty()) response.add(CloudMessage::input_property, message.input());
    if (message.ack) response.add("iothub-ack", ack_text(*message.ack));
    if (message.expiry) response.add("iothub-expiry", to_iso8601(*message.expiry));
    response.add("iothub-sequencenumber", std::to_string(message.sequence));
    response.add("iothub-enqueuedtime", to_iso8601(message.enqueued));
    for (const auto& [name, value] : message.properties) {
        const std::string_view text = value ? std::string_view(*value) : std::string_view();
        if (is_field_name(name) && is_field_value(text))
            response.add(std::string(application_prefix) + name, text);
    }
}

}  // namespace carillon::rest
