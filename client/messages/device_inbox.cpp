#include "carillon/device_inbox.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "https_connection.hpp"
#include "service_errors.hpp"
#include "service_messages.hpp"
#include "wire/sas/connection_string.hpp"
#include "wire/sas/sas_token.hpp"

#include <string>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view inbox_api_version = "2021-04-12";
constexpr std::uint16_t inbox_port = 443;
constexpr std::int64_t inbox_token_life_s = 3600;
/// A message of 64 KB, with its properties as header fields.
constexpr std::size_t inbox_answer_bytes_max = 256 * 1024;
constexpr std::chrono::milliseconds inbox_timeout{60'000};

}  // namespace

struct DeviceInbox::Impl {
    Result<HttpAnswer> ask(HttpRequest request);
    std::string queue() const {
        return "/devices/" + percent_encode(parts.device_id) + "/messages/devicebound";
    }

    sas::ConnectionString parts;
    std::unique_ptr<HttpsConnection> connection;
    SystemClock clock;
};

Result<HttpAnswer> DeviceInbox::Impl::ask(HttpRequest request) {
    std::string token = parts.signature;
    if (token.empty()) {
        token = sas::make_token(parts.host_name + "/devices/" + percent_encode(parts.device_id), parts.key,
                                clock.wall_now().plus_s(inbox_token_life_s));
    }
    request.target += request.target.find('?') == std::string::npos ? '?' : '&';
    request.target += "api-version=" + std::string(inbox_api_version);
    request.headers.emplace_back("Authorization", token);
    request.headers.emplace_back("User-Agent", "carillon/" CARILLON_VERSION);
    auto answer = connection->exchange(std::move(request), inbox_timeout);
    if (answer && answer->status >= 300) {
        return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
    }
    return answer;
}

DeviceInbox::DeviceInbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeviceInbox::DeviceInbox(DeviceInbox&&) noexcept = default;
DeviceInbox& DeviceInbox::operator=(DeviceInbox&&) noexcept = default;
DeviceInbox::~DeviceInbox() = default;

Result<DeviceInbox> DeviceInbox::open(const DeviceOptions& options) {
    auto parts = sas::parse_connection_string(options.connection_string);
    if (!parts) return fail(std::move(parts).error());
    if (parts->device_id.empty() || !parts->module_id.empty() || parts->x509) {
        return fail(Errc::argument_invalid,
                    "a device's connection string with a key or a signature is needed");
    }
    const bool names_port = options.transport == DeviceTransport::mqtt_websocket && options.port != 0;
    HttpsSettings settings;
    settings.tls_name = parts->host_name;
    settings.address = options.address.empty() ? parts->host_name : options.address;
    settings.port = names_port ? options.port : inbox_port;
    settings.ca_file = options.ca_file;
    settings.answer_bytes_max = inbox_answer_bytes_max;
    auto connection = HttpsConnection::open(std::move(settings));
    if (!connection) return fail(std::move(connection).error());
    auto impl = std::make_unique<Impl>();
    impl->parts = *std::move(parts);
    impl->connection = *std::move(connection);
    return DeviceInbox(std::move(impl));
}

Result<std::optional<ReceivedServiceMessage>> DeviceInbox::receive(std::chrono::seconds lock) {
    HttpRequest request{
        "GET", impl_->queue() + "?iothub-messagelocktimeout=" + std::to_string(lock.count()), {}, {}};
    auto answer = impl_->ask(std::move(request));
    if (!answer) return fail(std::move(answer).error());
    if (answer->status == 204) return std::nullopt;
    return read_received(*std::move(answer));
}

Result<> DeviceInbox::settle(std::string_view lock, MessageSettlement how) {
    const auto answer = impl_->ask(settle_request(impl_->queue(), lock, how));
    if (!answer) return fail(answer.error());
    return {};
}

}  // namespace carillon
