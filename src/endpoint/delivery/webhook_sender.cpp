#include "endpoint/delivery/webhook_sender.hpp"

#include "endpoint/delivery/client_span.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/events/event_json.hpp"
#include "endpoint/blob/container_uri.hpp"
#include "model/event_source.hpp"

#include <fmt/core.h>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view secret_prefix = "whsec_";

/// Source: IoT Hub docs, "React to IoT Hub events by using Event Grid", event types. Ours: those of twins
/// and jobs, which Event Grid does not have.
std::string_view cloud_event_type(const Message& message) {
    constexpr std::pair<std::string_view, std::string_view> types[] = {
        {"createDeviceIdentity", "Microsoft.Devices.DeviceCreated"},
        {"deleteDeviceIdentity", "Microsoft.Devices.DeviceDeleted"},
        {"deviceConnected", "Microsoft.Devices.DeviceConnected"},
        {"deviceDisconnected", "Microsoft.Devices.DeviceDisconnected"},
        {"updateTwin", "Carillon.TwinUpdated"},
        {"replaceTwin", "Carillon.TwinReplaced"},
        {"deviceJobCompleted", "Carillon.DeviceJobCompleted"},
        {"deviceJobFailed", "Carillon.DeviceJobFailed"},
        {"deviceJobCanceled", "Carillon.DeviceJobCanceled"},
        {"jobCompleted", "Carillon.JobCompleted"},
        {"jobFailed", "Carillon.JobFailed"},
        {"jobCancelled", "Carillon.JobCancelled"},
        {"jobChanged", "Carillon.JobChanged"},
        {"jobPaused", "Carillon.JobPaused"},
        {"jobResumed", "Carillon.JobResumed"},
        {"jobPromoted", "Carillon.JobPromoted"},
        {"jobClosed", "Carillon.JobClosed"},
        {"jobCancelling", "Carillon.JobCancelling"},
        {"jobWaveOpened", "Carillon.JobWaveOpened"},
        {"jobWaveSoaking", "Carillon.JobWaveSoaking"},
        {"jobWaveAtGate", "Carillon.JobWaveAtGate"},
        {"jobWaveOpenAgain", "Carillon.JobWaveOpenAgain"},
        {"jobWavePassed", "Carillon.JobWavePassed"},
        {"jobWaveFailed", "Carillon.JobWaveFailed"},
        {"jobRuleTripped", "Carillon.JobRuleTripped"},
        {"jobVerdict", "Carillon.JobVerdict"},
        {"jobPlanChecked", "Carillon.JobPlanChecked"},
        {"jobTested", "Carillon.JobTested"},
        {"jobApproved", "Carillon.JobApproved"},
        {"jobDenied", "Carillon.JobDenied"},
    };
    // A device's message may have a property of that name.
    const bool is_telemetry = event_source(message) == message_source_text(EventSource::device_messages);
    for (const auto& [name, value] : message.properties) {
        if (is_telemetry || name != "opType" || !value) continue;
        for (const auto& [operation, type] : types) {
            if (operation == *value) return type;
        }
    }
    return "Microsoft.Devices.DeviceTelemetry";
}

/// What the event is of: a device or module, or a job.
std::string event_subject(const Message& message) {
    if (message.device_id.empty()) {
        for (const auto& [name, value] : message.properties) {
            if (name == "jobId" && value) return "jobs/" + percent_encode(*value);
        }
    }
    std::string sender = "devices/" + percent_encode(message.device_id);
    if (!message.module_id.empty()) sender += "/modules/" + percent_encode(message.module_id);
    return sender;
}

void append_cloud_event(JsonWriter& json, const RoutedEvent& event, std::string_view hub_name) {
    const Message& message = event.message;
    const std::string sender = event_subject(message);
    json.begin_object().member("specversion", "1.0");
    json.member("id", fmt::format("{}-{}", event.partition, event.sequence));
    json.member("source", fmt::format("//{}/{}", hub_name, sender));
    json.member("type", cloud_event_type(message)).member("subject", sender);
    json.member("time", to_iso8601(message.enqueued)).member("datacontenttype", "application/json");
    json.key("data").begin_object();
    if (!message.device_id.empty()) json.member("deviceId", message.device_id);
    if (!message.module_id.empty()) json.member("moduleId", message.module_id);
    json.member("partition", event.partition).member("sequenceNumber", event.sequence);
    append_message_members(json, message);
    json.end_object().end_object();
}

std::optional<std::chrono::seconds> retry_after(const WebAnswer& answer) {
    const auto seconds = parse_u64(answer.find("Retry-After"));  // A date is not read.
    if (!seconds || *seconds > 24 * 3600) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

}  // namespace

Result<WebhookAddress> WebhookAddress::parse(std::string_view url) {
    const auto refuse = [](std::string_view why) {
        return fail(Errc::argument_invalid, fmt::format("url takes https://HOST[:PORT]/PATH: {}", why));
    };
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return refuse("there is no scheme");
    for (const char c : url) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7F) return refuse("it holds a character that no URL may hold");
    }
    const std::size_t path = std::min(url.find_first_of("/?#", scheme + 3), url.size());
    // The form of the authority is the same as that of a container.
    const auto uri = ContainerUri::parse(std::string(url.substr(0, path)) + "/path");
    if (!uri) return refuse("the scheme is not http or https, or the host is not valid");
    if (uri->kind != ContainerUri::Kind::web) return refuse("the scheme is not http or https");
    WebhookAddress address{{uri->is_tls, uri->host, uri->port}, {}};
    address.target = url.substr(path, url.find('#') - path);
    if (!address.target.starts_with('/')) address.target.insert(0, "/");
    return address;
}

std::string cloud_events_json(const std::vector<RoutedEvent>& events, std::string_view hub_name) {
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const RoutedEvent& event : events) append_cloud_event(json, event, hub_name);
    json.end_array();
    return body;
}

std::string webhook_id(std::string_view endpoint, const std::vector<RoutedEvent>& events) {
    const RoutedEvent& first = events.front();
    const RoutedEvent& last = events.back();
    return fmt::format("{}-{}-{}-{}-{}-{}", endpoint, first.partition, first.sequence, last.partition,
                       last.sequence, events.size());
}

std::string webhook_signature(std::string_view secret, std::string_view id, std::int64_t unix_s,
                              std::string_view body) {
    if (secret.starts_with(secret_prefix)) secret.remove_prefix(secret_prefix.size());
    const std::string key = base64_decode(secret).value_or(std::string());
    std::string text = fmt::format("{}.{}.", id, unix_s);
    text += body;
    return "v1," + base64_encode(hmac_sha256(key, text));
}

std::string webhook_signatures(const RouteEndpoint& endpoint, std::string_view id, std::int64_t unix_s,
                               std::string_view body) {
    if (endpoint.secret.empty()) return {};
    auto signatures = webhook_signature(endpoint.secret, id, unix_s, body);
    if (!endpoint.previous_secret.empty() && unix_s < endpoint.previous_until_s)
        signatures += ' ' + webhook_signature(endpoint.previous_secret, id, unix_s, body);
    return signatures;
}

WebhookSender::WebhookSender(const RouteEndpoint& endpoint, WebhookAddress address, std::string hub_name,
                             std::shared_ptr<const WebTrust> trust, const Clock& clock,
                             const std::atomic<bool>& stops, SpanSink* spans)
    : endpoint_(endpoint),
      address_(std::move(address)),
      hub_name_(std::move(hub_name)),
      clock_(clock),
      spans_(spans),
      client_(address_.server, std::move(trust), stops) {}

DeliveryOutcome WebhookSender::send(const std::vector<RoutedEvent>& events) {
    using Verdict = DeliveryOutcome::Verdict;
    const std::string body = cloud_events_json(events, hub_name_);
    const std::string id = webhook_id(endpoint_.name, events);
    const std::int64_t now = clock_.wall_now().unix_s();
    std::string fields = "Content-Type: application/cloudevents-batch+json; charset=utf-8\r\n";
    fields += fmt::format("webhook-id: {}\r\nwebhook-timestamp: {}\r\n", id, now);
    if (!endpoint_.secret.empty()) {
        fields += "webhook-signature: " + webhook_signatures(endpoint_, id, now, body) + "\r\n";
    }
    ClientSpan span(spans_, clock_, "POST webhook", address_.server.host);
    fields += span.field();
    const auto answer = client_.exchange("POST", address_.target, fields, body, answer_bytes_max);
    span.ended(answer ? answer->status : 0);
    if (!answer) return {Verdict::failed, answer.error().detail, {}};
    const int status = answer->status;
    if (status >= 200 && status < 300) return {};
    const bool may_pass = status == 408 || status == 425 || status == 429 || status >= 500;
    return {may_pass ? Verdict::failed : Verdict::refused, fmt::format("the webhook answers {}", status),
            retry_after(*answer)};
}

}  // namespace carillon
