#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/file_transfer.hpp"
#include "files/upload_plan.hpp"
#include "https_connection.hpp"
#include "service_errors.hpp"
#include "wire/sas/connection_string.hpp"
#include "wire/sas/sas_token.hpp"

#include <fstream>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view api_version = "2021-04-12";
constexpr std::string_view storage_version = "2020-02-10";
constexpr std::uint16_t https_port = 443;
constexpr std::int64_t upload_token_life_s = 3600;
constexpr std::size_t block_bytes = 4 * 1024 * 1024;
constexpr std::size_t blob_answer_bytes_max = 256 * 1024;
constexpr std::chrono::milliseconds request_timeout{60'000};
/// A block may take this long on a slow line: 4 MiB at 14 KB/s.
constexpr std::chrono::milliseconds block_timeout{300'000};

Result<std::unique_ptr<HttpsConnection>> connect(const std::string& host, const std::string& address,
                                                 std::uint16_t port, const std::string& ca_file) {
    HttpsSettings settings;
    settings.tls_name = host;
    settings.address = address.empty() ? host : address;
    settings.port = port;
    settings.ca_file = ca_file;
    settings.answer_bytes_max = blob_answer_bytes_max;
    return HttpsConnection::open(std::move(settings));
}

/// A device that asks its hub about uploads.
class HubSide {
public:
    HubSide(sas::ConnectionString parts, std::unique_ptr<HttpsConnection> connection)
        : parts_(std::move(parts)), connection_(std::move(connection)) {}

    Result<UploadAddress> begin(std::string_view name) {
        std::string body;
        JsonWriter(body).begin_object().member("blobName", name).end_object();
        const auto answer = ask("/files", body);
        if (!answer) return fail(answer.error());
        return parse_upload_address(*answer);
    }
    Result<> end(const std::string& id, const Result<>& outcome) {
        std::string body;
        JsonWriter(body)
            .begin_object()
            .member("correlationId", id)
            .member("isSuccess", outcome.has_value())
            .member("statusCode", std::int64_t{outcome ? 201 : 500})
            .member("statusDescription", outcome ? "" : outcome.error().detail)
            .end_object();
        if (const auto answer = ask("/files/notifications", body); !answer) return fail(answer.error());
        return {};
    }

private:
    Result<std::string> ask(std::string_view what, const std::string& body) {
        const std::string path = "/devices/" + percent_encode(parts_.device_id);
        std::string token = parts_.signature;
        if (token.empty()) {
            token = sas::make_token(parts_.host_name + path, parts_.key,
                                    clock_.wall_now().plus_s(upload_token_life_s));
        }
        const HttpHeaders headers{{"Authorization", token},
                                  {"Content-Type", "application/json; charset=utf-8"},
                                  {"User-Agent", "carillon/" CARILLON_VERSION}};
        const std::string target = path + std::string(what) + "?api-version=" + std::string(api_version);
        auto answer = connection_->exchange({"POST", target, headers, body}, request_timeout);
        if (!answer) return fail(std::move(answer).error());
        if (answer->status >= 300) {
            return fail(service_error(answer->status, answer->header("iothub-errorcode"), answer->body));
        }
        return std::move(answer->body);
    }

    sas::ConnectionString parts_;
    std::unique_ptr<HttpsConnection> connection_;
    SystemClock clock_;
};

Result<> put(HttpsConnection& storage, const std::string& target, std::string body,
             std::chrono::milliseconds timeout) {
    const HttpHeaders headers{{"x-ms-version", std::string(storage_version)},
                              {"Content-Type", "application/octet-stream"},
                              {"User-Agent", "carillon/" CARILLON_VERSION}};
    const auto answer = storage.exchange({"PUT", target, headers, std::move(body)}, timeout);
    if (!answer) return fail(answer.error());
    if (answer->status < 300) return {};
    if (answer->header("x-ms-error-code") == "QuotaExceeded")
        return fail(Errc::iot_hub_quota_exceeded, answer->body);
    return fail(service_error(answer->status, {}, answer->body));
}

Result<> send_blocks(HttpsConnection& storage, const UploadAddress& address, const FileSource& source) {
    std::size_t count = 0;
    for (;; ++count) {
        std::string block;
        while (block.size() < block_bytes) {
            auto piece = source(block_bytes - block.size());
            if (!piece) return fail(std::move(piece).error());
            if (piece->empty()) break;
            block += *piece;
        }
        if (block.empty()) break;
        const std::string target = address.target + "&comp=block&blockid=" + percent_encode(block_id(count));
        if (auto sent = put(storage, target, std::move(block), block_timeout); !sent) return sent;
    }
    return put(storage, address.target + "&comp=blocklist", block_list_xml(count), request_timeout);
}

}  // namespace

Result<> upload_file(const DeviceOptions& options, std::string_view name, const FileSource& source) {
    auto parts = sas::parse_connection_string(options.connection_string);
    if (!parts) return fail(std::move(parts).error());
    if (parts->device_id.empty() || parts->x509) {
        return fail(Errc::argument_invalid,
                    "a device's connection string with a key or a signature is needed");
    }
    const std::string hub_host = parts->host_name;
    const bool names_port = options.transport == DeviceTransport::mqtt_websocket && options.port != 0;
    const std::uint16_t hub_port = names_port ? options.port : https_port;
    auto connection = connect(hub_host, options.address, hub_port, options.ca_file);
    if (!connection) return fail(std::move(connection).error());
    HubSide hub(*std::move(parts), *std::move(connection));
    const auto address = hub.begin(name);
    if (!address) return fail(address.error());
    // A hub that keeps the files itself is reached as it was before.
    const bool is_hub = equals_ignoring_case(address->host, hub_host);
    auto storage = is_hub ? connect(address->host, options.address, hub_port, options.ca_file)
                          : connect(address->host, {}, address->port, options.ca_file);
    Result<> sent = storage ? send_blocks(**storage, *address, source) : Result<>(fail(storage.error()));
    auto told = hub.end(address->correlation_id, sent);
    return sent ? told : sent;
}

Result<> upload_file(const DeviceOptions& options, std::string_view name, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Errc::not_found_locally, "cannot read " + path);
    return upload_file(options, name, [&file, &path](std::size_t bytes_max) -> Result<std::string> {
        std::string piece(bytes_max, '\0');
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        if (file.bad()) return fail(Errc::io_failed, "cannot read " + path);
        piece.resize(static_cast<std::size_t>(file.gcount()));
        return piece;
    });
}

}  // namespace carillon
