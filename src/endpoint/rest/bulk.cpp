#include "base/pending.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"
#include "model/registry_line.hpp"

#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

// gcc 12 takes Asio's pooled coroutine frames for memory freed by the wrong function.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace carillon::rest {

namespace {

/// Source: IoT Hub docs, "Import and export device identities in bulk".
constexpr std::size_t entries_max = 100;

/// One element of the request, and what became of it.
struct Entry {
    ImportName name;
    std::optional<Error> error;
};

/// What goes to one shard: the entries, and where each stands in the request.
struct Share {
    std::vector<ImportEntry> entries;
    std::vector<std::size_t> places;
};

using Applied = std::vector<Result<>>;

Task<> apply_share(Hub* hub, Shard* shard, std::vector<ImportEntry> entries,
                   std::shared_ptr<Pending<Applied>> pending) {
    auto applying = shard->apply_entries(std::move(entries), {});
    auto applied = co_await on_owner(*hub, *shard, std::move(applying));
    pending->leave(std::move(applied));
}

/// Works on all shards' entries at once, on each in their order; those of a shard share a commit.
Task<> apply_all(Hub* hub, std::vector<Share>* shares, std::vector<Entry>* entries) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::vector<std::shared_ptr<Pending<Applied>>> pending(shares->size());
    for (std::size_t i = 0; i < shares->size(); ++i) {
        Share& share = (*shares)[i];
        if (share.entries.empty()) continue;
        pending[i] = std::make_shared<Pending<Applied>>();
        auto ended = [left = pending[i], count = share.entries.size()](const std::exception_ptr& problem) {
            if (problem) left->leave(Applied(count, fail(Errc::server_error)));
        };
        auto applying = apply_share(hub, &hub->shard(i), std::move(share.entries), pending[i]);
        boost::asio::co_spawn(executor, std::move(applying), std::move(ended));
    }
    for (std::size_t i = 0; i < shares->size(); ++i) {
        if (!pending[i]) continue;
        const Applied applied = co_await take(pending[i]);
        const std::vector<std::size_t>& places = (*shares)[i].places;
        for (std::size_t n = 0; n < applied.size(); ++n) {
            if (applied[n]) continue;
            Entry& entry = (*entries)[places[n]];
            const auto key = IdentityKey::parse(entry.name.device, entry.name.module);
            entry.error = key ? identity_error(applied[n].error(), *key) : applied[n].error();
        }
    }
}

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
        auto passing = pass_throttle(request.hub, ThrottleClass::registry, static_cast<double>(count - 1));
        const auto passed = co_await std::move(passing);
        if (!passed) co_return fail(passed.error());
    }
    std::vector<Entry> entries;
    std::vector<Share> shares(request.hub.shard_count());
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
        Share& share = shares[request.hub.owner(parsed->key().device).number()];
        share.entries.push_back(*std::move(parsed));
        share.places.push_back(entries.size() - 1);
    }
    co_await apply_all(&request.hub, &shares, &entries);
    co_return report(entries);
}

}  // namespace carillon::rest
