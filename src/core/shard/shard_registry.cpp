#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "base/stored_number.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/refusal.hpp"
#include "core/shard/shard.hpp"
#include "model/registry_line.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {
namespace {

/// Modules of one device. Source: IoT Hub docs, "Quotas and throttling".
constexpr std::size_t modules_of_device_max = 50;
/// Ordinals are reserved on disk in blocks, so that a creation seldom writes the counter.
constexpr Ordinal ordinal_block = 4096;

bool same_credentials(const Authentication& a, const Authentication& b) {
    return a.type == b.type && a.primary_key == b.primary_key && a.secondary_key == b.secondary_key &&
           a.primary_thumbprint == b.primary_thumbprint && a.secondary_thumbprint == b.secondary_thumbprint;
}

/// The twin of a device made anew by an import: what its line says, all of it or an error.
Result<Twin> imported_twin(Twin twin, const ImportEntry& entry, WallTime now) {
    if (entry.twin()) {
        auto change = patch_twin(twin, *entry.twin(), now, Notification::omit);
        if (!change) return fail(std::move(change).error());
        twin = std::move(change->twin);
    }
    if (entry.reported()) {
        auto change = patch_reported(twin, *entry.reported(), now);
        if (!change) return fail(Errc::argument_invalid, std::move(change).error().detail);
        twin = std::move(change->twin);
    }
    return twin;
}

/// The scope that an edge device had where its line was exported, as leaves name it in lines of their own.
void keep_scope(Identity& identity, const ImportEntry& entry) {
    if (!identity.iot_edge) return;
    MemberReader in(entry.identity());
    const std::string_view scope = in.text("deviceScope").value_or("");
    if (device_of_scope(scope) == identity.key.device) identity.device_scope = scope;
}

/// A system module that nobody has written since the hub made it with its device.
bool is_untouched_system(const Document& document, const IdentityKey& key) {
    return is_system_module(key.module) && document.twin.version == Twin{}.version;
}

}  // namespace

Error refused_as_reserved() {
    return Error{Errc::system_module_modify_unauthorized, "Unauthorized to modify reserved module."};
}

Record& Shard::add_record(const IdentityKey& key) {
    if (directory_.next_ordinal() >= ordinals_reserved_) {
        ordinals_reserved_ = directory_.next_ordinal() + ordinal_block;
        std::string counter;
        append_be(counter, ordinals_reserved_);
        committer_.batch().put(Table::meta, fmt::format("shard/{}/ordinals", number_), std::move(counter));
        committer_.on_durable([this](const Result<>& result) {
            if (!result) ordinals_reserved_ = 0;  // The next creation writes it again.
        });
    }
    return directory_.add(key);
}

bool Shard::is_leaving(const IdentityKey& key) const {
    const Record* record = directory_.find(key);
    if (record != nullptr && record->writes > 0 && !record->latest) return true;
    if (key.is_module()) return false;
    return std::any_of(system_modules.begin(), system_modules.end(), [this, &key](std::string_view module) {
        return is_leaving(*IdentityKey::parse(key.device.str(), module));
    });
}

bool Shard::is_reserved(const IdentityKey& key) const {
    if (!key.is_module() || !is_system_module(key.module)) return false;
    const Document* device = newest(IdentityKey(key.device));
    return device != nullptr && device->identity.iot_edge();
}

Result<> Shard::check_creation(const IdentityKey& key) const {
    if (!key.is_module()) return {};
    std::size_t modules = 0;
    const IdentityKey device(key.device);
    for (const Record* r = directory_.upper_bound(device); r && r->key.device == key.device;
         r = directory_.next(*r)) {
        if (!is_system_module(r->key.module)) ++modules;
    }
    if (modules < modules_of_device_max) return {};
    return fail(Errc::too_many_modules_on_device,
                fmt::format("A device holds at most {} modules.", modules_of_device_max));
}

Result<const Document*> Shard::find_for_put(const IdentityKey& key, const EtagMatch& match) const {
    if (key.is_module() && !newest(IdentityKey(key.device))) {
        return fail(Errc::device_not_found, key.device.str());
    }
    const Document* existing = newest(key);
    if (match.is_absent() && existing) {
        if (!key.is_module()) {
            return fail(Errc::device_already_exists,
                        fmt::format("A device with ID '{}' is already registered.", key.device.str()));
        }
        return fail(Errc::module_already_exists_on_device,
                    fmt::format("Device {} already contains Module {}.", key.device.str(), key.module));
    }
    if (!match.is_absent() && !existing) return fail(missing(key), key.path());
    if (existing && !match.accepts(identity_etag_text(existing->identity.etag()))) {
        return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
    }
    if (!existing) {
        if (auto checked = check_creation(key); !checked) return fail(std::move(checked).error());
    }
    return existing;
}

void Shard::stage_module(const IdentityKey& key) {
    const auto now = context_.clock.wall_now();
    Identity identity(key);
    identity.generation_id = static_cast<std::uint64_t>(now.ticks);
    identity.etag = context_.random.u64() >> 36;
    if (is_system_module(key.module)) {
        identity.auth.type = AuthType::none;
        identity.managed_by = "iotEdge";
    } else {
        identity.auth.primary_key = context_.random.base64_key();
        identity.auth.secondary_key = context_.random.base64_key();
    }
    Document document;
    document.identity = PackedIdentity(identity);
    document.twin = Twin::fresh(now);
    Record* record = directory_.find(key);
    if (!record) record = &add_record(key);
    write_whole(*record, std::move(document));
}

Result<Shard::StagedIdentity> Shard::stage_identity(const IdentityKey& key, JsonValue body,
                                                    const EtagMatch& match, const ImportEntry* entry) {
    const auto found = find_for_put(key, match);
    if (!found) return fail(found.error());
    const Document* existing = *found;
    const auto now = context_.clock.wall_now();
    std::optional<Identity> before;
    if (existing) before = existing->identity.unpack();
    auto identity = parse_identity(body, key, before ? &*before : nullptr, now, context_.random);
    if (!identity) return fail(std::move(identity).error());
    if (entry != nullptr && !before) keep_scope(*identity, *entry);
    // Starts at random, so that a device made anew does not repeat the etags of the old one.
    identity->etag = before ? before->etag + 1 : context_.random.u64() >> 36;
    if (entry != nullptr && before && !entry->names_credentials()) {
        const bool says_type = entry->names_authentication_type();
        if (!says_type || identity->auth.type == before->auth.type) identity->auth = before->auth;
    }

    StagedIdentity staged;
    staged.document.identity = PackedIdentity(*identity);
    staged.document.twin = existing ? existing->twin : Twin::fresh(now);
    if (entry != nullptr && (!existing || is_untouched_system(*existing, key))) {
        auto twin = imported_twin(staged.document.twin, *entry, now);
        if (!twin) return fail(std::move(twin).error());
        staged.document.twin = *std::move(twin);
    }
    if (before) staged.before = std::move(before->auth);
    Record* record = directory_.find(key);
    if (!record) record = &add_record(key);
    write_whole(*record, staged.document);
    if (!key.is_module() && identity->iot_edge) {
        for (const std::string_view module : system_modules) {
            const IdentityKey own = *IdentityKey::parse(key.device.str(), module);
            if (!newest(own)) stage_module(own);
        }
    }
    return staged;
}

Task<Result<Document>> Shard::put_identity(IdentityKey key, std::string body, EtagMatch match) {
    const auto json = JsonDocument::parse(body);
    if (!json) co_return fail(json.error());
    // What is being removed must be gone before its name is given again, with a new ordinal.
    while (is_leaving(key)) {
        const auto settled = co_await committer_.durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    auto staged = stage_identity(key, json->root(), match, nullptr);
    if (!staged) {
        const auto holds = co_await wait_for_reason(directory_.find(key), committer_);
        co_return holds ? fail(std::move(staged).error()) : fail(unavailable(holds.error()));
    }
    const auto written = co_await committer_.durable();
    if (!written) co_return fail(unavailable(written.error()));
    if (staged->before) enforce_registration(key, staged->before);
    co_return std::move(staged->document);
}

Task<Result<>> Shard::make_module(IdentityKey key) {
    while (is_leaving(key)) {
        const auto settled = co_await committer_.durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    EtagMatch creates;
    if (const auto found = find_for_put(key, creates); !found) co_return fail(found.error());
    stage_module(key);
    const auto written = co_await committer_.durable();
    if (!written) co_return fail(unavailable(written.error()));
    co_return Result<>{};
}

Task<Result<Document>> Shard::regenerate_keys(IdentityKey key, KeyChoice choice) {
    Record* record = directory_.find(key);
    const Document* existing = record != nullptr ? record->newest() : nullptr;
    if (existing == nullptr) co_return fail(missing(key), key.path());
    Identity identity = existing->identity.unpack();
    if (identity.auth.type != AuthType::sas) {
        co_return fail(Errc::argument_invalid, "The identity proves itself by certificate and has no keys.");
    }
    const Authentication before = identity.auth;
    if (choice != KeyChoice::secondary) identity.auth.primary_key = context_.random.base64_key();
    if (choice != KeyChoice::primary) identity.auth.secondary_key = context_.random.base64_key();
    ++identity.etag;
    Document document;
    document.identity = PackedIdentity(identity);
    document.twin = existing->twin;
    write_whole(*record, document);
    const auto written = co_await committer_.durable();
    if (!written) co_return fail(unavailable(written.error()));
    enforce_registration(key, before);
    co_return document;
}

void Shard::enforce_registration(const IdentityKey& key, const std::optional<Authentication>& before) {
    const Document* changed = newest(key);
    const bool has_new_keys =
        before && changed && !same_credentials(changed->identity.unpack().auth, *before);
    for (Record* record = directory_.find(key); record && record->key.device == key.device;
         record = directory_.next(*record)) {
        if (key.is_module() && record->key != key) return;
        const Document* device = newest(IdentityKey(key.device));
        const Document* document = record->newest();
        if (!record->link || !document || !device) continue;
        if (device->identity.status() == DeviceStatus::disabled) {
            record->link->close(Errc::device_disabled);
        } else if (has_new_keys) {
            record->link->close(Errc::iot_hub_unauthorized_access);
        }
    }
}

Result<> Shard::stage_removal(const IdentityKey& key, const EtagMatch& match) {
    if (match.is_absent()) return fail(Errc::precondition_failed, "Etag missing");
    const Document* existing = newest(key);
    if (!existing) return fail(missing(key), key.path());
    if (!match.accepts(identity_etag_text(existing->identity.etag()))) {
        return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
    }
    if (is_reserved(key)) return fail(refused_as_reserved());
    // A device goes with its modules, which follow it in key order.
    for (Record* record = directory_.find(key); record && record->key.device == key.device;
         record = directory_.next(*record)) {
        if (key.is_module() && record->key != key) break;
        if (!record->newest()) continue;
        const auto stored = stored_key(record->key);
        committer_.batch().erase(Table::identities, stored);
        committer_.batch().erase(Table::sessions, stored);
        cloud_messages_->stage_removal(*record);
        write(*record, std::nullopt);
    }
    return {};
}

Task<Result<>> Shard::remove_identity(IdentityKey key, EtagMatch match) {
    if (auto staged = stage_removal(key, match); !staged) {
        const auto holds = co_await wait_for_reason(directory_.find(key), committer_);
        co_return holds ? fail(std::move(staged).error()) : fail(unavailable(holds.error()));
    }
    const auto removed = co_await committer_.durable();
    if (!removed) co_return fail(unavailable(removed.error()));
    co_return Result<>{};
}

}  // namespace carillon
