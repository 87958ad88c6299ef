#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/file_transfer.hpp"
#include "https_connection.hpp"
#include "service_errors.hpp"
#include "wire/sas/connection_string.hpp"
#include "wire/sas/sas_token.hpp"

#include <utility>

namespace carillon {

namespace {

constexpr std::string_view notifications_path = "/messages/serviceBound/filenotifications";
constexpr std::int64_t token_life_s = 3600;
constexpr std::size_t answer_bytes_max = 256 * 1024;

std::string_view without_quotes(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
    return etag;
}

}  // namespace

struct FileNotificationReceiver::Impl {
    Result<HttpAnswer> ask(std::string method, std::string target);

    sas::ConnectionString parts;
    std::chrono::milliseconds timeout{};
    std::unique_ptr<HttpsConnection> connection;
    SystemClock clock;
};

Result<HttpAnswer> FileNotificationReceiver::Impl::ask(std::string method, std::string target) {
    const std::string token =
        sas::make_token(parts.host_name, parts.key, clock.wall_now().plus_s(token_life_s), parts.key_name);
    target += target.find('?') == std::string::npos ? '?' : '&';
    target += "api-version=" + std::string(ServiceClient::api_version);
    const HttpHeaders headers{{"Authorization", token}, {"User-Agent", "carillon/" CARILLON_VERSION}};
    auto answer = connection->exchange({std::move(method), std::move(target), headers, {}}, timeout);
    if (answer && answer->status >= 300) {
        return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
    }
    return answer;
}

FileNotificationReceiver::FileNotificationReceiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileNotificationReceiver::FileNotificationReceiver(FileNotificationReceiver&&) noexcept = default;
FileNotificationReceiver& FileNotificationReceiver::operator=(FileNotificationReceiver&&) noexcept = default;
FileNotificationReceiver::~FileNotificationReceiver() = default;

Result<FileNotificationReceiver> FileNotificationReceiver::open(const ServiceOptions& options) {
    auto parts = sas::parse_connection_string(options.connection_string);
    if (!parts) return fail(std::move(parts).error());
    if (parts->key_name.empty()) return fail(Errc::argument_invalid, "the connection string names no policy");
    HttpsSettings settings;
    settings.tls_name = parts->host_name;
    settings.address = options.address.empty() ? parts->host_name : options.address;
    settings.port = options.port;
    settings.ca_file = options.ca_file;
    settings.connect_timeout = options.connect_timeout;
    settings.answer_bytes_max = answer_bytes_max;
    auto connection = HttpsConnection::open(std::move(settings));
    if (!connection) return fail(std::move(connection).error());
    auto impl = std::make_unique<Impl>();
    impl->parts = *std::move(parts);
    impl->timeout = options.request_timeout;
    impl->connection = *std::move(connection);
    return FileNotificationReceiver(std::move(impl));
}

Result<std::optional<ReceivedFileNotification>> FileNotificationReceiver::receive() {
    const auto answer = impl_->ask("GET", std::string(notifications_path));
    if (!answer) return fail(answer.error());
    if (answer->status == 204) return std::nullopt;
    const auto document = JsonDocument::parse(answer->body);
    if (!document) return fail(Errc::malformed_packet, "the notification is not JSON");
    const auto text = [root = document->root()](std::string_view name) {
        return std::string(root.find(name).string());
    };
    ReceivedFileNotification told;
    told.lock = without_quotes(answer->header("etag"));
    told.device_id = text("deviceId");
    told.blob_uri = text("blobUri");
    told.blob_name = text("blobName");
    told.last_updated = text("lastUpdatedTime");
    told.enqueued = text("enqueuedTimeUtc");
    told.bytes = document->root().find("blobSizeInBytes").integer().value_or(0);
    return std::optional(std::move(told));
}

Result<> FileNotificationReceiver::settle(std::string_view lock, MessageSettlement how) {
    std::string target = std::string(notifications_path) + "/" + percent_encode(lock);
    if (how == MessageSettlement::abandon) target += "/abandon";
    if (how == MessageSettlement::reject) target += "?reject=true";
    const auto answer = impl_->ask(how == MessageSettlement::abandon ? "POST" : "DELETE", std::move(target));
    if (!answer) return fail(answer.error());
    return {};
}

}  // namespace carillon
