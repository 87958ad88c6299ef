#include "operate/local_hub.hpp"

#include "plain_get.hpp"

namespace carillon {

Result<HttpAnswer> ask_admin(const HubFile& hub, const std::string& path, const std::string& token,
                             std::chrono::milliseconds timeout) {
    if (hub.admin_port == 0)
        return fail(Errc::not_found_locally, "the hub has no admin listener (admin.port)");
    std::string address = hub.admin_address;
    if (address == "0.0.0.0") address = "127.0.0.1";
    if (address == "::") address = "::1";
    HttpsSettings settings;
    settings.tls_name = hub.host_name;
    settings.address = address;
    settings.port = hub.admin_port;
    settings.ca_file = hub.ca_file;
    settings.connect_timeout = timeout;
    if (!hub.admin_tls) return plain_get(settings, path, timeout, token);
    auto connection = HttpsConnection::open(settings);
    if (!connection) return fail(std::move(connection).error());
    HttpRequest request{.method = "GET", .target = path, .headers = {}, .body = {}};
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    return (*connection)->exchange(request, timeout);
}

Result<> ask_https(const HubFile& hub, std::chrono::milliseconds timeout) {
    HttpsSettings settings;
    settings.tls_name = hub.host_name;
    settings.address = hub.address;
    settings.port = hub.https_port;
    settings.ca_file = hub.ca_file;
    settings.connect_timeout = timeout;
    auto connection = HttpsConnection::open(settings);
    if (!connection) return fail(std::move(connection).error());
    const HttpRequest request{.method = "GET", .target = "/carillon/openapi.json", .headers = {}, .body = {}};
    const auto answer = (*connection)->exchange(request, timeout);
    if (!answer) return fail(answer.error());
    if (answer->status != 200)
        return fail(Errc::server_error, "it answers " + std::to_string(answer->status));
    return {};
}

}  // namespace carillon
