#include "core/registry/registry.hpp"

#include "core/scan/merge_by_key.hpp"

#include <fmt/core.h>
#include <memory>
#include <optional>

namespace carillon {
namespace {

/// A statement that all devices match.
std::shared_ptr<const ScanPlan> all_devices() {
    ScanPlan::Statement statement{"SELECT * FROM devices", {}};
    auto query = query::parse_query(statement.text, statement.options);
    CARILLON_ASSERT(query);
    return std::make_shared<const ScanPlan>(*std::move(query), std::move(statement));
}

}  // namespace

Task<Result<FoundRow>> Registry::find(IdentityKey key) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, FindIdentity{std::move(key)});
}

Task<Result<std::vector<FoundRow>>> Registry::list_devices(std::size_t count) {
    const ScanRows scan{all_devices(), std::nullopt, count};
    auto scanning = port_.ask_all(scan);
    auto found = co_await std::move(scanning);
    co_return merge_by_key(std::move(found), count);
}

Task<Result<std::vector<FoundRow>>> Registry::list_modules(IdentityKey device) {
    const std::size_t owner = port_.owner(device.device);
    return port_.ask(owner, ListModules{std::move(device)});
}

Task<Result<DeviceCounts>> Registry::count_devices() {
    auto counting = port_.ask_all(CountDevices());
    const auto counted = co_await std::move(counting);
    DeviceCounts sum;
    for (const auto& counts : counted) {
        if (!counts) co_return fail(counts.error());
        sum.enabled += counts->enabled;
        sum.disabled += counts->disabled;
        sum.connected += counts->connected;
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
    const std::size_t owner = port_.owner(key.device);
    auto putting = port_.ask(owner, PutIdentity{std::move(key), std::move(body), std::move(match)});
    co_return co_await std::move(putting);
}

Task<Result<>> Registry::remove(IdentityKey key, EtagMatch match) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, RemoveIdentity{std::move(key), std::move(match)});
}

Task<Result<FoundRow>> Registry::regenerate_keys(IdentityKey key, Shard::KeyChoice choice) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, RenewKeys{std::move(key), choice});
}

Task<Result<FoundRow>> Registry::write_twin(IdentityKey key, Shard::TwinWrite kind, TwinPatch patch,
                                            EtagMatch match) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, WriteTwin{std::move(key), kind, std::move(patch), std::move(match)});
}

Task<std::vector<Result<>>> Registry::apply(std::vector<ImportEntry> entries) {
    /// Of each entry: its shard and its number in that one's share, or why it has none.
    struct Place {
        std::size_t shard = 0;
        std::size_t number = 0;
        Result<> checked;
    };
    std::vector<ApplyEntries> shares(port_.count());
    std::vector<Place> places;
    for (ImportEntry& entry : entries) {
        Place place;
        place.shard = port_.owner(entry.key().device);
        if (!entry.key().is_module() && entry.writes_identity()) {
            auto checking = check_parents(entry.key(), named_parent_scopes(entry.identity()));
            place.checked = co_await std::move(checking);
        }
        auto& share = shares[place.shard].entries;
        place.number = share.size();
        if (place.checked) share.push_back(std::move(entry));
        places.push_back(std::move(place));
    }
    auto applying = port_.ask_each(std::move(shares));
    auto applied = co_await std::move(applying);
    std::vector<Result<>> outcomes;
    for (Place& place : places) {
        if (!place.checked) {
            outcomes.push_back(std::move(place.checked));
            continue;
        }
        auto& of_shard = applied[place.shard];
        if (!of_shard || place.number >= of_shard->size()) {
            outcomes.push_back(of_shard ? fail(Errc::service_unavailable) : fail(of_shard.error()));
        } else {
            outcomes.push_back(std::move((*of_shard)[place.number]));
        }
    }
    co_return outcomes;
}

Task<Result<MethodAnswer>> Registry::invoke_method(IdentityKey key, MethodCall call) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, InvokeMethod{std::move(key), std::move(call)});
}

}  // namespace carillon
