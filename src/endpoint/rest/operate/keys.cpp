#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/registry/registry.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"
#include "model/registry_line.hpp"

#include <optional>
#include <string>

namespace carillon::rest {

namespace {

/// As of bulk requests. Source: IoT Hub docs, "Import and export IoT Hub device identities in bulk".
constexpr std::size_t identities_max = 100;
constexpr int multi_status = 207;

std::optional<Shard::KeyChoice> read_choice(std::string_view word) {
    if (equals_ignoring_case(word, "primaryKey")) return Shard::KeyChoice::primary;
    if (equals_ignoring_case(word, "secondaryKey")) return Shard::KeyChoice::secondary;
    if (equals_ignoring_case(word, "both")) return Shard::KeyChoice::both;
    return std::nullopt;
}

Task<Result<FoundRow>> regenerate(Hub& hub, ImportName name, Shard::KeyChoice choice) {
    const auto key = IdentityKey::parse(name.device, name.module);
    if (!key) co_return fail(key.error());
    auto row = co_await hub.registry().regenerate_keys(*key, choice);
    if (!row) co_return fail(identity_error(std::move(row).error(), *key));
    co_return row;
}

void write_name(JsonWriter& out, const ImportName& name) {
    out.begin_object().member("id", name.device);
    if (!name.module.empty()) out.member("moduleId", name.module);
}

}  // namespace

// `POST /devices/keys/regenerate`: each identity by itself; 207 if it went well for some and not for
// others. Source: azure-iot-cli-extension.
Task<Result<HttpResponse>> regenerate_keys(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    MemberReader in(body->root());
    const std::string_view policy_key = in.text("policyKey").value_or("");
    const JsonValue devices = in.find("devices");
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    const auto choice = read_choice(policy_key);
    if (!choice)
        co_return fail(Errc::argument_invalid, "policyKey must be primaryKey, secondaryKey or both.");
    if (!devices.is_array() || devices.size() == 0 || devices.size() > identities_max) {
        co_return fail(Errc::argument_invalid, "devices must be an array of 1 to 100 identities.");
    }
    std::string keys;
    std::string errors;
    JsonWriter key_list(keys);
    JsonWriter error_list(errors);
    key_list.begin_array();
    error_list.begin_array();
    std::size_t failures = 0;
    for (JsonValue device = devices.first(); device.exists(); device = device.next()) {
        MemberReader one(device);
        const ImportName name{std::string(one.find("id").string()),
                              std::string(one.find("moduleId").string())};
        const auto row = co_await regenerate(request.hub, name, *choice);
        if (!row) {
            ++failures;
            write_name(error_list, name);
            error_list.member("errorCode", errc_name(row.error().code))
                .member("errorStatus", row.error().detail)
                .end_object();
            continue;
        }
        // No more than was asked for: the other key is known already to whoever needs it.
        const Authentication auth = row->document.identity.unpack().auth;
        write_name(key_list, name);
        if (*choice != Shard::KeyChoice::secondary) key_list.member("primaryKey", auth.primary_key);
        if (*choice != Shard::KeyChoice::primary) key_list.member("secondaryKey", auth.secondary_key);
        key_list.end_object();
    }
    key_list.end_array();
    error_list.end_array();
    HttpResponse response;
    if (failures > 0) response.status = failures == devices.size() ? 400 : multi_status;
    JsonWriter(response.body)
        .begin_object()
        .member("policyKey", policy_key)
        .member_raw("rotatedKeys", keys)
        .member_raw("errors", errors)
        .end_object();
    co_return response;
}

}  // namespace carillon::rest
