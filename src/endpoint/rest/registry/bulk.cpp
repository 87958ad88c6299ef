#include "core/registry/registry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/identities.hpp"
#include "endpoint/rest/request.hpp"
#include "model/registry_line.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace carillon::rest {

namespace {

/// Source: IoT Hub docs, "Import and export device identities in bulk".
constexpr std::size_t entries_max = 100;

/// One element of the request, and what became of it.
struct Entry {
    ImportName name;
    std::optional<Error> error;
};

HttpResponse report(const std::vector<Entry>& entries) {
    bool is_successful = true;
    std::string errors;
    JsonWriter error_list(errors);
    error_list.begin_array();
    for (const Entry& entry : entries) {
        if (!entry.error) continue;
        is_successful = false;
        error_list.raw(import_error_json(entry.name, *entry.error, 0));
    }
    error_list.end_array();

    HttpResponse response;
    JsonWriter(response.body)
        .begin_object()
        .member("isSuccessful", is_successful)
        .member_raw("errors", errors)
        .member_raw("warnings", "[]")  // a device is made with its twin or not at all
        .end_object();
    if (!is_successful) {
        response.status = 400;
        const std::string_view name = errc_name(Errc::bulk_registry_operation_failure);
        response.add("iothub-errorcode", name);
        // .NET reads the body as a result only if this header, too, says so.
        response.add("IotHubErrorCode", name);
    }
    return response;
}

}  // namespace

Task<Result<HttpResponse>> bulk_devices(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_array()) {
        co_return fail(Errc::iot_hub_format_error, "The body must be an array of devices.");
    }
    const std::size_t count = body->root().size();
    if (count == 0 || count > entries_max) {
        co_return fail(Errc::argument_invalid, "The array must hold 1 to 100 devices.");
    }
    if (count > 1) {  // Each entry counts, and the request has been counted for one.
        auto passing = pass_throttle(request.hub.shards(), request.hub.throttles(), ThrottleClass::registry,
                                     static_cast<double>(count - 1));
        const auto passed = co_await std::move(passing);
        if (!passed) co_return fail(passed.error());
    }
    std::vector<Entry> entries;
    std::vector<ImportEntry> work;
    std::vector<std::size_t> places;  // In the request, of each in `work`.
    std::set<std::pair<std::string, std::string>> seen;
    for (JsonValue value = body->root().first(); value.exists(); value = value.next()) {
        Entry& entry = entries.emplace_back();
        auto parsed = ImportEntry::parse(std::string(value.raw()), entry.name);
        if (!seen.emplace(entry.name.device, entry.name.module).second) {
            co_return fail(Errc::device_defined_multiple_times, entry.name.device);
        }
        if (!parsed) {
            entry.error = std::move(parsed).error();
            continue;
        }
        work.push_back(*std::move(parsed));
        places.push_back(entries.size() - 1);
    }
    const auto outcomes = co_await request.hub.registry().apply(std::move(work));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i]) continue;
        Entry& entry = entries[places[i]];
        const auto key = IdentityKey::parse(entry.name.device, entry.name.module);
        entry.error = key ? identity_error(outcomes[i].error(), *key) : outcomes[i].error();
    }
    co_return report(entries);
}

}  // namespace carillon::rest
