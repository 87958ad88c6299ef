#include "carillon/service_client.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "device/retry_schedule.hpp"
#include "event_reader.hpp"
#include "https_connection.hpp"
#include "service_errors.hpp"
#include "service_messages.hpp"
#include "wire/sas/connection_string.hpp"
#include "wire/sas/sas_token.hpp"

#include <thread>
#include <utility>

namespace carillon {

namespace {

/// A device waits for its own timeouts; the hub's answer about them needs a little longer.
constexpr std::chrono::seconds method_margin{10};

std::string device_path(const DeviceId& device) {
    return "/devices/" + percent_encode(device.str());
}

std::string module_path(const IdentityKey& module) {
    return device_path(module.device) + "/modules/" + percent_encode(module.module);
}

/// True if the request changes nothing, so that it may be repeated at will.
bool is_read(const HttpRequest& request) {
    return request.method == "GET" || (request.method == "POST" && request.target.ends_with("/query"));
}

/// True if a request that failed so may be made again. Of a change that is only so if nothing happened.
bool may_retry(const HttpRequest& request, Errc code) {
    if (code == Errc::unreachable || http_status(code) == 429) return true;
    const int status = http_status(code);
    return is_read(request) && code != Errc::tls_failed && code != Errc::malformed_packet && status >= 500;
}

std::string twin_path(const IdentityKey& target) {
    std::string path = "/twins/" + percent_encode(target.device.str());
    if (target.is_module()) path += "/modules/" + percent_encode(target.module);
    return path;
}

std::string configuration_path(std::string_view configuration) {
    return "/configurations/" + percent_encode(configuration);
}

/// With the endpoint whose log is meant; empty for the hub's own.
std::string of_log(std::string path, std::string_view endpoint) {
    return endpoint.empty() ? path : path + "?endpoint=" + percent_encode(endpoint);
}

std::string consumer_group_path(std::string_view group, std::string_view endpoint) {
    return of_log("/carillon/consumer-groups/" + percent_encode(group), endpoint);
}

std::string job_path(std::string_view job) {
    return "/jobs/v2/" + percent_encode(job);
}

/// A job as only Carillon shows it.
std::string live_job_path(std::string_view job) {
    return "/carillon/jobs/" + percent_encode(job);
}

/// The hub reads an etag on twin routes only in quotes. Source: azure-iot-sdk-node#606.
std::pair<std::string, std::string> if_match(std::string_view etag) {
    return {"If-Match", '"' + std::string(etag) + '"'};
}

}  // namespace

Result<> checked_id(std::string_view id) {
    if (id.empty() || id == "query") return fail(Errc::argument_invalid, "the id cannot be used");
    return {};
}

std::optional<std::vector<std::string>> json_array_items(std::string_view text) {
    const auto document = JsonDocument::parse(text);
    if (!document || !document->root().is_array()) return std::nullopt;
    std::vector<std::string> items;
    for (auto item = document->root().first(); item.exists(); item = item.next()) {
        items.emplace_back(item.raw());
    }
    return items;
}

struct ServiceClient::Impl {
    /// The token in use; made anew once half of its life is over.
    const std::string& token();
    Result<> prepare(HttpRequest& request);
    /// One request, whatever status its answer has.
    Result<HttpAnswer> exchange(HttpRequest request, std::chrono::milliseconds extra = {});
    Result<HttpAnswer> carried(const HttpRequest& request) const;
    Result<HttpAnswer> attempt(HttpRequest request, std::chrono::milliseconds extra);
    Result<HttpAnswer> call(const HttpRequest& request, std::chrono::milliseconds extra = {});
    Result<std::string> document(const HttpRequest& request, std::chrono::milliseconds extra = {});
    Result<> done(const HttpRequest& request);
    Result<ServicePage> page(HttpRequest request, std::size_t page_size, std::string_view continuation);
    Result<> follow(HttpRequest request, std::string_view after, std::chrono::steady_clock::time_point until,
                    const std::function<bool(const ServiceEvent&)>& take, const std::function<void()>& tick,
                    const std::atomic<bool>* stop = nullptr);

    ServiceOptions options;
    sas::ConnectionString parts;
    SystemClock clock;
    SystemRandom random;
    std::unique_ptr<HttpsConnection> connection;
    std::string token_text;
    WallTime token_renewal;
};

const std::string& ServiceClient::Impl::token() {
    const WallTime now = clock.wall_now();
    if (token_text.empty() || now >= token_renewal) {
        const auto lifetime_s = token_lifetime.count();
        token_renewal = now.plus_s(lifetime_s / 2);
        token_text = sas::make_token(parts.host_name, parts.key, now.plus_s(lifetime_s), parts.key_name);
    }
    return token_text;
}

Result<> ServiceClient::Impl::prepare(HttpRequest& request) {
    request.target += request.target.find('?') == std::string::npos ? '?' : '&';
    request.target += "api-version=" + std::string(api_version);
    if (options.before_request) {
        auto allowed = options.before_request({request.method, request.target, request.body});
        if (!allowed) return allowed;
    }
    if (!options.carrier) request.headers.emplace_back("Authorization", token());
    request.headers.emplace_back("User-Agent", "carillon/" CARILLON_VERSION);
    return {};
}

Result<HttpAnswer> ServiceClient::Impl::exchange(HttpRequest request, std::chrono::milliseconds extra) {
    if (auto prepared = prepare(request); !prepared) return fail(std::move(prepared).error());
    const auto begun = std::chrono::steady_clock::now();
    auto answer =
        options.carrier ? carried(request) : connection->exchange(request, options.request_timeout + extra);
    if (options.after_answer) {
        const auto time = std::chrono::steady_clock::now() - begun;
        ServiceAnswer seen{.time = std::chrono::duration_cast<std::chrono::milliseconds>(time)};
        if (answer) seen.status = answer->status;
        if (answer) seen.body = answer->body;
        options.after_answer({request.method, request.target, request.body}, seen);
    }
    return answer;
}

Result<HttpAnswer> ServiceClient::Impl::carried(const HttpRequest& request) const {
    auto reply = options.carrier({request.method, request.target, request.body}, request.headers);
    if (!reply) return fail(std::move(reply).error());
    return HttpAnswer{reply->status, std::move(reply->headers), std::move(reply->body)};
}

Result<HttpAnswer> ServiceClient::Impl::attempt(HttpRequest request, std::chrono::milliseconds extra) {
    auto answer = exchange(std::move(request), extra);
    if (!answer || answer->status < 300) return answer;
    return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
}

Result<HttpAnswer> ServiceClient::Impl::call(const HttpRequest& request, std::chrono::milliseconds extra) {
    for (std::uint32_t failures = 1;; ++failures) {
        auto answer = attempt(request, extra);
        if (answer || !may_retry(request, answer.error().code)) return answer;
        const auto delay = client::next_delay(options.retry, failures, random.u64());
        if (!delay) return answer;
        std::this_thread::sleep_for(*delay);
    }
}

Result<std::string> ServiceClient::Impl::document(const HttpRequest& request,
                                                  std::chrono::milliseconds extra) {
    auto answer = call(request, extra);
    if (!answer) return fail(std::move(answer).error());
    return std::move(answer->body);
}

Result<> ServiceClient::Impl::done(const HttpRequest& request) {
    auto answer = call(request);
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<ServicePage> ServiceClient::Impl::page(HttpRequest request, std::size_t page_size,
                                              std::string_view continuation) {
    if (page_size > 0) request.headers.emplace_back("x-ms-max-item-count", std::to_string(page_size));
    if (!continuation.empty()) request.headers.emplace_back("x-ms-continuation", std::string(continuation));
    auto answer = call(request);
    if (!answer) return fail(std::move(answer).error());
    auto items = json_array_items(answer->body);
    if (!items) return fail(Errc::malformed_packet, "the hub's answer is not a JSON array");
    ServicePage page;
    page.items = std::move(*items);
    page.continuation = answer->header("x-ms-continuation");
    return page;
}

ServiceClient::ServiceClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServiceClient::ServiceClient(ServiceClient&&) noexcept = default;
ServiceClient& ServiceClient::operator=(ServiceClient&&) noexcept = default;
ServiceClient::~ServiceClient() = default;

Result<ServiceClient> ServiceClient::open(ServiceOptions options) {
    if (options.carrier) {
        constexpr std::string_view host = "HostName=";
        if (!options.connection_string.starts_with(host))
            return fail(Errc::argument_invalid, "the connection string names no host");
        auto within = std::make_unique<Impl>();
        within->parts.host_name = split(options.connection_string, ';')[0].substr(host.size());
        within->options = std::move(options);
        return ServiceClient(std::move(within));
    }
    auto parts = sas::parse_connection_string(options.connection_string);
    if (!parts) return fail(std::move(parts).error());
    if (parts->key_name.empty() || parts->key.empty()) {
        return fail(Errc::argument_invalid,
                    "the connection string is a device's: a policy's SharedAccessKeyName and SharedAccessKey "
                    "are needed");
    }
    HttpsSettings settings;
    // A port in HostName belongs to a device's connection, not to this one.
    settings.tls_name = std::string(split(parts->host_name, ':')[0]);
    settings.address = options.address.empty() ? settings.tls_name : options.address;
    settings.port = options.port;
    settings.ca_file = options.ca_file;
    settings.connect_timeout = options.connect_timeout;
    settings.answer_bytes_max = answer_bytes_max;
    auto connection = HttpsConnection::open(std::move(settings));
    if (!connection) return fail(std::move(connection).error());
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    impl->parts = std::move(*parts);
    impl->connection = std::move(*connection);
    return ServiceClient(std::move(impl));
}

const std::string& ServiceClient::host_name() const {
    return impl_->parts.host_name;
}

Result<std::string> ServiceClient::create_device(const DeviceId& device, std::string_view identity_json) {
    return impl_->document({"PUT", device_path(device), {}, std::string(identity_json)});
}

Result<std::string> ServiceClient::find_device(const DeviceId& device) {
    return impl_->document({"GET", device_path(device), {}, {}});
}

Result<std::string> ServiceClient::update_device(const DeviceId& device, std::string_view identity_json,
                                                 std::string_view etag) {
    return impl_->document({"PUT", device_path(device), {if_match(etag)}, std::string(identity_json)});
}

Result<> ServiceClient::delete_device(const DeviceId& device, std::string_view etag) {
    auto answer = impl_->call({"DELETE", device_path(device), {if_match(etag)}, {}});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<std::string> ServiceClient::create_module(const IdentityKey& module, std::string_view identity_json) {
    return impl_->document({"PUT", module_path(module), {}, std::string(identity_json)});
}

Result<std::string> ServiceClient::find_module(const IdentityKey& module) {
    return impl_->document({"GET", module_path(module), {}, {}});
}

Result<std::string> ServiceClient::update_module(const IdentityKey& module, std::string_view identity_json,
                                                 std::string_view etag) {
    return impl_->document({"PUT", module_path(module), {if_match(etag)}, std::string(identity_json)});
}

Result<std::string> ServiceClient::list_modules(const DeviceId& device) {
    return impl_->document({"GET", device_path(device) + "/modules", {}, {}});
}

Result<> ServiceClient::delete_module(const IdentityKey& module, std::string_view etag) {
    auto answer = impl_->call({"DELETE", module_path(module), {if_match(etag)}, {}});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<std::string> ServiceClient::update_registry(std::string_view entries_json) {
    return impl_->document({"POST", "/devices", {}, std::string(entries_json)});
}

Result<std::string> ServiceClient::bulk_devices(std::string_view entries_json) {
    auto answer = impl_->exchange({"POST", "/devices", {}, std::string(entries_json)});
    if (!answer) return fail(std::move(answer).error());
    // Failed entries make the status 400; the body is the result all the same.
    const bool is_result =
        answer->status == 400 && answer->body.find("\"isSuccessful\"") != std::string::npos;
    if (answer->status < 300 || is_result) return std::move(answer->body);
    return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
}

Result<ServicePage> ServiceClient::registry_page(bool exclude_keys, std::string_view continuation) {
    const std::string flag = exclude_keys ? "true" : "false";
    return impl_->page({"GET", "/carillon/registry?excludeKeys=" + flag, {}, {}}, 0, continuation);
}

Result<std::string> ServiceClient::create_transfer_job(std::string_view request_json) {
    return impl_->document({"POST", "/jobs/create", {}, std::string(request_json)});
}

Result<std::string> ServiceClient::find_transfer_job(std::string_view job) {
    return impl_->document({"GET", "/jobs/" + percent_encode(job), {}, {}});
}

Result<> ServiceClient::cancel_transfer_job(std::string_view job) {
    auto answer = impl_->call({"DELETE", "/jobs/" + percent_encode(job), {}, {}});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<std::string> ServiceClient::put_configuration(std::string_view configuration,
                                                     std::string_view configuration_json,
                                                     std::string_view etag) {
    if (auto checked = checked_id(configuration); !checked) return fail(std::move(checked).error());
    HttpRequest request{"PUT", configuration_path(configuration), {}, std::string(configuration_json)};
    if (!etag.empty()) request.headers.push_back(if_match(etag));
    return impl_->document(std::move(request));
}

Result<std::string> ServiceClient::find_configuration(std::string_view configuration) {
    if (auto checked = checked_id(configuration); !checked) return fail(std::move(checked).error());
    return impl_->document({"GET", configuration_path(configuration), {}, {}});
}

Result<ServicePage> ServiceClient::list_configurations() {
    return impl_->page({"GET", "/configurations", {}, {}}, 0, {});
}

Result<> ServiceClient::delete_configuration(std::string_view configuration, std::string_view etag) {
    if (auto checked = checked_id(configuration); !checked) return fail(std::move(checked).error());
    auto answer = impl_->call({"DELETE", configuration_path(configuration), {if_match(etag)}, {}});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<> ServiceClient::apply_configuration_content(const DeviceId& device, std::string_view content_json) {
    auto answer = impl_->call(
        {"POST", device_path(device) + "/applyConfigurationContent", {}, std::string(content_json)});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<std::string> ServiceClient::make_dashboard_link(bool allows_changes) {
    std::string body = allows_changes ? R"({"access":"change"})" : R"({"access":"read"})";
    const auto link = impl_->document({"POST", "/carillon/session/links", {}, std::move(body)});
    if (!link) return fail(link.error());
    const auto json = JsonDocument::parse(*link);
    if (!json || !json->root().find("path").string().starts_with('/')) {
        return fail(Errc::malformed_packet, "the hub's answer is not a link");
    }
    return std::string(json->root().find("path").string());
}

Result<ServicePage> ServiceClient::list_policies() {
    return impl_->page({"GET", "/carillon/policies", {}, {}}, 0, {});
}

Result<std::string> ServiceClient::find_policy(std::string_view policy) {
    if (auto checked = checked_id(policy); !checked) return fail(std::move(checked).error());
    return impl_->document({"GET", "/carillon/policies/" + percent_encode(policy), {}, {}});
}

Result<std::string> ServiceClient::renew_policy_key(std::string_view policy, std::string_view key) {
    if (auto checked = checked_id(policy); !checked) return fail(std::move(checked).error());
    std::string body;
    JsonWriter(body).begin_object().member("key", key).end_object();
    return impl_->document(
        {"POST", "/carillon/policies/" + percent_encode(policy) + "/renewKey", {}, std::move(body)});
}

Result<> ServiceClient::renew_token_key() {
    auto answer = impl_->call({"POST", "/carillon/tokenKey/renew", {}, {}});
    if (!answer) return fail(std::move(answer).error());
    return {};
}

Result<std::string> ServiceClient::find_twin(const IdentityKey& target) {
    return impl_->document({"GET", twin_path(target), {}, {}});
}

Result<std::string> ServiceClient::update_twin(const IdentityKey& target, std::string_view patch_json,
                                               std::string_view etag) {
    return impl_->document({"PATCH", twin_path(target), {if_match(etag)}, std::string(patch_json)});
}

Result<std::string> ServiceClient::replace_twin(const IdentityKey& target, std::string_view twin_json,
                                                std::string_view etag) {
    return impl_->document({"PUT", twin_path(target), {if_match(etag)}, std::string(twin_json)});
}

Result<std::string> ServiceClient::invoke_method(const IdentityKey& target, const MethodInvocation& call) {
    HttpRequest request{"POST", twin_path(target) + "/methods", {}, {}};
    JsonWriter json(request.body);
    json.begin_object().member("methodName", call.name).member_raw("payload", call.payload_json);
    json.member("responseTimeoutInSeconds", call.response_timeout_s);
    json.member("connectTimeoutInSeconds", call.connect_timeout_s).end_object();
    const std::chrono::seconds device_time{call.response_timeout_s + call.connect_timeout_s};
    return impl_->document(request, device_time + method_margin);
}

Result<> ServiceClient::send_message(const IdentityKey& target, const ServiceMessage& message) {
    const std::string path = target.is_module() ? module_path(target) : device_path(target.device);
    auto request = send_request(path + "/messages/devicebound", message);
    if (!request) return fail(std::move(request).error());
    return impl_->done(*request);
}

Result<> ServiceClient::send_event(const DeviceId& device, const ServiceMessage& message) {
    auto request = send_request(device_path(device) + "/messages/events", message);
    if (!request) return fail(std::move(request).error());
    return impl_->done(*request);
}

Result<std::string> ServiceClient::purge_messages(const DeviceId& device) {
    return impl_->document({"DELETE", device_path(device) + "/commands", {}, {}});
}

Result<std::optional<ReceivedServiceMessage>> ServiceClient::receive_message(const DeviceId& device,
                                                                             int lock_s) {
    const std::string asked = "/messages/devicebound?iothub-messagelocktimeout=" + std::to_string(lock_s);
    auto answer = impl_->call({"GET", device_path(device) + asked, {}, {}});
    if (!answer) return fail(std::move(answer).error());
    if (answer->status == 204) return std::nullopt;
    return read_received(*std::move(answer));
}

Result<> ServiceClient::settle_message(const DeviceId& device, std::string_view lock, MessageSettlement how) {
    return impl_->done(settle_request(device_path(device) + "/messages/devicebound", lock, how));
}

Result<std::optional<ServiceFeedback>> ServiceClient::receive_feedback() {
    auto answer = impl_->call({"GET", "/messages/serviceBound/feedback", {}, {}});
    if (!answer) return fail(std::move(answer).error());
    if (answer->status == 204) return std::nullopt;
    return ServiceFeedback{.lock = lock_of(*answer), .records_json = std::move(answer->body)};
}

Result<> ServiceClient::settle_feedback(std::string_view lock, MessageSettlement how) {
    return impl_->done(settle_request("/messages/serviceBound/feedback", lock, how));
}

Result<std::optional<ServiceFileNotification>> ServiceClient::receive_file_notification() {
    auto answer = impl_->call({"GET", "/messages/serviceBound/filenotifications", {}, {}});
    if (!answer) return fail(std::move(answer).error());
    if (answer->status == 204) return std::nullopt;
    return read_file_notification(*std::move(answer));
}

Result<> ServiceClient::settle_file_notification(std::string_view lock, MessageSettlement how) {
    return impl_->done(settle_request("/messages/serviceBound/filenotifications", lock, how));
}

Result<std::string> ServiceClient::create_job(std::string_view job, std::string_view request_json) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return impl_->document({"PUT", job_path(job), {}, std::string(request_json)});
}

Result<std::string> ServiceClient::find_job(std::string_view job) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    auto text = impl_->document({"GET", job_path(job), {}, {}});
    if (!text) return text;
    // An unknown job is not an error on this route. Source: azure-iot-sdk-csharp#2941.
    const auto document = JsonDocument::parse(*text);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    if (document->root().find("status").string() == "unknown") {
        return fail(Errc::job_not_found, std::string(job));
    }
    return text;
}

Result<std::string> ServiceClient::cancel_job(std::string_view job) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return impl_->document({"POST", job_path(job) + "/cancel", {}, {}});
}

Result<std::string> ServiceClient::about() {
    return impl_->document({"GET", "/carillon/about", {}, {}});
}

Result<> ServiceClient::check_rollout() {
    const auto told = about();
    // A hub without this route answers as it does on any path that it does not have.
    const int status = told ? 200 : http_status(told.error().code);
    const bool is_without = status == 400 || status == 404 || status == 405 || status == 501;
    if (!told && !is_without) return fail(told.error());
    const auto document = JsonDocument::parse(told ? *told : "{}");
    const auto version = document ? document->root().find("rollout").integer() : std::nullopt;
    if (version && *version >= 1) return {};
    return fail(Errc::feature_not_supported,
                "this hub does not know `rollout`: it would run the job at once on all its devices");
}

Result<std::string> ServiceClient::job_progress(std::string_view job) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    return impl_->document({"GET", live_job_path(job), {}, {}});
}

Result<std::vector<std::string>> ServiceClient::job_history(std::string_view job) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    std::vector<std::string> events;
    std::string after = "0";
    for (;;) {
        const auto page = impl_->document({"GET", live_job_path(job) + "/history?after=" + after, {}, {}});
        if (!page) return fail(page.error());
        if (page->empty()) return events;
        for (const std::string_view line : split(*page, '\n')) {
            if (!line.empty()) events.emplace_back(line);
        }
        // An id is the job's number, a dash, and the event's number.
        const auto last = JsonDocument::parse(events.back());
        const std::string id(last ? last->root().find("id").string() : std::string_view());
        const std::string next = id.substr(id.find('-') + 1);
        if (!parse_u64(next) || next == after)
            return fail(Errc::malformed_packet, "an event without a number");
        after = next;
    }
}

/// Asks for server-sent events and takes them until `take` returns false or they are over.
Result<> ServiceClient::Impl::follow(HttpRequest request, std::string_view after,
                                     std::chrono::steady_clock::time_point until,
                                     const std::function<bool(const ServiceEvent&)>& take,
                                     const std::function<void()>& tick, const std::atomic<bool>* stop) {
    request.headers.emplace_back("Accept", "text/event-stream");
    if (!after.empty()) request.headers.emplace_back("Last-Event-ID", std::string(after));
    if (auto prepared = prepare(request); !prepared) return prepared;
    if (!connection) return fail(Errc::feature_not_supported, "what comes as a stream is not carried");
    EventReader reader;
    Result<> outcome;
    const auto read = [&](std::string_view piece) {
        auto goes_on = reader.read(piece, take);
        if (!goes_on) outcome = fail(std::move(goes_on).error());
        return goes_on && *goes_on;
    };
    auto answer = connection->stream(request, {quiet_max, until, tick_interval, tick, stop}, read);
    if (!answer) return fail(std::move(answer).error());
    if (answer->status >= 300) {
        return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
    }
    return outcome;
}

Result<> ServiceClient::download_backup(const std::function<Result<>(std::string_view)>& take,
                                        std::string_view since) {
    HttpRequest request{since.empty() ? "GET" : "POST", "/carillon/backup", {}, std::string(since)};
    if (auto prepared = impl_->prepare(request); !prepared) return prepared;
    if (!impl_->connection) return fail(Errc::feature_not_supported, "what comes as a stream is not carried");
    Result<> outcome;
    const auto read = [&](std::string_view piece) {
        outcome = take(piece);
        return outcome.has_value();
    };
    constexpr std::chrono::hours longest{24 * 7};  // The hub cuts off what is slow.
    auto answer = impl_->connection->stream(
        request, {backup_quiet_max, std::chrono::steady_clock::now() + longest, tick_interval, {}}, read);
    if (!answer) return fail(std::move(answer).error());
    if (answer->status >= 300) {
        return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
    }
    return outcome;
}

Result<> ServiceClient::follow_job(std::string_view job, std::string_view after,
                                   std::chrono::steady_clock::time_point until,
                                   const std::function<bool(const ServiceEvent&)>& take,
                                   const std::function<void()>& tick) {
    if (auto checked = checked_id(job); !checked) return fail(std::move(checked).error());
    HttpRequest request{"GET", live_job_path(job) + "/events", {}, {}};
    return impl_->follow(std::move(request), after, until, take, tick);
}

Result<ServicePage> ServiceClient::list_jobs(std::string_view type, std::string_view status,
                                             std::size_t page_size, std::string_view continuation) {
    HttpRequest request{"GET", "/jobs/v2/query", {}, {}};
    if (!type.empty()) request.target += "?jobType=" + percent_encode(type);
    if (!status.empty()) {
        request.target += type.empty() ? '?' : '&';
        request.target += "jobStatus=" + percent_encode(status);
    }
    return impl_->page(std::move(request), page_size, continuation);
}

Result<ServicePage> ServiceClient::query(std::string_view statement, std::size_t page_size,
                                         std::string_view continuation) {
    HttpRequest request{"POST", "/devices/query", {}, {}};
    JsonWriter json(request.body);
    json.begin_object().member("query", std::string(statement)).end_object();
    return impl_->page(std::move(request), page_size, continuation);
}

Result<std::string> ServiceClient::send(const ServiceRequest& request, std::string_view etag) {
    HttpRequest whole{
        std::string(request.method), std::string(request.target), {}, std::string(request.body)};
    if (!etag.empty()) whole.headers.push_back(if_match(etag));
    return impl_->document(whole);
}

Result<ServicePage> ServiceClient::send_for_page(const ServiceRequest& request, std::size_t page_size,
                                                 std::string_view continuation) {
    HttpRequest whole{
        std::string(request.method), std::string(request.target), {}, std::string(request.body)};
    return impl_->page(std::move(whole), page_size, continuation);
}

Result<> ServiceClient::follow_events(const EventsQuery& query, std::chrono::steady_clock::time_point until,
                                      const std::function<bool(const ServiceEvent&)>& take,
                                      const std::function<void()>& tick, const std::atomic<bool>* stop) {
    HttpRequest request{"GET", "/carillon/events", {}, {}};
    const auto add = [&request](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        request.target += request.target.find('?') == std::string::npos ? '?' : '&';
        request.target.append(name).append("=").append(percent_encode(value));
    };
    add("deviceId", query.device);
    add("moduleId", query.module);
    add("endpoint", query.endpoint);
    add("consumerGroup", query.consumer_group);
    if (query.partition) add("partition", std::to_string(*query.partition));
    add("from", query.from);
    if (query.offset) add("offset", std::to_string(*query.offset));
    if (query.limit > 0) add("limit", std::to_string(query.limit));
    if (!query.follows) add("follow", "false");
    return impl_->follow(std::move(request), query.after, until, take, tick, stop);
}

Result<ServicePage> ServiceClient::list_partitions(std::string_view endpoint) {
    return impl_->page({"GET", of_log("/carillon/events/partitions", endpoint), {}, {}}, 0, {});
}

Result<ServicePage> ServiceClient::list_consumer_groups(std::string_view endpoint) {
    return impl_->page({"GET", of_log("/carillon/consumer-groups", endpoint), {}, {}}, 0, {});
}

Result<std::string> ServiceClient::find_consumer_group(std::string_view group, std::string_view endpoint) {
    if (auto checked = checked_id(group); !checked) return fail(std::move(checked).error());
    return impl_->document({"GET", consumer_group_path(group, endpoint), {}, {}});
}

Result<std::string> ServiceClient::create_consumer_group(std::string_view group, std::string_view endpoint) {
    if (auto checked = checked_id(group); !checked) return fail(std::move(checked).error());
    return impl_->document({"PUT", consumer_group_path(group, endpoint), {}, {}});
}

Result<> ServiceClient::delete_consumer_group(std::string_view group, std::string_view endpoint) {
    if (auto checked = checked_id(group); !checked) return checked;
    auto gone = impl_->document({"DELETE", consumer_group_path(group, endpoint), {}, {}});
    if (!gone) return fail(std::move(gone).error());
    return {};
}

}  // namespace carillon
