// What devices do over HTTPS. The request has been authenticated as its device.

#include "base/json.hpp"
#include "base/text.hpp"
#include "endpoint/device/device_requests.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/messages/lock_fields.hpp"
#include "endpoint/rest/messages/message_fields.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {
namespace {

constexpr std::string_view batch_type = "application/vnd.microsoft.iothub.json";
/// Messages of one batch. Ours: 256 KB hold no more that say anything.
constexpr std::size_t batch_messages_max = 1000;

bool is_batch(const Request& request) {
    const std::string_view type = request.header("content-type").value_or("");
    return equals_ignoring_case(trimmed(type.substr(0, type.find(';'))), batch_type);
}

/// A device says nothing of feedback on its own messages.
device::SentMessage to_message(MessageFields fields, std::string body) {
    fields.remove("iothub-ack");
    device::SentMessage message;
    message.head.system = std::move(fields.system);
    message.head.properties = std::move(fields.properties);
    message.body = std::move(body);
    return message;
}

Result<std::string> read_body(const JsonValue& item) {
    const JsonValue body = item.find("body");
    if (!body.is_string()) return fail(Errc::argument_invalid, "The body of a message is not a string.");
    const JsonValue encoded = item.find("base64Encoded");
    if (encoded.exists() && !encoded.is_boolean()) {
        return fail(Errc::argument_invalid, "base64Encoded is not true or false.");
    }
    if (encoded.exists() && !encoded.boolean()) return std::string(body.string());
    auto bytes = base64_decode(body.string());
    if (!bytes) return fail(Errc::argument_invalid, "The body of a message is not base64.");
    return *std::move(bytes);
}

Result<device::SentMessage> read_batched(const JsonValue& item) {
    if (!item.is_object()) return fail(Errc::argument_invalid, "A message of the batch is not an object.");
    auto body = read_body(item);
    if (!body) return fail(std::move(body).error());
    MessageFields fields;
    const JsonValue properties = item.find("properties");
    if (!properties.is_null_or_absent() && !properties.is_object()) {
        return fail(Errc::argument_invalid, "The properties of a message are not an object.");
    }
    for (JsonValue value = properties.first(); value.exists(); value = value.next()) {
        if (!value.is_string())
            return fail(Errc::argument_invalid, "A property of a message is not a string.");
        if (auto taken = fields.take(value.key(), value.string()); !taken) {
            return fail(std::move(taken).error());
        }
    }
    return to_message(std::move(fields), *std::move(body));
}

/// Source: azure-iot-device-http: http.js, sendEventBatch; azure-iot-sdk-c: iothubtransporthttp.c.
Result<std::vector<device::SentMessage>> read_batch(const std::string& body) {
    const auto document = JsonDocument::parse(body);
    if (!document) return fail(document.error());
    if (!document->root().is_array()) {
        return fail(Errc::argument_invalid, "A batch is an array of messages.");
    }
    std::vector<device::SentMessage> messages;
    for (JsonValue item = document->root().first(); item.exists(); item = item.next()) {
        if (messages.size() == batch_messages_max) {
            return fail(Errc::argument_invalid, "A batch has up to 1,000 messages.");
        }
        auto message = read_batched(item);
        if (!message) return fail(std::move(message).error());
        messages.push_back(*std::move(message));
    }
    if (messages.empty()) return fail(Errc::argument_invalid, "The batch is empty.");
    return messages;
}

Result<std::vector<device::SentMessage>> read_messages(const Request& request) {
    if (request.http->body.size() > MessageLimits::d2c_bytes_max) {
        return fail(Errc::message_too_large, "A message or a batch is at most 256 KB.");
    }
    if (is_batch(request)) return read_batch(request.http->body);
    auto fields = read_message_fields(request.http->fields);
    if (!fields) return fail(std::move(fields).error());
    std::vector<device::SentMessage> messages;
    messages.push_back(to_message(*std::move(fields), request.http->body));
    return messages;
}

Task<Result<HttpResponse>> settle_received(Request& request, Settlement how) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    const auto lock = request_lock(request, 1);
    if (!lock) co_return fail(lock.error());
    auto settling = device::settle(request.hub, *std::move(key), *lock, how);
    const auto settled = co_await std::move(settling);
    if (!settled) co_return fail(settled.error());
    co_return no_content();
}

}  // namespace

Task<Result<HttpResponse>> send_events(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    auto messages = read_messages(request);
    if (!messages) co_return fail(std::move(messages).error());
    auto sending = device::send(request.hub, *std::move(key), request.proved_by, *std::move(messages));
    const auto sent = co_await std::move(sending);
    if (!sent) co_return fail(sent.error());
    co_return no_content();
}

Task<Result<HttpResponse>> receive_device_message(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    const auto lock_time = request_lock_time(request);
    if (!lock_time) co_return fail(lock_time.error());
    auto receiving = device::receive(request.hub, *std::move(key), *lock_time);
    auto received = co_await std::move(receiving);
    if (!received) co_return fail(std::move(received).error());
    if (!*received) co_return no_content();
    ReceivedMessage& taken = **received;
    HttpResponse response = ok(std::move(taken.message.body), lock_token_text(taken.lock));
    response.content_type = "application/octet-stream";
    add_message_fields(response, taken.message);
    response.add("iothub-deliverycount", std::to_string(taken.delivery_count));
    co_return response;
}

Task<Result<HttpResponse>> settle_device_message(Request& request) {
    return settle_received(request, asked_settlement(request));
}
Task<Result<HttpResponse>> abandon_device_message(Request& request) {
    return settle_received(request, Settlement::abandon);
}

}  // namespace carillon::rest
