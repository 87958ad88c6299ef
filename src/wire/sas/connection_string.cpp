#include "wire/sas/connection_string.hpp"

#include "base/device_id.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon::sas {

namespace {

struct Member {
    std::string_view name;
    std::string ConnectionString::*value;
};

/// In the order they are printed. `x509` is the one member that is not text.
constexpr std::array<Member, 7> members{{
    {"HostName", &ConnectionString::host_name},
    {"DeviceId", &ConnectionString::device_id},
    {"ModuleId", &ConnectionString::module_id},
    {"SharedAccessKeyName", &ConnectionString::key_name},
    {"SharedAccessKey", &ConnectionString::key},
    {"SharedAccessSignature", &ConnectionString::signature},
    {"GatewayHostName", &ConnectionString::gateway_host_name},
}};

tl::unexpected<Error> refuse_connection_string(std::string why) {
    return fail(Errc::argument_invalid, "connection string: " + std::move(why));
}

bool is_host(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    });
}

/// What must hold between the members once all are read.
Result<> check(const ConnectionString& parts) {
    if (parts.host_name.empty()) return refuse_connection_string("HostName is missing");
    if (!is_host(parts.host_name)) return refuse_connection_string("HostName is not a host name");
    if (!parts.gateway_host_name.empty() && !is_host(parts.gateway_host_name)) {
        return refuse_connection_string("GatewayHostName is not a host name");
    }
    if (!parts.device_id.empty() && !DeviceId::is_valid(parts.device_id)) {
        return refuse_connection_string("DeviceId is not a device id");
    }
    if (!parts.module_id.empty() && !DeviceId::is_valid(parts.module_id)) {
        return refuse_connection_string("ModuleId is not a module id");
    }
    if (!parts.module_id.empty() && parts.device_id.empty())
        return refuse_connection_string("ModuleId without DeviceId");
    const int credentials = static_cast<int>(!parts.key.empty()) +
                            static_cast<int>(!parts.signature.empty()) + static_cast<int>(parts.x509);
    if (credentials != 1)
        return refuse_connection_string("needs one of SharedAccessKey, SharedAccessSignature, x509");
    if (!parts.key.empty() && !base64_decode(parts.key))
        return refuse_connection_string("SharedAccessKey is not base64");
    if (!parts.key_name.empty() && parts.x509)
        return refuse_connection_string("SharedAccessKeyName beside x509");
    if (parts.device_id.empty() && parts.x509) return refuse_connection_string("x509 without DeviceId");
    if (parts.device_id.empty() && parts.key_name.empty() && !parts.key.empty()) {
        return refuse_connection_string("needs DeviceId or SharedAccessKeyName");
    }
    return {};
}

}  // namespace

Result<ConnectionString> parse_connection_string(std::string_view text) {
    if (text.size() > connection_string_bytes_max) return refuse_connection_string("too long");
    text = trimmed(text);
    if (text.ends_with(';')) text.remove_suffix(1);
    ConnectionString parts;
    bool has_x509 = false;
    for (std::string_view pair : split(text, ';')) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) return refuse_connection_string("a part without '='");
        const std::string_view name = pair.substr(0, equals);
        const std::string_view value = pair.substr(equals + 1);
        if (value.empty()) return refuse_connection_string(std::string(name) + " is empty");
        if (name == "x509") {
            if (has_x509 || (value != "true" && value != "false"))
                return refuse_connection_string("x509 is malformed");
            has_x509 = true;
            parts.x509 = value == "true";
            continue;
        }
        const auto member =
            std::find_if(members.begin(), members.end(), [name](const Member& m) { return m.name == name; });
        if (member == members.end())
            return refuse_connection_string("unknown name " + std::string(name.substr(0, 64)));
        std::string& slot = parts.*(member->value);
        if (!slot.empty()) return refuse_connection_string(std::string(name) + " repeats");
        slot = value;
    }
    if (auto checked = check(parts); !checked) return fail(std::move(checked).error());
    return parts;
}

std::string to_text(const ConnectionString& parts) {
    std::string text;
    auto add = [&text](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        if (!text.empty()) text += ';';
        text += name;
        text += '=';
        text += value;
    };
    for (const Member& member : members) add(member.name, parts.*(member.value));
    if (parts.x509) add("x509", "true");
    return text;
}

}  // namespace carillon::sas
