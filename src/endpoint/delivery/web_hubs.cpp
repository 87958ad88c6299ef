#include "endpoint/delivery/web_hubs.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "wire/sas/sas_token.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {

namespace {

constexpr std::string_view api_version = "?api-version=2021-04-12";
constexpr std::string_view whatever_etag = "If-Match: \"*\"\r\n";
constexpr std::int64_t token_life_s = 300;

constexpr int http_ok = 200;
constexpr int http_no_content = 204;
constexpr int http_not_found = 404;

std::string path_of(std::string_view collection, const std::string& device_id) {
    return fmt::format("/{}/{}{}", collection, percent_encode(device_id), api_version);
}

std::string identity_json(const PlacedDevice& device, std::string_view status) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member("deviceId", device.device_id).member("status", status);
    json.member_raw("authentication", device.authentication);
    json.key("capabilities").begin_object().member("iotEdge", device.iot_edge).end_object();
    json.end_object();
    return text;
}

auto no_sense(const std::string& hub) {
    return fail(Errc::io_failed, hub + " answers what is not understood");
}

}  // namespace

Result<std::pair<WebServer, sas::ConnectionString>> parse_hub_login(std::string_view text) {
    auto parts = sas::parse_connection_string(text);
    if (!parts) return fail(Errc::config_invalid, parts.error().detail);
    if (!parts->device_id.empty() || parts->key.empty())
        return fail(Errc::config_invalid, "is not the connection string of a policy");
    WebServer server;
    const auto colon = parts->host_name.rfind(':');
    if (colon != std::string::npos) {
        const auto port = parse_u64(std::string_view(parts->host_name).substr(colon + 1));
        if (!port || *port == 0 || *port > 65535) return fail(Errc::config_invalid, "has a bad port");
        server.port = static_cast<std::uint16_t>(*port);
        parts->host_name.resize(colon);
    }
    server.host = parts->host_name;
    return std::pair{std::move(server), *std::move(parts)};
}

Result<std::unique_ptr<WebHubs>> WebHubs::open(const std::vector<std::string>& logins,
                                               const std::string& ca_file, const Clock& clock) {
    std::vector<Login> read;
    std::vector<std::string> hosts;
    for (const std::string& text : logins) {
        auto login = parse_hub_login(text);
        if (!login) return fail(std::move(login).error());
        hosts.push_back(fmt::format("https://{}:{}", login->first.host, login->first.port));
        read.push_back({std::move(login->first), std::move(login->second)});
    }
    auto reach = WebReach::parse(WebReach::Mode::listed, hosts);
    if (!reach) return fail(std::move(reach).error());
    auto trust = WebTrust::load(ca_file, *std::move(reach));
    if (!trust) return fail(std::move(trust).error());
    std::unique_ptr<WebHubs> hubs(new WebHubs(*std::move(trust), clock));
    for (const Login& login : read) hubs->names_.push_back(login.parts.host_name);
    hubs->logins_ = std::move(read);
    return hubs;
}

Result<WebAnswer> WebHubs::ask(const std::string& hub, std::string_view method, const std::string& path,
                               std::string_view fields, const std::string& body,
                               std::initializer_list<int> expected) {
    const auto known = std::find_if(logins_.begin(), logins_.end(), [&hub](const Login& login) {
        return equals_ignoring_case(login.parts.host_name, hub);
    });
    if (known == logins_.end()) return fail(Errc::unreachable, hub + " is not a linked hub");
    const auto& [server, parts] = *known;
    const WallTime expires = clock_.wall_now().plus_s(token_life_s);
    std::string head = "Authorization: " + sas::make_token(hub, parts.key, expires, parts.key_name) + "\r\n";
    if (!body.empty()) head += "Content-Type: application/json; charset=utf-8\r\n";
    head += fields;
    WebClient client(server, trust_, stops_);
    client.give_up_at(std::chrono::steady_clock::now() + answer_within);
    auto answer = client.exchange(method, path, head, body, answer_bytes_max);
    if (!answer && stops_) return fail(Errc::service_unavailable, "The hub is stopping.");
    if (!answer) return fail(answer.error().code, hub + ": " + answer.error().detail);
    if (std::find(expected.begin(), expected.end(), answer->status) == expected.end())
        return fail(Errc::io_failed, fmt::format("{} answers {} {} with status {}", hub, method,
                                                 path.substr(0, path.find('?')), answer->status));
    return answer;
}

Result<bool> WebHubs::place(const std::string& hub, const PlacedDevice& device) {
    const std::string path = path_of("devices", device.device_id);
    auto found = ask(hub, "GET", path, "", "", {http_ok, http_not_found});
    if (!found) return fail(std::move(found).error());
    const bool is_there = found->status == http_ok;
    std::string status = "enabled";
    if (is_there) {
        const auto identity = JsonDocument::parse(found->body);
        if (!identity || !identity->root().is_object()) return no_sense(hub);
        status = identity->root().find("status").string();  // An operator may have shut it out.
    }
    auto put = ask(hub, "PUT", path, is_there ? whatever_etag : "", identity_json(device, status), {http_ok});
    if (!put) return fail(std::move(put).error());
    if (device.twin.empty() && !(is_there && device.replaces_twin)) return is_there;
    if (is_there && !device.replaces_twin) return is_there;
    const std::string twin = device.twin.empty() ? R"({"tags":{},"properties":{"desired":{}}})" : device.twin;
    auto written = ask(hub, is_there ? "PUT" : "PATCH", path_of("twins", device.device_id), whatever_etag,
                       twin, {http_ok});
    if (!written) return fail(std::move(written).error());
    return is_there;
}

Result<std::string> WebHubs::twin(const std::string& hub, const std::string& device_id) {
    auto found = ask(hub, "GET", path_of("twins", device_id), "", "", {http_ok, http_not_found});
    if (!found) return fail(std::move(found).error());
    if (found->status == http_not_found) return std::string();
    const auto twin = JsonDocument::parse(found->body);
    if (!twin || !twin->root().is_object()) return no_sense(hub);
    const JsonValue tags = twin->root().find("tags");
    const JsonValue desired = twin->root().find("properties").find("desired");
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member_raw("tags", tags.is_object() ? tags.raw() : "{}");
    json.key("properties").begin_object().key("desired").begin_object();
    for (JsonValue member = desired.first(); member.exists(); member = member.next()) {
        if (!member.key().starts_with('$')) json.member_raw(member.key(), member.raw());
    }
    json.end_object().end_object().end_object();
    return text;
}

Result<> WebHubs::remove(const std::string& hub, const std::string& device_id) {
    auto removed = ask(hub, "DELETE", path_of("devices", device_id), whatever_etag, "",
                       {http_no_content, http_not_found});
    if (!removed) return fail(std::move(removed).error());
    return {};
}

}  // namespace carillon
