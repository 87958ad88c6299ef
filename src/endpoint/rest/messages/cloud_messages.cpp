// Cloud-to-device messages for back ends: to send them, to take them back, and the feedback on them.

#include "core/messages/messages.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/messages/lock_fields.hpp"
#include "endpoint/rest/messages/message_fields.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"

#include "base/text.hpp"

namespace carillon::rest {
namespace {

constexpr std::string_view feedback_type = "application/vnd.microsoft.iothub.feedback.json";

/// The message that a request's header and body describe.
Result<CloudMessage> read_cloud_message(const Request& request, const IdentityKey& key) {
    auto fields = read_message_fields(request.http->fields);
    if (!fields) return fail(std::move(fields).error());
    CloudMessage message;
    if (const auto ack = fields->remove("iothub-ack")) {
        message.ack = parse_ack(*ack);
        if (!message.ack) {
            return fail(Errc::argument_invalid, "iothub-ack is none, positive, negative or full.");
        }
    }
    if (const auto expiry = fields->remove("absolute-expiry-time")) {
        message.expiry = parse_iso8601(*expiry);
        if (!message.expiry) return fail(Errc::argument_invalid, "iothub-expiry is not a time in ISO 8601.");
    }
    const std::string_view input = request.http->find(CloudMessage::input_property).value_or("");
    const std::string to = "/devices/" + percent_encode(key.device.str()) +
                           (key.is_module() ? "/modules/" + percent_encode(key.module) : "") +
                           (input.empty() ? "/messages/deviceBound" : "/inputs/" + percent_encode(input));
    fields->remove("to");  // The path says it.
    message.system = std::move(fields->system);
    message.system.emplace_back("to", to);
    if (!input.empty()) message.system.emplace_back(CloudMessage::input_property, input);
    message.properties = std::move(fields->properties);
    message.body = request.http->body;
    return message;
}

Task<Result<HttpResponse>> send(Request& request, Result<IdentityKey> key) {
    if (!key) co_return fail(std::move(key).error());
    auto message = read_cloud_message(request, *key);
    if (!message) co_return fail(std::move(message).error());
    auto sending = request.hub.messages().send(*key, *std::move(message));
    const auto sent = co_await std::move(sending);
    if (!sent) co_return fail(identity_error(sent.error(), *key));
    HttpResponse response = no_content();
    response.add("iothub-sequencenumber", std::to_string(*sent));
    co_return response;
}

Task<Result<HttpResponse>> settle_batch(Request& request, Settlement how) {
    const auto lock = request_lock(request, 0);
    if (!lock) co_return fail(lock.error());
    auto settling = request.hub.messages().feedback().settle(*lock, how);
    const auto settled = co_await std::move(settling);
    if (!settled) co_return fail(settled.error());
    co_return no_content();
}

void write_record(JsonWriter& out, const FeedbackRecord& record) {
    const std::string_view outcome = outcome_text(record.outcome);
    out.begin_object()
        .member("originalMessageId", record.original_message_id)
        .member("description", outcome)
        .member("deviceGenerationId", record.generation_id)
        .member("deviceId", record.device_id)
        .member("enqueuedTimeUtc", to_iso8601(record.time))
        .member("statusCode", outcome)
        .end_object();
}

}  // namespace

// No SDK sends so: they use AMQP. The form is that of messages from devices. Source: azure-iot-device-http:
// http.js; IoT Hub docs, "Send cloud-to-device messages from an IoT hub".
Task<Result<HttpResponse>> send_device_message(Request& request) {
    return send(request, request.device_key());
}
Task<Result<HttpResponse>> send_module_message(Request& request) {
    return send(request, request.module_key());
}

/// Source: azure-iot-hub-python: service.json; azure-iot-sdk-csharp: ServiceClient.cs.
Task<Result<HttpResponse>> purge_commands(Request& request) {
    const auto key = request.device_key();
    if (!key) co_return fail(key.error());
    auto purging = request.hub.messages().purge(*key);
    const auto purged = co_await std::move(purging);
    if (!purged) co_return fail(identity_error(purged.error(), *key));
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("totalMessagesPurged", *purged)
        .member("deviceId", key->device.str())
        .key("moduleId")
        .null()
        .end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> receive_feedback(Request& request) {
    const auto lock_time = request_lock_time(request);
    if (!lock_time) co_return fail(lock_time.error());
    auto receiving = request.hub.messages().feedback().receive(*lock_time);
    const auto received = co_await std::move(receiving);
    if (!received) co_return fail(received.error());
    if (!*received) co_return no_content();
    const FeedbackBatch& batch = **received;
    std::string body;
    JsonWriter out(body);
    out.begin_array();
    for (const FeedbackRecord& record : batch.records) write_record(out, record);
    out.end_array();
    HttpResponse response = ok(std::move(body), lock_token_text(batch.lock));
    response.content_type = feedback_type;
    response.add("iothub-sequencenumber", std::to_string(batch.sequence));
    response.add("iothub-enqueuedtime", to_iso8601(batch.enqueued));
    response.add("iothub-deliverycount", std::to_string(batch.delivery_count));
    co_return response;
}

Task<Result<HttpResponse>> complete_feedback(Request& request) {
    return settle_batch(request, asked_settlement(request));
}
Task<Result<HttpResponse>> abandon_feedback(Request& request) {
    return settle_batch(request, Settlement::abandon);
}

}  // namespace carillon::rest
