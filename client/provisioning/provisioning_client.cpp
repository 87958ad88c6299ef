#include "carillon/provisioning_client.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "provisioning/https_registration.hpp"
#include "provisioning/mqtt_registration.hpp"
#include "provisioning/registration_words.hpp"
#include "service_errors.hpp"
#include "wire/sas/sas_token.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace carillon {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::string_view key_name = "registration";
constexpr std::int64_t registration_token_life_s = 3600;
/// Where the service names no time to wait, and the longest that is waited at once.
constexpr std::chrono::seconds wait_default{2};
constexpr std::chrono::seconds wait_max{60};
constexpr std::size_t registration_answer_bytes_max = 256 * 1024;
/// Of a registration id, and of an id scope. Source: DPS docs, "Service concepts", registration ID.
constexpr std::size_t id_bytes_max = 128;
/// Source: DPS docs, "Quotas and limits", maximum size of a message.
constexpr std::size_t payload_bytes_max = 96UL * 1024;
/// Ours: the service's take some 60.
constexpr std::size_t operation_id_bytes_max = 1024;

std::chrono::seconds wait_of(const RegistrationAnswer& answer) {
    const auto told = parse_u64(answer.retry_after);
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
    Result<> open();
    std::unique_ptr<RegistrationLine> line(std::string_view registration_id, std::string_view key);
    /// Asks once, and again after 429 and 5xx. Fails with the error of the last answer.
    template <class Request>
    Result<RegistrationAnswer> ask(Request request, Steady::time_point end);

    ProvisioningOptions options;
    SystemClock clock;
    std::unique_ptr<HttpsConnection> connection;  ///< Over HTTPS.
    std::unique_ptr<client::ClientIo> io;         ///< Over MQTT, as is what follows.
    client::LinkSettings link;
};

Result<> ProvisioningClient::Impl::open() {
    const std::string& address = options.address.empty() ? options.host : options.address;
    const bool is_mqtt = options.transport == ProvisioningTransport::mqtt;
    const std::uint16_t port = options.port != 0 ? options.port : is_mqtt ? 8883 : 443;
    if (options.transport == ProvisioningTransport::https) {
        HttpsSettings settings;
        settings.tls_name = options.host;
        settings.address = address;
        settings.port = port;
        settings.ca_file = options.ca_file;
        settings.connect_timeout = options.connect_timeout;
        settings.answer_bytes_max = registration_answer_bytes_max;
        auto opened = HttpsConnection::open(std::move(settings));
        if (!opened) return fail(std::move(opened).error());
        connection = std::move(*opened);
        return {};
    }
    auto opened = client::ClientIo::open();
    if (!opened) return fail(std::move(opened).error());
    io = std::move(*opened);
    auto tls = io->tls({.ca_file = options.ca_file, .certificate_file = {}, .key_file = {}});
    if (!tls) return fail(std::move(tls).error());
    link.host_name = options.host;
    link.address = address;
    link.port = port;
    link.tls = std::move(*tls);
    if (!is_mqtt) link.websocket = "mqtt";
    return {};
}

std::unique_ptr<RegistrationLine> ProvisioningClient::Impl::line(std::string_view registration_id,
                                                                 std::string_view key) {
    const std::string resource = options.id_scope + "/registrations/" + std::string(registration_id);
    std::string token =
        sas::make_token(resource, key, clock.wall_now().plus_s(registration_token_life_s), key_name);
    if (connection)
        return std::make_unique<HttpsRegistration>(*connection, options.id_scope, registration_id,
                                                   std::move(token));
    MqttRegistration::Introduction introduction{
        .user_name = resource + "/api-version=" + std::string(registration_api_version) +
                     "&ClientVersion=" + percent_encode("carillon/" CARILLON_VERSION),
        .registration_id = std::string(registration_id),
        .token = std::move(token),
        .connect_timeout = options.connect_timeout};
    return std::make_unique<MqttRegistration>(*io, link, std::move(introduction));
}

template <class Request>
Result<RegistrationAnswer> ProvisioningClient::Impl::ask(Request request, Steady::time_point end) {
    for (;;) {
        auto answer = request();
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
    if (options.id_scope.size() > id_bytes_max)
        return fail(Errc::argument_invalid, "the id scope is too long");
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    if (auto opened = impl->open(); !opened) return fail(std::move(opened).error());
    return ProvisioningClient(std::move(impl));
}

Result<ProvisionedDevice> ProvisioningClient::register_device(std::string_view registration_id,
                                                              std::string_view key,
                                                              std::string_view payload) {
    if (registration_id.empty() || registration_id.size() > id_bytes_max)
        return fail(Errc::argument_invalid, "a registration id has 1 to 128 characters");
    if (payload.size() > payload_bytes_max) return fail(Errc::argument_invalid, "the payload is over 96 KB");
    const auto end = Steady::now() + impl_->options.registration_timeout;
    const auto timeout = impl_->options.request_timeout;
    const auto line = impl_->line(registration_id, key);
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("registrationId", registration_id);
    if (!payload.empty()) json.member_raw("payload", payload);
    json.end_object();
    auto answer = impl_->ask([&] { return line->begin(body, timeout); }, end);
    // Asked at once for the first time: a hub of our kind knows the end by then.
    for (;;) {
        if (!answer) return fail(std::move(answer).error());
        const auto document = JsonDocument::parse(answer->body);
        if (!document || !document->root().find("operationId").is_string())
            return fail(Errc::malformed_packet, "the answer is not a registration");
        const JsonValue operation = document->root();
        if (operation.find("status").string() != "assigning") return read_end(operation, key);
        const std::string id(operation.find("operationId").string());
        if (id.size() > operation_id_bytes_max)
            return fail(Errc::malformed_packet, "the answer is not a registration");
        const bool is_first = operation.find("registrationState").is_null_or_absent();
        const auto next = is_first ? Steady::now() : Steady::now() + wait_of(*answer);
        if (next >= end) return fail(Errc::gateway_timeout, "the registration takes too long");
        std::this_thread::sleep_until(next);
        answer = impl_->ask([&] { return line->poll(id, timeout); }, end);
    }
}

std::string derive_device_key(std::string_view group_key, std::string_view registration_id) {
    const auto key = base64_decode(group_key);
    return key ? base64_encode(hmac_sha256(*key, registration_id)) : std::string();
}

}  // namespace carillon
