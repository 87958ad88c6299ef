#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/session_format.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/twin_log.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {
namespace {

std::string shard_prefix(std::uint32_t number) {
    std::string prefix;
    append_be(prefix, number);
    return prefix;
}

/// The identity a stored key names: shard, device, NUL and module.
Result<IdentityKey> parse_stored_key(std::string_view stored) {
    stored.remove_prefix(std::min<std::size_t>(4, stored.size()));
    const auto nul = stored.find('\0');
    if (nul == std::string_view::npos) return IdentityKey::parse(stored);
    return IdentityKey::parse(stored.substr(0, nul), stored.substr(nul + 1));
}

}  // namespace

Result<> Shard::load() {
    auto reserved = context_.store.get(Table::meta, fmt::format("shard/{}/ordinals", number_));
    if (!reserved) return fail(std::move(reserved).error());
    if (*reserved) {
        ordinals_reserved_ = read_be<Ordinal>(**reserved);
        directory_.skip_to(ordinals_reserved_);
    }
    std::vector<std::uint64_t> document_sequences(ordinals_reserved_);
    if (auto loaded = load_identities(document_sequences); !loaded) return loaded;
    if (auto loaded = load_sessions(); !loaded) return loaded;
    if (auto replayed = replay_twin_log(document_sequences); !replayed) return replayed;
    if (auto loaded = cloud_messages_->load(); !loaded) return loaded;
    return telemetry_->load();
}

Result<> Shard::load_identities(std::vector<std::uint64_t>& document_sequences) {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto identity = parse_stored_key(key);
        auto stored = decode_document(as_bytes(value));
        if (!identity || !stored || stored->ordinal >= ordinals_reserved_ ||
            directory_.find(stored->ordinal)) {
            outcome =
                fail(Errc::store_corrupt, fmt::format("a stored identity of shard {} does not decode: {}",
                                                      number_, !stored ? stored.error().detail : "its key"));
            return false;
        }
        Record& record = directory_.add(*std::move(identity), stored->ordinal);
        record.committed = std::move(stored->document);
        if (!record.key.is_module()) ++traffic_.devices;
        document_sequences[stored->ordinal] = stored->sequence;
        sequence_ = std::max(sequence_, stored->sequence);
        return true;
    };
    auto scanned =
        context_.store.scan(Table::identities, shard_prefix(number_), shard_prefix(number_ + 1), visit);
    return scanned ? outcome : scanned;
}

Result<> Shard::load_sessions() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto identity = parse_stored_key(key);
        auto session = decode_session(value);
        Record* record = identity ? directory_.find(*identity) : nullptr;
        if (!session || !record) {
            outcome = fail(Errc::store_corrupt,
                           fmt::format("a stored session of shard {} does not decode", number_));
            return false;
        }
        record->connection_updated = session->connection_updated;
        record->last_activity = session->last_activity;
        record->has_session = session->subscriptions.has_value();
        if (session->subscriptions) record->subscriptions = *std::move(session->subscriptions);
        return true;
    };
    auto scanned =
        context_.store.scan(Table::sessions, shard_prefix(number_), shard_prefix(number_ + 1), visit);
    return scanned ? outcome : scanned;
}

Result<> Shard::replay_twin_log(const std::vector<std::uint64_t>& document_sequences) {
    Result<> outcome;
    std::size_t replayed = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto sequence = read_be<std::uint64_t>(key.substr(4));
        sequence_ = std::max(sequence_, sequence);
        const auto entry = decode_twin_log_entry(as_bytes(value));
        if (!entry) {
            outcome = fail(entry.error());
            return false;
        }
        for (const Ordinal ordinal : entry->ordinals) {
            // Devices removed since, and documents written whole since, are past this entry.
            Record* record = directory_.find(ordinal);
            if (!record || document_sequences[ordinal] >= sequence) continue;
            auto change = patch_twin(record->committed->twin, entry->patch, entry->time);
            if (!change) {
                outcome =
                    fail(Errc::store_corrupt, "a twin-log entry does not apply: " + change.error().detail);
                return false;
            }
            record->committed->twin = std::move(change->twin);
            ++replayed;
        }
        return true;
    };
    auto scanned =
        context_.store.scan(Table::twin_log, shard_prefix(number_), shard_prefix(number_ + 1), visit);
    if (replayed > 0) log.info("twin log replayed shard={} twins={}", number_, replayed);
    return scanned ? outcome : scanned;
}

}  // namespace carillon
