#include "model/identity.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <initializer_list>

namespace carillon {

namespace {

constexpr std::string_view scope_prefix = "ms-azure-iot-edge://";

std::size_t count_chars(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// The id in the body, where given, must be the one in the path.
void check_id(MemberReader& in, std::string_view name, std::string_view expected) {
    const JsonValue id = in.find(name);
    if (id.is_null_or_absent() || (id.is_string() && id.string() == expected)) return;
    in.refuse(std::string(name) + " in the body differs from the one in the path");
}

bool is_thumbprint(std::string_view text) {
    return (text.size() == 40 || text.size() == 64) &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

void read_auth_type(MemberReader& in, std::optional<AuthType>& type) {
    const JsonValue value = in.find("type");
    if (value.is_null_or_absent()) return;
    for (AuthType known :
         {AuthType::sas, AuthType::self_signed, AuthType::certificate_authority, AuthType::none}) {
        if (value.is_string() && equals_ignoring_case(value.string(), auth_type_text(known))) type = known;
    }
    if (!type)
        in.refuse("authentication.type is not one of sas, selfSigned, certificateAuthority, none. It is " +
                  describe_json(value) + ".");
}

/// Two texts, empty where null or not there, as the Node SDK fills in empty strings.
std::pair<std::string, std::string> read_pair(MemberReader& in, std::string_view first,
                                              std::string_view second) {
    return {std::string(in.text(first).value_or("")), std::string(in.text(second).value_or(""))};
}

/// Refuses members that are not known where none of those that are says how the identity proves itself: new
/// keys, or a lost thumbprint, would lock its device out.
void check_known(MemberReader& in, JsonValue object, std::string_view name,
                 std::initializer_list<std::string_view> names) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        const bool is_known = std::any_of(names.begin(), names.end(), [v](std::string_view known) {
            return equals_ignoring_case(known, v.key());
        });
        if (!is_known)
            in.refuse(fmt::format("{} has no keys and no thumbprint, but a member that is not known: {}.",
                                  name, describe_json_name(v)));
    }
}

Result<> check_symmetric_key(std::string_view key) {
    const auto bytes = base64_decode(key);
    if (!bytes || bytes->size() < IdentityLimits::key_bytes_min ||
        bytes->size() > IdentityLimits::key_bytes_max)
        return fail(Errc::argument_invalid, "Invalid device key length");
    return {};
}

/// How a `type` of `none` is taken.
enum class NoneMeans : std::uint8_t { refused, keys, none };

NoneMeans meaning_of_none(const IdentityKey& key) {
    if (!key.is_module()) return NoneMeans::refused;
    return is_system_module(key.module) ? NoneMeans::none : NoneMeans::keys;
}

Result<Authentication> read_authentication(MemberReader& body, NoneMeans none_means, Random& random) {
    const JsonValue value = body.object("authentication");
    MemberReader in(value, body, "authentication.");
    const JsonValue key_members = in.object("symmetricKey");
    MemberReader keys_in(key_members, in, "authentication.symmetricKey.");
    const JsonValue print_members = in.object("x509Thumbprint");
    MemberReader prints_in(print_members, in, "authentication.x509Thumbprint.");
    auto keys = read_pair(keys_in, "primaryKey", "secondaryKey");
    auto prints = read_pair(prints_in, "primaryThumbprint", "secondaryThumbprint");
    std::optional<AuthType> type;
    read_auth_type(in, type);
    const bool has_print = !prints.first.empty() || !prints.second.empty();
    const bool has_key = !keys.first.empty() || !keys.second.empty();
    const bool needs_none = type == AuthType::certificate_authority;
    if (!has_print && !has_key && !needs_none) {
        check_known(in, value, "authentication", {"symmetricKey", "x509Thumbprint", "type"});
        check_known(in, key_members, "authentication.symmetricKey", {"primaryKey", "secondaryKey"});
        check_known(in, print_members, "authentication.x509Thumbprint",
                    {"primaryThumbprint", "secondaryThumbprint"});
    }
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    for (const std::string* print : {&prints.first, &prints.second}) {
        if (!print->empty() && !is_thumbprint(*print))
            return fail(Errc::argument_invalid, "StringIsNotThumbprint");
    }

    Authentication auth;
    auth.type = type.value_or(has_print ? AuthType::self_signed : AuthType::sas);
    if (auth.type == AuthType::none) {
        if (none_means == NoneMeans::refused)
            return fail(Errc::argument_invalid, "DeviceAuthenticationTypeIsMissing");
        if (none_means == NoneMeans::none) return auth;
        auth.type = AuthType::sas;
    }
    if (auth.type == AuthType::self_signed) {
        auth.primary_thumbprint = std::move(prints.first);
        auth.secondary_thumbprint = std::move(prints.second);
    }
    if (auth.type != AuthType::sas) return auth;

    if (keys.first.empty() != keys.second.empty())
        return fail(Errc::argument_invalid, "Either no keys or both keys can be set");
    if (keys.first.empty()) {
        auth.primary_key = random.base64_key();
        auth.secondary_key = random.base64_key();
        return auth;
    }
    for (const std::string* key : {&keys.first, &keys.second}) {
        if (auto checked = check_symmetric_key(*key); !checked) return fail(std::move(checked).error());
    }
    auth.primary_key = std::move(keys.first);
    auth.secondary_key = std::move(keys.second);
    return auth;
}

void read_status(MemberReader& in, Identity& identity, const Identity* existing, WallTime now) {
    const JsonValue status = in.find("status");
    if (!status.is_null_or_absent()) {
        if (status.is_string() && equals_ignoring_case(status.string(), "disabled")) {
            identity.status = DeviceStatus::disabled;
        } else if (!status.is_string() || !equals_ignoring_case(status.string(), "enabled")) {
            in.refuse("status must be enabled or disabled. It is " + describe_json(status) + ".");
        }
    }
    if (const auto reason = in.text("statusReason")) {
        if (count_chars(*reason) > IdentityLimits::status_reason_chars_max)
            in.refuse("statusReason is longer than 128 characters");
        identity.status_reason = std::string(*reason);
    }
    if (existing != nullptr) {
        const bool changed = existing->status != identity.status;
        identity.status_updated = changed ? now : existing->status_updated;
    }
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

/// One that the device has already is no fault, whatever became of the parent.
Result<> check_scope(std::string_view scope, const Identity* existing) {
    if (device_of_scope(scope) || (existing != nullptr && existing->is_under(scope))) return {};
    return fail(
        Errc::invalid_device_scope,
        "A device is put under an edge device by that device's scope, ms-azure-iot-edge://ID-NUMBER.");
}

/// An edge device's own scope is made here once and never changes, and names its parents in
/// `parentScopes`; a leaf names its parent's scope in `deviceScope`, and `parentScopes` follows.
Result<> read_scopes(MemberReader& in, Identity& identity, const Identity* existing) {
    const std::string_view scope = in.text("deviceScope").value_or("");
    if (scope.size() > IdentityLimits::scope_bytes_max) in.refuse("deviceScope is longer than 256 bytes");
    const JsonValue parent_scopes = in.find("parentScopes");
    if (auto error = in.error(); !error) return error;
    if (!identity.iot_edge) {
        if (scope.empty()) return {};
        identity.device_scope = scope;
        identity.parent_scopes = {identity.device_scope};
        return check_scope(scope, existing);
    }
    const bool was_edge = existing != nullptr && existing->iot_edge;
    identity.device_scope = was_edge ? existing->device_scope
                                     : std::string(scope_prefix) + identity.key.device.str() + "-" +
                                           std::to_string(identity.generation_id);
    if (was_edge && !scope.empty() && scope != identity.device_scope)
        return fail(Errc::invalid_device_scope, "Device scope is immutable");
    auto parents = read_parent_scopes(parent_scopes);
    if (!parents) return fail(std::move(parents).error());
    for (const std::string& parent : *parents) {
        if (auto checked = check_scope(parent, existing); !checked) return checked;
    }
    identity.parent_scopes = *std::move(parents);
    return {};
}

/// What devices have and modules do not.
Result<> read_device_part(MemberReader& in, Identity& identity, const Identity* existing, WallTime now) {
    read_status(in, identity, existing, now);
    MemberReader capabilities(in.object("capabilities"), in, "capabilities.");
    identity.iot_edge = capabilities.boolean("iotEdge").value_or(false);
    return read_scopes(in, identity, existing);
}

Result<> read_module_part(MemberReader& in, Identity& identity) {
    const auto managed_by = in.text("managedBy");
    if (managed_by && count_chars(*managed_by) > IdentityLimits::managed_by_chars_max)
        in.refuse("managedBy is longer than 128 characters");
    if (managed_by) identity.managed_by = std::string(*managed_by);
    return in.error();
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

bool Identity::is_under(std::string_view scope) const {
    return std::find(parent_scopes.begin(), parent_scopes.end(), scope) != parent_scopes.end();
}

bool is_system_module(std::string_view module) {
    return std::find(system_modules.begin(), system_modules.end(), module) != system_modules.end();
}

std::optional<DeviceId> device_of_scope(std::string_view scope) {
    if (!scope.starts_with(scope_prefix)) return std::nullopt;
    scope.remove_prefix(scope_prefix.size());
    const std::size_t dash = scope.rfind('-');
    if (dash == std::string_view::npos || dash + 1 == scope.size()) return std::nullopt;
    if (scope.find_first_not_of("0123456789", dash + 1) != std::string_view::npos) return std::nullopt;
    auto device = DeviceId::parse(scope.substr(0, dash));
    if (!device) return std::nullopt;
    return *std::move(device);
}

std::vector<std::string> named_parent_scopes(JsonValue body) {
    std::vector<std::string> none;
    if (!body.is_object()) return none;
    MemberReader in(body);
    MemberReader capabilities(in.object("capabilities"), in, "capabilities.");
    const bool is_edge = capabilities.boolean("iotEdge").value_or(false);
    const std::string_view scope = in.text("deviceScope").value_or("");
    const JsonValue parent_scopes = in.find("parentScopes");
    if (!in.error()) return none;
    if (is_edge) return read_parent_scopes(parent_scopes).value_or(none);
    if (!scope.empty()) none.emplace_back(scope);
    return none;
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
    MemberReader in(body);
    check_id(in, "deviceId", key.device.str());
    if (key.is_module()) {
        const bool is_own = existing != nullptr && is_system_module(key.module);
        if (key.module.front() == '$' && !is_own)
            return fail(Errc::argument_invalid, "a module id must not begin with $");
        check_id(in, "moduleId", key.module);
    }

    Identity identity(key);
    identity.generation_id =
        existing != nullptr ? existing->generation_id : static_cast<std::uint64_t>(now.ticks);
    if (existing != nullptr) {
        identity.etag = existing->etag;
        identity.model_id = existing->model_id;
    }
    const bool is_system = key.is_module() && is_system_module(key.module);
    const bool keeps_auth = is_system && in.find("authentication").is_null_or_absent();
    auto auth = read_authentication(in, meaning_of_none(key), random);
    if (!auth) return fail(std::move(auth).error());
    identity.auth = keeps_auth ? existing->auth : *std::move(auth);
    const auto rest =
        key.is_module() ? read_module_part(in, identity) : read_device_part(in, identity, existing, now);
    if (!rest) return fail(rest.error());
    if (is_system) identity.managed_by = existing->managed_by;
    return identity;
}

}  // namespace carillon
