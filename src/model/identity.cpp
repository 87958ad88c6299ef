#include "model/identity.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace carillon {

namespace {

/// A member that is a string, null, or not there.
Result<std::optional<std::string>> read_text(JsonValue body, const char* name) {
    const JsonValue value = body.find(name);
    if (value.is_null_or_absent()) return std::optional<std::string>();
    if (!value.is_string()) return fail(Errc::argument_invalid, std::string(name) + " must be a string");
    return std::optional<std::string>(value.string());
}

std::size_t count_chars(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// The id in the body, where given, must be the one in the path.
Result<> check_id(JsonValue body, const char* name, std::string_view expected) {
    const JsonValue id = body.find(name);
    if (id.is_null_or_absent()) return {};
    if (!id.is_string() || id.string() != expected)
        return fail(Errc::argument_invalid,
                    std::string(name) + " in the body differs from the one in the path");
    return {};
}

bool is_thumbprint(std::string_view text) {
    return (text.size() == 40 || text.size() == 64) &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Result<std::optional<AuthType>> read_auth_type(JsonValue value) {
    if (value.is_null_or_absent()) return std::optional<AuthType>();
    for (AuthType type :
         {AuthType::sas, AuthType::self_signed, AuthType::certificate_authority, AuthType::none}) {
        if (value.is_string() && equals_ignoring_case(value.string(), auth_type_text(type)))
            return std::optional<AuthType>(type);
    }
    return fail(Errc::argument_invalid,
                "authentication.type is not one of sas, selfSigned, "
                "certificateAuthority, none");
}

/// The two members of `symmetricKey` or `x509Thumbprint`; empty where null or not there, as the Node
/// SDK fills in empty strings.
Result<std::pair<std::string, std::string>> read_pair(JsonValue object, const char* first,
                                                      const char* second) {
    if (!object.is_null_or_absent() && !object.is_object())
        return fail(Errc::argument_invalid, "a member of authentication is not an object");
    auto a = read_text(object, first);
    if (!a) return fail(std::move(a).error());
    auto b = read_text(object, second);
    if (!b) return fail(std::move(b).error());
    return std::pair(a->value_or(""), b->value_or(""));
}

Result<> check_key(std::string_view key) {
    const auto bytes = base64_decode(key);
    if (!bytes || bytes->size() < IdentityLimits::key_bytes_min ||
        bytes->size() > IdentityLimits::key_bytes_max)
        return fail(Errc::argument_invalid, "Invalid device key length");
    return {};
}

Result<Authentication> read_authentication(JsonValue value, bool is_module, Random& random) {
    if (!value.is_null_or_absent() && !value.is_object())
        return fail(Errc::argument_invalid, "authentication must be an object");
    auto keys = read_pair(value.find("symmetricKey"), "primaryKey", "secondaryKey");
    if (!keys) return fail(std::move(keys).error());
    // Newer services print the thumbprints' names with a capital letter; tools send them back.
    const JsonValue x509 = value.find("x509Thumbprint");
    auto prints = x509.find("PrimaryThumbprint").exists() || x509.find("SecondaryThumbprint").exists()
                      ? read_pair(x509, "PrimaryThumbprint", "SecondaryThumbprint")
                      : read_pair(x509, "primaryThumbprint", "secondaryThumbprint");
    if (!prints) return fail(std::move(prints).error());
    for (const std::string* print : {&prints->first, &prints->second}) {
        if (!print->empty() && !is_thumbprint(*print))
            return fail(Errc::argument_invalid, "StringIsNotThumbprint");
    }
    auto type = read_auth_type(value.find("type"));
    if (!type) return fail(std::move(type).error());

    Authentication auth;
    const bool has_print = !prints->first.empty() || !prints->second.empty();
    auth.type = type->value_or(has_print ? AuthType::self_signed : AuthType::sas);
    if (auth.type == AuthType::none) {
        if (!is_module) return fail(Errc::argument_invalid, "DeviceAuthenticationTypeIsMissing");
        auth.type = AuthType::sas;
    }
    if (auth.type == AuthType::self_signed) {
        auth.primary_thumbprint = std::move(prints->first);
        auth.secondary_thumbprint = std::move(prints->second);
    }
    if (auth.type != AuthType::sas) return auth;

    if (keys->first.empty() != keys->second.empty())
        return fail(Errc::argument_invalid, "Either no keys or both keys can be set");
    if (keys->first.empty()) {
        auth.primary_key = random.base64_key();
        auth.secondary_key = random.base64_key();
        return auth;
    }
    for (const std::string* key : {&keys->first, &keys->second}) {
        if (auto checked = check_key(*key); !checked) return fail(std::move(checked).error());
    }
    auth.primary_key = std::move(keys->first);
    auth.secondary_key = std::move(keys->second);
    return auth;
}

Result<> read_status(JsonValue body, Identity& identity, const Identity* existing, WallTime now) {
    const JsonValue status = body.find("status");
    if (!status.is_null_or_absent()) {
        if (status.is_string() && equals_ignoring_case(status.string(), "disabled")) {
            identity.status = DeviceStatus::disabled;
        } else if (!status.is_string() || !equals_ignoring_case(status.string(), "enabled")) {
            return fail(Errc::argument_invalid, "status must be enabled or disabled");
        }
    }
    auto reason = read_text(body, "statusReason");
    if (!reason) return fail(std::move(reason).error());
    if (*reason && count_chars(**reason) > IdentityLimits::status_reason_chars_max)
        return fail(Errc::argument_invalid, "statusReason is longer than 128 characters");
    identity.status_reason = *std::move(reason);
    if (existing != nullptr) {
        const bool changed = existing->status != identity.status;
        identity.status_updated = changed ? now : existing->status_updated;
    }
    return {};
}

Result<std::vector<std::string>> read_parent_scopes(JsonValue value) {
    std::vector<std::string> scopes;
    if (value.is_null_or_absent()) return scopes;
    if (!value.is_array() || value.size() > IdentityLimits::parent_scopes_max)
        return fail(Errc::argument_invalid, "parentScopes must be an array of at most 10 strings");
    for (JsonValue v = value.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || v.string().size() > IdentityLimits::scope_bytes_max)
            return fail(Errc::argument_invalid, "parentScopes must hold strings of at most 256 bytes");
        scopes.emplace_back(v.string());
    }
    return scopes;
}

/// An edge device's own scope is made here once and never changes, and names its parents in
/// `parentScopes`; a leaf names its parent's scope in `deviceScope`, and `parentScopes` follows.
Result<> read_scopes(JsonValue body, Identity& identity, const Identity* existing) {
    auto scope = read_text(body, "deviceScope");
    if (!scope) return fail(std::move(scope).error());
    if (*scope && (*scope)->size() > IdentityLimits::scope_bytes_max)
        return fail(Errc::argument_invalid, "deviceScope is longer than 256 bytes");
    if (!identity.iot_edge) {
        identity.device_scope = scope->value_or("");
        if (!identity.device_scope.empty()) identity.parent_scopes = {identity.device_scope};
        return {};
    }
    const bool was_edge = existing != nullptr && existing->iot_edge;
    identity.device_scope = was_edge ? existing->device_scope
                                     : "ms-azure-iot-edge://" + identity.key.device.str() + "-" +
                                           std::to_string(identity.generation_id);
    if (was_edge && *scope && !(*scope)->empty() && **scope != identity.device_scope)
        return fail(Errc::invalid_device_scope, "Device scope is immutable");
    auto parents = read_parent_scopes(body.find("parentScopes"));
    if (!parents) return fail(std::move(parents).error());
    identity.parent_scopes = *std::move(parents);
    return {};
}

/// What devices have and modules do not.
Result<> read_device_part(JsonValue body, Identity& identity, const Identity* existing, WallTime now) {
    if (auto read = read_status(body, identity, existing, now); !read) return read;
    const JsonValue capabilities = body.find("capabilities");
    const JsonValue edge = capabilities.find("iotEdge");
    if ((!capabilities.is_null_or_absent() && !capabilities.is_object()) ||
        (!edge.is_null_or_absent() && !edge.is_boolean()))
        return fail(Errc::argument_invalid, "capabilities.iotEdge must be true or false");
    identity.iot_edge = edge.boolean();
    return read_scopes(body, identity, existing);
}

Result<> read_module_part(JsonValue body, Identity& identity) {
    auto managed_by = read_text(body, "managedBy");
    if (!managed_by) return fail(std::move(managed_by).error());
    if (*managed_by && count_chars(**managed_by) > IdentityLimits::managed_by_chars_max)
        return fail(Errc::argument_invalid, "managedBy is longer than 128 characters");
    identity.managed_by = *std::move(managed_by);
    return {};
}

}  // namespace

std::string_view device_status_text(DeviceStatus status) {
    return status == DeviceStatus::enabled ? "enabled" : "disabled";
}

std::string_view auth_type_text(AuthType type) {
    switch (type) {
        case AuthType::sas:
            return "sas";
        case AuthType::self_signed:
            return "selfSigned";
        case AuthType::certificate_authority:
            return "certificateAuthority";
        case AuthType::none:
            return "none";
    }
    return "none";
}

bool is_model_id(std::string_view text) {
    return text.size() <= IdentityLimits::model_id_bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string identity_etag_text(std::uint64_t etag) {
    return base64_encode(std::to_string(etag));
}

Result<Identity> parse_identity(JsonValue body, const IdentityKey& key, const Identity* existing,
                                WallTime now, Random& random) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "an identity must be a JSON object");
    if (auto checked = check_id(body, "deviceId", key.device.str()); !checked)
        return fail(std::move(checked).error());
    if (key.is_module()) {
        if (key.module.front() == '$')
            return fail(Errc::argument_invalid, "a module id must not begin with $");
        if (auto checked = check_id(body, "moduleId", key.module); !checked)
            return fail(std::move(checked).error());
    }

    Identity identity(key);
    identity.generation_id =
        existing != nullptr ? existing->generation_id : static_cast<std::uint64_t>(now.ticks);
    if (existing != nullptr) {
        identity.etag = existing->etag;
        identity.model_id = existing->model_id;
    }
    auto auth = read_authentication(body.find("authentication"), key.is_module(), random);
    if (!auth) return fail(std::move(auth).error());
    identity.auth = *std::move(auth);
    const auto rest =
        key.is_module() ? read_module_part(body, identity) : read_device_part(body, identity, existing, now);
    if (!rest) return fail(rest.error());
    return identity;
}

}  // namespace carillon
