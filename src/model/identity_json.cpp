#include "model/identity_members.hpp"

#include "base/text.hpp"

namespace carillon {

namespace {

void write_authentication(JsonWriter& out, const Authentication& auth) {
    out.key("authentication").begin_object();
    out.key("symmetricKey").begin_object();
    out.member_or_null("primaryKey", auth.primary_key);
    out.member_or_null("secondaryKey", auth.secondary_key);
    out.end_object();
    out.key("x509Thumbprint").begin_object();
    out.member_or_null("primaryThumbprint", auth.primary_thumbprint);
    out.member_or_null("secondaryThumbprint", auth.secondary_thumbprint);
    out.end_object();
    out.member("type", auth_type_text(auth.type));
    out.end_object();
}

void write_optional(JsonWriter& out, std::string_view name, const std::optional<std::string>& text) {
    out.key(name);
    if (text) {
        out.value(*text);
    } else {
        out.null();
    }
}

void write_heading(JsonWriter& out, const Identity& identity, const LiveState& live) {
    out.member("generationId", std::to_string(identity.generation_id));
    out.member("etag", identity_etag_text(identity.etag));
    out.member("connectionState", live.connected ? "Connected" : "Disconnected");
}

}  // namespace

void write_edge_members(JsonWriter& out, const Identity& identity) {
    out.key("capabilities").begin_object().member("iotEdge", identity.iot_edge).end_object();
    if (!identity.device_scope.empty()) out.member("deviceScope", identity.device_scope);
    // An edge device without a parent says so. Source: azure-iot-hub-python: service.json, Device.
    if (identity.iot_edge || !identity.parent_scopes.empty()) {
        out.key("parentScopes").begin_array();
        for (const std::string& scope : identity.parent_scopes) out.value(scope);
        out.end_array();
    }
}

void append_identity_json(std::string& text, const Identity& identity, const LiveState& live) {
    JsonWriter out(text);
    out.begin_object();
    if (identity.key.is_module()) {
        out.member("moduleId", identity.key.module);
        write_optional(out, "managedBy", identity.managed_by);
        out.member("deviceId", identity.key.device.str());
        write_heading(out, identity, live);
        out.member("connectionStateUpdatedTime", to_iso8601(live.connection_updated));
    } else {
        out.member("deviceId", identity.key.device.str());
        write_heading(out, identity, live);
        out.member("status", device_status_text(identity.status));
        write_optional(out, "statusReason", identity.status_reason);
        out.member("connectionStateUpdatedTime", to_iso8601(live.connection_updated));
        out.member("statusUpdatedTime", to_iso8601(identity.status_updated));
    }
    out.member("lastActivityTime", to_iso8601(live.last_activity));
    out.member("cloudToDeviceMessageCount", live.c2d_count);
    write_authentication(out, identity.auth);
    if (!identity.key.is_module()) write_edge_members(out, identity);
    out.end_object();
}

}  // namespace carillon
