#include "carillon/provisioning_client.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "https_connection.hpp"
#include "service_errors.hpp"
#include "wire/sas/sas_token.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace carillon {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::string_view provisioning_api_version = "2021-06-01";
constexpr std::string_view key_name = "registration";
constexpr std::int64_t registration_token_life_s = 3600;
/// Where the service names no time to wait, and the longest that is waited at once.
constexpr std::chrono::seconds wait_default{2};
constexpr std::chrono::seconds wait_max{60};
constexpr std::size_t registration_answer_bytes_max = 256 * 1024;

std::chrono::seconds wait_of(const HttpAnswer& answer) {
    const auto told = parse_u64(answer.header("retry-after"));
    if (!told) return wait_default;
    return std::min<std::chrono::seconds>(std::chrono::seconds(static_cast<std::int64_t>(*told)), wait_max);
}

/// The final answer to a registration. Fails with `iot_hub_unauthorized_access` for one that is disabled.
Result<ProvisionedDevice> read_end(JsonValue operation, std::string_view key) {
    const JsonValue state = operation.find("registrationState");
    if (operation.find("status").string() != "assigned") {
        const auto code = state.find("errorCode").integer().value_or(0);
        Error error{Errc::iot_hub_unauthorized_access, std::string(state.find("errorMessage").string())};
        if (code >= 400000 && code < 600000) error.code = static_cast<Errc>(code);
        return fail(std::move(error));
    }
    ProvisionedDevice device;
    device.hub = state.find("assignedHub").string();
    device.device_id = state.find("deviceId").string();
    device.substatus = state.find("substatus").string();
    if (!state.find("payload").is_null_or_absent()) device.payload = state.find("payload").raw();
    if (device.hub.empty() || device.device_id.empty())
        return fail(Errc::malformed_packet, "the answer names no hub or no device");
    device.connection_string =
        "HostName=" + device.hub + ";DeviceId=" + device.device_id + ";SharedAccessKey=" + std::string(key);
    return device;
}

}  // namespace

struct ProvisioningClient::Impl {
    /// Sends one request, and again after 429 and 5xx. Fails with the error of the last answer.
    Result<HttpAnswer> ask(const HttpRequest& request, Steady::time_point end);
    std::string path_of(std::string_view registration_id) const;

    ProvisioningOptions options;
    SystemClock clock;
    std::unique_ptr<HttpsConnection> connection;
};

std::string ProvisioningClient::Impl::path_of(std::string_view registration_id) const {
    return "/" + percent_encode(options.id_scope) + "/registrations/" + percent_encode(registration_id);
}

Result<HttpAnswer> ProvisioningClient::Impl::ask(const HttpRequest& request, Steady::time_point end) {
    for (;;) {
        auto answer = connection->exchange(request, options.request_timeout);
        if (!answer || answer->status < 300) return answer;
        const bool passes = answer->status == 429 || answer->status >= 500;
        const auto next = Steady::now() + wait_of(*answer);
        if (!passes || next >= end) return fail(service_error(answer->status, {}, answer->body));
        std::this_thread::sleep_until(next);
    }
}

ProvisioningClient::ProvisioningClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProvisioningClient::ProvisioningClient(ProvisioningClient&&) noexcept = default;
ProvisioningClient& ProvisioningClient::operator=(ProvisioningClient&&) noexcept = default;
ProvisioningClient::~ProvisioningClient() = default;

Result<ProvisioningClient> ProvisioningClient::open(ProvisioningOptions options) {
    if (options.host.empty() || options.id_scope.empty())
        return fail(Errc::argument_invalid, "a host and an id scope are needed");
    HttpsSettings settings;
    settings.tls_name = options.host;
    settings.address = options.address.empty() ? options.host : options.address;
    settings.port = options.port;
    settings.ca_file = options.ca_file;
    settings.connect_timeout = options.connect_timeout;
    settings.answer_bytes_max = registration_answer_bytes_max;
    auto connection = HttpsConnection::open(std::move(settings));
    if (!connection) return fail(std::move(connection).error());
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    impl->connection = std::move(*connection);
    return ProvisioningClient(std::move(impl));
}

Result<ProvisionedDevice> ProvisioningClient::register_device(std::string_view registration_id,
                                                              std::string_view key,
                                                              std::string_view payload) {
    const auto end = Steady::now() + impl_->options.registration_timeout;
    const std::string path = impl_->path_of(registration_id);
    const std::string version = "?api-version=" + std::string(provisioning_api_version);
    const std::string resource = impl_->options.id_scope + "/registrations/" + std::string(registration_id);
    const std::string token =
        sas::make_token(resource, key, impl_->clock.wall_now().plus_s(registration_token_life_s), key_name);
    const HttpHeaders headers{{"Authorization", token},
                              {"Content-Type", "application/json; charset=utf-8"},
                              {"User-Agent", "carillon/" CARILLON_VERSION}};
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("registrationId", registration_id);
    if (!payload.empty()) json.member_raw("payload", payload);
    json.end_object();
    auto answer = impl_->ask({"PUT", path + "/register" + version, headers, body}, end);
    // Asked at once for the first time: a hub of our kind knows the end by then.
    for (;;) {
        if (!answer) return fail(std::move(answer).error());
        const auto document = JsonDocument::parse(answer->body);
        if (!document || !document->root().find("operationId").is_string())
            return fail(Errc::malformed_packet, "the answer is no registration");
        const JsonValue operation = document->root();
        if (operation.find("status").string() != "assigning") return read_end(operation, key);
        const std::string id(operation.find("operationId").string());
        const bool is_first = operation.find("registrationState").is_null_or_absent();
        const auto next = is_first ? Steady::now() : Steady::now() + wait_of(*answer);
        if (next >= end) return fail(Errc::gateway_timeout, "the registration takes too long");
        std::this_thread::sleep_until(next);
        answer = impl_->ask({"GET", path + "/operations/" + percent_encode(id) + version, headers, {}}, end);
    }
}

std::string derive_device_key(std::string_view group_key, std::string_view registration_id) {
    const auto key = base64_decode(group_key);
    return key ? base64_encode(hmac_sha256(*key, registration_id)) : std::string();
}

}  // namespace carillon
