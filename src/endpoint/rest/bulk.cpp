#include "base/text.hpp"
#include "core/await.hpp"
#include "core/directory.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <set>

// gcc 12 takes Asio's pooled coroutine frames for memory freed by the wrong function.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace carillon::rest {

namespace {

/// Source: IoT Hub docs, "Import and export device identities in bulk".
constexpr std::size_t entries_max = 100;

enum class ImportMode { create, update, create_or_update, remove, update_twin };

/// What to do with one entry of the request. `must_match` is for the modes that name an etag.
struct Mode {
    std::string_view word;
    ImportMode mode;
    bool must_match;
};
constexpr std::array<Mode, 9> modes{{
    {"create", ImportMode::create, false},
    {"update", ImportMode::update, false},
    {"updateIfMatchETag", ImportMode::update, true},
    {"createOrUpdate", ImportMode::create_or_update, false},
    {"createOrUpdateIfMatchETag", ImportMode::create_or_update, true},
    {"delete", ImportMode::remove, false},
    {"deleteIfMatchETag", ImportMode::remove, true},
    {"updateTwin", ImportMode::update_twin, false},
    {"updateTwinIfMatchETag", ImportMode::update_twin, true},
}};

struct Entry {
    std::string id;
    std::string module;
    Mode mode{};
    EtagMatch match;       ///< Of the identity, or of the twin for `update_twin`.
    std::string identity;  ///< The entry's JSON.
    std::optional<TwinPatch> twin;
    std::optional<Error> error;
    bool lacks_twin = false;  ///< Registered, but its twin was refused.
};

EtagMatch match_of(JsonValue etag, bool must_match) {
    EtagMatch match;
    match.kind = EtagMatch::Kind::any;
    if (!must_match) return match;
    return EtagMatch::parse(etag.string(), EtagMatch::Unquoted::compare);
}

/// Reads one element of the array; what is wrong with it alone is kept in its `error`.
Entry read_entry(JsonValue value) {
    Entry entry;
    entry.id = value.find("id").string();
    entry.module = value.find("moduleId").string();
    const JsonValue word = value.find("importMode");
    std::string_view text = word.is_null_or_absent() ? "createOrUpdate" : word.string();
    const Mode* mode = nullptr;
    for (const Mode& known : modes) {
        if (equals_ignoring_case(known.word, text)) mode = &known;
    }
    if (mode == nullptr) {
        entry.error = Error{Errc::argument_invalid, "The importMode is unknown."};
        return entry;
    }
    entry.mode = *mode;
    const auto key = IdentityKey::parse(entry.id, entry.module);
    if (!key) {
        entry.error = key.error();
        return entry;
    }
    const bool is_twin = mode->mode == ImportMode::update_twin;
    // Node leaves the member as `etag`; the documents and .NET write `eTag`.
    JsonValue etag = value.find(is_twin ? "twinETag" : "eTag");
    if (!is_twin && etag.is_null_or_absent()) etag = value.find("etag");
    entry.match = match_of(etag, mode->must_match);
    entry.identity = value.raw();
    if (mode->mode == ImportMode::remove) return entry;
    auto twin = TwinPatch::parse(value, *key);
    if (!twin) {
        entry.error = std::move(twin).error();
    } else if (is_twin || !twin->is_empty()) {
        entry.twin = *std::move(twin);
    }
    return entry;
}

Task<Result<>> write_twin(Shard* shard, IdentityKey key, TwinPatch patch, EtagMatch match) {
    auto written =
        co_await shard->write_twin(key, Shard::TwinWrite::patch, std::move(patch), std::move(match));
    if (!written) co_return fail(std::move(written).error());
    co_return Result<>{};
}

/// Carries out one entry on its shard. `*lacks_twin` is set if the identity was made without its twin.
Task<Result<>> apply_there(Shard* shard, IdentityKey key, const Entry* entry, bool* lacks_twin) {
    if (entry->mode.mode == ImportMode::remove) {
        co_return co_await shard->remove_identity(key, entry->match);
    }
    if (entry->mode.mode == ImportMode::update_twin) {
        co_return co_await write_twin(shard, key, *entry->twin, entry->match);
    }
    const Record* record = shard->directory().find(key);
    const bool exists = record != nullptr && record->newest() != nullptr;
    const bool creates = entry->mode.mode == ImportMode::create ||
                         (entry->mode.mode == ImportMode::create_or_update && !exists);
    EtagMatch match;  // absent: create only
    if (!creates) match = entry->match;
    auto put = co_await shard->put_identity(key, entry->identity, std::move(match));
    if (!put) co_return fail(std::move(put).error());
    if (creates && entry->twin) {
        EtagMatch any;
        any.kind = EtagMatch::Kind::any;
        const auto written = co_await write_twin(shard, key, *entry->twin, std::move(any));
        *lacks_twin = !written;
    }
    co_return Result<>{};
}

Task<> apply(Hub* hub, Entry* entry) {
    auto key = IdentityKey::parse(entry->id, entry->module);
    if (!key) co_return;  // its error is noted
    Shard& owner = hub->owner(key->device);
    auto work = apply_there(&owner, *key, entry, &entry->lacks_twin);
    auto result = co_await on_owner(*hub, owner, std::move(work));
    if (!result) entry->error = identity_error(std::move(result).error(), *key);
}

/// Works on all entries at once, in their order where they share a shard: their writes then share
/// few commits.
Task<> apply_all(Hub* hub, std::vector<Entry>* entries) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto start = [hub, entries, executor](UniqueFunction<void(bool)> done) {
        struct Gate {
            UniqueFunction<void(bool)> done;
            std::size_t left = 1;
            void leave() {
                if (--left == 0) done(true);
            }
        };
        auto gate = std::make_shared<Gate>();
        gate->done = std::move(done);
        for (Entry& entry : *entries) {
            if (entry.error) continue;
            ++gate->left;
            auto finished = [gate, target = &entry](const std::exception_ptr& problem) {
                if (problem) target->error = Error{Errc::server_error, {}};
                gate->leave();
            };
            boost::asio::co_spawn(executor, apply(hub, &entry), std::move(finished));
        }
        gate->leave();
    };
    co_await from_callback<bool>(std::move(start));
}

HttpResponse report(const std::vector<Entry>& entries) {
    bool is_successful = true;
    std::string errors;
    std::string warnings;
    JsonWriter error_list(errors);
    JsonWriter warning_list(warnings);
    error_list.begin_array();
    warning_list.begin_array();
    const auto begin = [](JsonWriter& list, const Entry& entry) {
        list.begin_object().member("deviceId", entry.id);
        if (!entry.module.empty()) list.member("moduleId", entry.module);
    };
    for (const Entry& entry : entries) {
        if (entry.error) {
            is_successful = false;
            begin(error_list, entry);
            error_list.member("errorCode", errc_name(entry.error->code))
                .member("errorStatus", entry.error->detail)
                .end_object();
        } else if (entry.lacks_twin) {
            begin(warning_list, entry);
            warning_list.member("warningCode", "DeviceRegisteredWithoutTwin")
                .member("warningStatus", "The device is registered, its twin was not written.")
                .end_object();
        }
    }
    error_list.end_array();
    warning_list.end_array();

    HttpResponse response;
    JsonWriter(response.body)
        .begin_object()
        .member("isSuccessful", is_successful)
        .member_raw("errors", errors)
        .member_raw("warnings", warnings)
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
    std::vector<Entry> entries;
    std::set<std::pair<std::string, std::string>> seen;
    for (JsonValue value = body->root().first(); value.exists(); value = value.next()) {
        Entry& entry = entries.emplace_back(read_entry(value));
        if (!seen.emplace(entry.id, entry.module).second) {
            co_return fail(Errc::device_defined_multiple_times, entry.id);
        }
    }
    co_await apply_all(&request.hub, &entries);
    co_return report(entries);
}

}  // namespace carillon::rest
