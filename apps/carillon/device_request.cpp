#include "device_request.hpp"

#include "base/json.hpp"
#include "failure.hpp"
#include "json_text.hpp"

namespace carillon {

namespace {

/// The service's word for `--auth-method`. Source: Azure CLI docs, "az iot hub device-identity create".
Result<std::string_view> auth_type(const DeviceOrder& order) {
    if (order.auth_method == "x509_ca") return "certificateAuthority";
    if (order.auth_method == "x509_thumbprint") {
        if (order.primary_thumbprint.empty()) return fail_usage("x509_thumbprint needs --primary-thumbprint");
        return "selfSigned";
    }
    if (order.auth_method.empty()) {
        return order.primary_thumbprint.empty() ? std::string_view("sas") : std::string_view("selfSigned");
    }
    if (order.auth_method == "shared_private_key") return "sas";
    return fail_usage("--auth-method is shared_private_key, x509_thumbprint or x509_ca");
}

Result<> write_authentication(JsonWriter& json, const DeviceOrder& order) {
    const auto type = auth_type(order);
    if (!type) return fail(type.error());
    if (order.primary_key.empty() != order.secondary_key.empty()) {
        return fail_usage("--primary-key and --secondary-key come together, or neither: the hub makes both");
    }
    json.key("authentication").begin_object();
    if (!order.primary_key.empty()) {
        json.key("symmetricKey").begin_object().member("primaryKey", order.primary_key);
        json.member("secondaryKey", order.secondary_key).end_object();
    }
    if (!order.primary_thumbprint.empty()) {
        json.key("x509Thumbprint").begin_object().member("primaryThumbprint", order.primary_thumbprint);
        if (!order.secondary_thumbprint.empty())
            json.member("secondaryThumbprint", order.secondary_thumbprint);
        json.end_object();
    }
    json.member("type", *type).end_object();
    return {};
}

void write_id(JsonWriter& json, const DeviceOrder& order) {
    json.member("deviceId", order.id);
    if (!order.module.empty()) json.member("moduleId", order.module);
}

}  // namespace

Result<std::string> new_device_json(const DeviceOrder& order) {
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    write_id(json, order);
    if (order.module.empty()) json.member("status", order.status.empty() ? "enabled" : order.status);
    if (!order.status_reason.empty()) json.member("statusReason", order.status_reason);
    if (auto written = write_authentication(json, order); !written) return fail(std::move(written).error());
    json.end_object();
    return body;
}

Result<std::string> changed_device_json(const DeviceOrder& order, std::string_view current_json) {
    const auto document = JsonDocument::parse(current_json);
    if (!document || !document->root().is_object()) {
        return fail(Errc::malformed_packet, "the hub's answer is not an identity");
    }
    const auto current = document->root();
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    write_id(json, order);
    if (order.module.empty()) {
        json.member("status", order.status.empty() ? current.find("status").string() : order.status);
    }
    if (!order.status_reason.empty()) {
        json.member("statusReason", order.status_reason);
    } else if (order.status.empty() && current.find("statusReason").is_string()) {
        json.member("statusReason", std::string(current.find("statusReason").string()));
    }
    const bool keeps_authentication =
        order.auth_method.empty() && order.primary_key.empty() && order.primary_thumbprint.empty();
    if (!keeps_authentication) {
        if (auto written = write_authentication(json, order); !written)
            return fail(std::move(written).error());
    } else if (current.find("authentication").is_object()) {
        json.member_raw("authentication", current.find("authentication").raw());
    }
    for (const char* kept : {"capabilities", "deviceScope", "parentScopes", "managedBy"}) {
        if (!current.find(kept).is_null_or_absent()) json.member_raw(kept, current.find(kept).raw());
    }
    json.end_object();
    return body;
}

Result<std::string> device_connection_string(std::string_view host_name, std::string_view identity_json) {
    const auto document = JsonDocument::parse(identity_json);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not an identity");
    const auto key = find_path(document->root(), "authentication.symmetricKey.primaryKey").string();
    if (key.empty()) return fail_usage("it has no shared access key: it uses certificates");
    std::string text = "HostName=";
    text += host_name;
    text += ";DeviceId=";
    text += document->root().find("deviceId").string();
    if (const auto module = document->root().find("moduleId").string(); !module.empty()) {
        text += ";ModuleId=";
        text += module;
    }
    text += ";SharedAccessKey=";
    text += key;
    return text;
}

}  // namespace carillon
