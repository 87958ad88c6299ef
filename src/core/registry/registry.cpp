#include "core/registry/registry.hpp"

#include "core/scan/merge_by_key.hpp"
#include "core/scan/query_scan.hpp"
#include "core/shard/directory.hpp"
#include "core/shard/methods.hpp"

#include <fmt/core.h>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

namespace carillon {
namespace {

/// Records counted before the shard's other work gets a turn.
constexpr std::size_t slice_records_max = 4096;

FoundRow row_of(const Record& record) {
    return {.key = record.key, .document = *record.committed, .live = record.live()};
}

/// A document that was just written, which the record may show already or not.
FoundRow row_of(Shard& shard, const IdentityKey& key, Document document) {
    const Record* record = shard.directory().find(key);
    return {.key = key, .document = std::move(document), .live = record ? record->live() : LiveState{}};
}

Task<Result<FoundRow>> find_there(Shard* shard, IdentityKey key) {
    const Record* record = shard->directory().find(key);
    if (record == nullptr || !record->exists()) co_return fail(shard->missing(key));
    co_return row_of(*record);
}

Task<Result<std::vector<FoundRow>>> modules_there(Shard* shard, IdentityKey device) {
    const Directory& directory = shard->directory();
    const Record* parent = directory.find(device);
    if (parent == nullptr || !parent->exists()) co_return fail(Errc::device_not_found);
    std::vector<FoundRow> rows;  // A device has few modules: `IdentityLimits`.
    for (const Record* record = directory.upper_bound(device);
         record != nullptr && record->key.device == device.device; record = directory.next(*record)) {
        if (record->exists()) rows.push_back(row_of(*record));
    }
    co_return rows;
}

Task<DeviceCounts> count_there(Shard* shard) {
    DeviceCounts counts;
    const Directory& directory = shard->directory();
    const Record* record = directory.first();
    std::size_t slice = 0;
    while (record != nullptr) {
        if (!record->key.is_module() && record->exists()) {
            const bool is_enabled = record->committed->identity.status() == DeviceStatus::enabled;
            ++(is_enabled ? counts.enabled : counts.disabled);
            if (record->link != nullptr) ++counts.connected;
        }
        if (++slice == slice_records_max) {
            slice = 0;
            const IdentityKey reached = record->key;  // The record may be gone when we come back.
            co_await boost::asio::post(shard->background(), boost::asio::use_awaitable);
            record = directory.upper_bound(reached);
        } else {
            record = directory.next(*record);
        }
    }
    co_return counts;
}

Task<Result<FoundRow>> put_there(Shard* shard, IdentityKey key, std::string body, EtagMatch match) {
    auto document = co_await shard->put_identity(key, std::move(body), std::move(match));
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(*shard, key, *std::move(document));
}

Task<Result<FoundRow>> regenerate_there(Shard* shard, IdentityKey key, Shard::KeyChoice choice) {
    auto document = co_await shard->regenerate_keys(key, choice);
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(*shard, key, *std::move(document));
}

Task<Result<FoundRow>> write_there(Shard* shard, IdentityKey key, Shard::TwinWrite kind, TwinPatch patch,
                                   EtagMatch match) {
    if (shard->is_reserved(key)) co_return fail(refused_as_reserved());
    auto document = co_await shard->write_twin(key, kind, std::move(patch), std::move(match));
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(*shard, key, *std::move(document));
}

/// A statement that all devices match.
std::shared_ptr<const ScanPlan> all_devices() {
    auto query = query::parse_query("SELECT * FROM devices", query::QueryOptions{});
    CARILLON_ASSERT(query);
    return std::make_shared<const ScanPlan>(*std::move(query));
}

}  // namespace

Task<Result<FoundRow>> Registry::find(IdentityKey key) {
    Shard& owner = shards_.owner(key.device);
    auto finding = find_there(&owner, std::move(key));
    co_return co_await shards_.on(owner, std::move(finding));
}

Task<std::vector<FoundRow>> Registry::list_devices(std::size_t count) {
    auto scan = [plan = all_devices(), count](Shard& shard) {
        return scan_rows(shard, plan, std::nullopt, count);
    };
    auto rows = merge_by_key(co_await shards_.on_all(scan), count);
    CARILLON_ASSERT(rows);  // A statement without a condition is over no limit.
    co_return *std::move(rows);
}

Task<Result<std::vector<FoundRow>>> Registry::list_modules(IdentityKey device) {
    Shard& owner = shards_.owner(device.device);
    auto listing = modules_there(&owner, std::move(device));
    co_return co_await shards_.on(owner, std::move(listing));
}

Task<DeviceCounts> Registry::count_devices() {
    auto count = [](Shard& shard) { return count_there(&shard); };
    const auto counted = co_await shards_.on_all(count);
    DeviceCounts sum;
    for (const DeviceCounts& counts : counted) {
        sum.enabled += counts.enabled;
        sum.disabled += counts.disabled;
        sum.connected += counts.connected;
    }
    co_return sum;
}

Task<Result<>> Registry::check_parents(IdentityKey key, std::vector<std::string> scopes) {
    if (scopes.empty()) co_return Result<>{};
    const auto before = co_await find(key);
    std::optional<Identity> existing;
    if (before) existing = before->document.identity.unpack();
    for (const std::string& scope : scopes) {
        if (existing && existing->is_under(scope)) continue;
        const auto parent = device_of_scope(scope);
        if (!parent) continue;  // Refused where the body is read.
        const auto found = co_await find(IdentityKey(*parent));
        if (found && found->document.identity.iot_edge() &&
            found->document.identity.unpack().device_scope == scope)
            continue;
        co_return fail(Errc::invalid_device_scope, fmt::format("No edge device has the scope {}.", scope));
    }
    co_return Result<>{};
}

Task<Result<FoundRow>> Registry::put(IdentityKey key, std::string body, EtagMatch match) {
    if (!key.is_module()) {
        std::vector<std::string> scopes;
        if (const auto json = JsonDocument::parse(body)) scopes = named_parent_scopes(json->root());
        auto checking = check_parents(key, std::move(scopes));
        if (const auto checked = co_await std::move(checking); !checked) co_return fail(checked.error());
    }
    Shard& owner = shards_.owner(key.device);
    auto putting = put_there(&owner, std::move(key), std::move(body), std::move(match));
    co_return co_await shards_.on(owner, std::move(putting));
}

Task<Result<>> Registry::remove(IdentityKey key, EtagMatch match) {
    Shard& owner = shards_.owner(key.device);
    auto removing = owner.remove_identity(std::move(key), std::move(match));
    co_return co_await shards_.on(owner, std::move(removing));
}

Task<Result<FoundRow>> Registry::regenerate_keys(IdentityKey key, Shard::KeyChoice choice) {
    Shard& owner = shards_.owner(key.device);
    auto regenerating = regenerate_there(&owner, std::move(key), choice);
    co_return co_await shards_.on(owner, std::move(regenerating));
}

Task<Result<FoundRow>> Registry::write_twin(IdentityKey key, Shard::TwinWrite kind, TwinPatch patch,
                                            EtagMatch match) {
    Shard& owner = shards_.owner(key.device);
    auto writing = write_there(&owner, std::move(key), kind, std::move(patch), std::move(match));
    co_return co_await shards_.on(owner, std::move(writing));
}

Task<std::vector<Result<>>> Registry::apply(std::vector<ImportEntry> entries) {
    /// Of each entry: its shard and its number in that one's share, or why it has none.
    struct Place {
        std::size_t shard = 0;
        std::size_t number = 0;
        Result<> checked;
    };
    std::vector<std::vector<ImportEntry>> shares(shards_.count());
    std::vector<Place> places;
    for (ImportEntry& entry : entries) {
        Place place;
        place.shard = shards_.number_of(entry.key().device);
        if (!entry.key().is_module() && entry.writes_identity()) {
            auto checking = check_parents(entry.key(), named_parent_scopes(entry.identity()));
            place.checked = co_await std::move(checking);
        }
        auto& share = shares[place.shard];
        place.number = share.size();
        if (place.checked) share.push_back(std::move(entry));
        places.push_back(std::move(place));
    }
    auto apply_share = [&shares](Shard& shard) {
        return shard.apply_entries(std::move(shares[shard.number()]), {});
    };
    auto applied = co_await shards_.on_all(apply_share);
    std::vector<Result<>> outcomes;
    for (Place& place : places) {
        outcomes.push_back(place.checked ? std::move(applied[place.shard][place.number])
                                         : std::move(place.checked));
    }
    co_return outcomes;
}

Task<Result<MethodAnswer>> Registry::invoke_method(IdentityKey key, MethodCall call) {
    Shard& owner = shards_.owner(key.device);
    auto invoking = owner.methods().invoke(std::move(key), std::move(call));
    co_return co_await shards_.on(owner, std::move(invoking));
}

}  // namespace carillon
