#include "server/hub_file.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "server/private_file.hpp"

namespace carillon {
namespace {

std::uint16_t port_member(JsonValue root, std::string_view name) {
    const auto port = root.find(name).integer();
    return port && *port > 0 && *port <= 65535 ? static_cast<std::uint16_t>(*port) : 0;
}

}  // namespace

const HubFile::Policy* HubFile::find_policy(std::string_view name) const {
    for (const Policy& policy : policies) {
        if (equals_ignoring_case(policy.name, name)) return &policy;
    }
    return nullptr;
}

std::filesystem::path hub_file_path(const std::filesystem::path& data_dir) {
    return data_dir / "hub.json";
}

bool has_hub_file(const std::filesystem::path& data_dir) {
    std::error_code ignored;
    return std::filesystem::exists(hub_file_path(data_dir), ignored);
}

Result<> write_hub_file(const std::filesystem::path& data_dir, const HubFile& file) {
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("hostName", file.host_name)
        .member("address", file.address)
        .member("httpsPort", static_cast<int>(file.https_port))
        .member("mqttsPort", static_cast<int>(file.mqtts_port))
        .member("adminAddress", file.admin_address)
        .member("adminPort", static_cast<int>(file.admin_port))
        .member("adminTls", file.admin_tls)
        .member("caFile", file.ca_file)
        .key("policies")
        .begin_array();
    for (const HubFile::Policy& policy : file.policies) {
        json.begin_object().member("name", policy.name).member("primaryKey", policy.primary_key).end_object();
    }
    json.end_array().end_object();
    text += '\n';
    return write_file(hub_file_path(data_dir), text, Readable::by_owner);
}

Result<HubFile> read_hub_file(const std::filesystem::path& data_dir) {
    auto text = read_file(hub_file_path(data_dir));
    if (!text) return fail(std::move(text).error());
    const auto json = JsonDocument::parse(*text);
    if (!json) return fail(Errc::store_corrupt, hub_file_path(data_dir).string() + " does not parse");
    const JsonValue root = json->root();
    HubFile file;
    file.host_name = root.find("hostName").string();
    file.address = root.find("address").string();
    file.https_port = port_member(root, "httpsPort");
    file.mqtts_port = port_member(root, "mqttsPort");
    file.admin_address = root.find("adminAddress").string();
    file.admin_port = port_member(root, "adminPort");
    file.admin_tls = root.find("adminTls").is_boolean() && root.find("adminTls").boolean();
    file.ca_file = root.find("caFile").string();
    const JsonValue policies = root.find("policies");
    for (JsonValue policy = policies.first(); policy.exists(); policy = policy.next()) {
        HubFile::Policy read;
        read.name = policy.find("name").string();
        read.primary_key = policy.find("primaryKey").string();
        file.policies.push_back(std::move(read));
    }
    if (file.host_name.empty() || file.https_port == 0 || file.policies.empty()) {
        return fail(Errc::store_corrupt, hub_file_path(data_dir).string() + " is incomplete");
    }
    return file;
}

}  // namespace carillon
