#include "service_messages.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon {
namespace {

constexpr std::string_view application_prefix = "iothub-app-";
constexpr std::string_view system_prefix = "iothub-";

bool is_field_text(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// RFC 9110 §5.6.2.
bool is_field_name(std::string_view text) {
    constexpr std::string_view signs = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [signs](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               signs.find(c) != std::string_view::npos;
    });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

Result<HttpRequest> send_request(const std::string& path, const ServiceMessage& message) {
    HttpRequest request{"POST", path, {{"Content-Type", "application/octet-stream"}}, message.body};
    const std::array<std::pair<const char*, const std::string*>, 8> fields = {{
        {"iothub-messageid", &message.message_id},
        {"iothub-correlationid", &message.correlation_id},
        {"iothub-userid", &message.user_id},
        {"iothub-contenttype", &message.content_type},
        {"iothub-contentencoding", &message.content_encoding},
        {"iothub-ack", &message.ack},
        {"iothub-expiry", &message.expiry},
        {"iothub-inputname", &message.input},
    }};
    for (const auto& [name, value] : fields) {
        if (!value->empty()) request.headers.emplace_back(name, *value);
    }
    for (const auto& [name, value] : message.properties) {
        if (!is_field_name(name)) {
            return fail(Errc::argument_invalid,
                        "the property name '" + name +
                            "' has characters that HTTP cannot carry: letters, digits "
                            "and !#$%&'*+-.^_`|~ are allowed");
        }
        request.headers.emplace_back(std::string(application_prefix) + name, value);
    }
    for (const auto& [name, value] : request.headers) {
        if (is_field_text(value)) continue;
        return fail(Errc::argument_invalid, "the value of " + name + " has control characters");
    }
    return request;
}

HttpRequest settle_request(const std::string& path, std::string_view lock, MessageSettlement how) {
    const std::string target = path + "/" + percent_encode(lock);
    if (how == MessageSettlement::abandon) return {"POST", target + "/abandon", {}, {}};
    return {"DELETE", target + (how == MessageSettlement::reject ? "?reject" : ""), {}, {}};
}

std::string lock_of(const HttpAnswer& answer) {
    const std::string_view tag = answer.header("etag");
    return std::string(tag.size() > 1 && tag.front() == '"' ? tag.substr(1, tag.size() - 2) : tag);
}

ReceivedServiceMessage read_received(HttpAnswer answer) {
    ReceivedServiceMessage received;
    received.lock = lock_of(answer);
    received.body = std::move(answer.body);
    for (auto& [name, value] : answer.headers) {
        if (starts_with_ignoring_case(name, application_prefix)) {
            received.properties.emplace_back(name.substr(application_prefix.size()), std::move(value));
        } else if (starts_with_ignoring_case(name, system_prefix)) {
            received.system.emplace_back(to_lower(name), std::move(value));
        }
    }
    return received;
}

Result<std::optional<ServiceFileNotification>> read_file_notification(HttpAnswer answer) {
    const auto document = JsonDocument::parse(answer.body);
    if (!document) return fail(Errc::malformed_packet, "the notification is not JSON");
    const auto text = [root = document->root()](std::string_view name) {
        return std::string(root.find(name).string());
    };
    return ServiceFileNotification{
        .lock = lock_of(answer),
        .device_id = text("deviceId"),
        .blob_uri = text("blobUri"),
        .blob_name = text("blobName"),
        .last_updated = text("lastUpdatedTime"),
        .enqueued = text("enqueuedTimeUtc"),
        .bytes = document->root().find("blobSizeInBytes").integer().value_or(0),
        .json = std::move(answer.body),
    };
}

}  // namespace carillon
