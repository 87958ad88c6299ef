#include "endpoint/amqp/registration/registration_messages.hpp"

#include "base/text.hpp"
#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

namespace carillon::amqp {

namespace {

constexpr std::string_view register_word = "iotdps-register";
constexpr std::string_view poll_word = "iotdps-get-operationstatus";

std::string_view text_property(const MessageView& message, std::string_view key) {
    return find_in_map(message.application_properties, key).as_text().value_or(std::string_view());
}

}  // namespace

std::optional<RegistrationAddress> parse_registration_address(std::string_view text) {
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::size_t slash = text.find('/', scheme + 3);
        text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
    }
    if (text.starts_with('/')) text.remove_prefix(1);
    const auto parts = split(text, '/');
    if (parts.size() != 3 || !equals_ignoring_case(parts[1], "registrations")) return std::nullopt;
    auto scope = percent_decode(parts[0]);
    auto id = percent_decode(parts[2]);
    if (!scope || !id || scope->empty() || id->empty()) return std::nullopt;
    return RegistrationAddress{*std::move(scope), *std::move(id)};
}

std::optional<RegistrationAddress> parse_registration_address(const Attach& attach) {
    const Terminus& terminus = attach.role == LinkRole::sender ? attach.target : attach.source;
    if (!terminus.address) return std::nullopt;
    return parse_registration_address(*terminus.address);
}

std::optional<TpmInit> parse_tpm_init(Bytes response) {
    std::string_view text = as_text(response);
    if (text.empty() || text.front() != '\0') return std::nullopt;
    text.remove_prefix(1);
    TpmInit init;
    for (std::string* part : {&init.address.scope, &init.address.id}) {
        const std::size_t end = text.find('\0');
        if (end == std::string_view::npos || end == 0) return std::nullopt;
        *part = text.substr(0, end);
        text.remove_prefix(end + 1);
    }
    if (text.empty()) return std::nullopt;
    init.endorsement_key = text;
    return init;
}

Result<RegistrationOperation> parse_registration_operation(const MessageView& message) {
    RegistrationOperation operation;
    operation.correlation = as_text(message.properties.correlation_id.encoded);
    const std::string_view word = text_property(message, "iotdps-operation-type");
    if (word == register_word) {
        operation.body = message.content();
        return operation;
    }
    operation.operation_id = text_property(message, "iotdps-operation-id");
    if (word == poll_word && !operation.operation_id.empty()) return operation;
    return fail(Errc::argument_invalid,
                "iotdps-operation-type must be iotdps-register, or iotdps-get-operationstatus with an "
                "iotdps-operation-id.");
}

void append_registration_answer(std::string& out, std::string_view correlation, int retry_after_s,
                                std::string_view body) {
    if (!correlation.empty()) {
        Properties properties;
        properties.correlation_id = encoded_value(as_bytes(correlation));
        append_properties(out, properties);
    }
    if (retry_after_s != 0) {
        // An int: azure-iot-sdk-c takes no long. Both spellings: azure-iot-sdk-csharp looks for the second.
        MapWriter map(out, descriptor::application_properties);
        append_int(map.string_key("retry-after"), retry_after_s);
        append_int(map.string_key("Retry-After"), retry_after_s);
    }
    append_data(out, as_bytes(body));
}

void append_retry_info(std::string& out, int retry_after_s, std::string_view tracking_id) {
    MapWriter info(out);
    append_string(info.symbol_key("com.microsoft:tracking-id"), tracking_id);
    if (retry_after_s == 0) return;
    append_int(info.symbol_key("retry-after"), retry_after_s);
    append_int(info.symbol_key("Retry-After"), retry_after_s);
}

}  // namespace carillon::amqp
