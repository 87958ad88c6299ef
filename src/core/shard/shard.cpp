#include "core/shard/shard.hpp"

#include "base/stored_number.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/twin_index.hpp"

namespace carillon {

Record::Record(IdentityKey k) : key(std::move(k)) {}
Record::~Record() = default;

Shard::Shard(std::uint32_t number, const ShardContext& context)
    : number_(number),
      context_(context),
      committer_(context.executor, context.store, context.storage),
      methods_(std::make_unique<Methods>(*this)),
      telemetry_(std::make_unique<Telemetry>(*this, context.telemetry)),
      index_(
          std::make_unique<TwinIndex>(directory_, context.clock, timers_, context.background, context.index)),
      cloud_messages_(std::make_unique<CloudMessages>(*this, context.cloud_queues)) {
    committer_.set_settler([this](std::uint64_t batch, bool is_durable) { settle(batch, is_durable); });
}

Shard::~Shard() = default;

std::string Shard::stored_key(const IdentityKey& key) const {
    std::string stored;
    stored.reserve(4 + key.device.str().size() + 1 + key.module.size());
    append_be(stored, number_);
    stored += key.device.str();
    if (key.is_module()) {
        stored.push_back('\0');
        stored += key.module;
    }
    return stored;
}

void Shard::write(Record& record, std::optional<Document> document) {
    committer_.batch();
    telemetry_->hub_events().document_changes(record, record.newest(), document ? &*document : nullptr);
    const auto batch = committer_.gathering();
    if (write_sets_.empty() || write_sets_.back().batch != batch) write_sets_.push_back({batch, {}});
    if (!document) {
        record.latest.reset();
    } else if (record.latest) {
        *record.latest = *document;
    } else {
        record.latest = std::make_unique<Document>(*document);
    }
    ++record.writes;
    write_sets_.back().writes.push_back({&record, std::move(document)});
}

void Shard::write_whole(Record& record, Document document) {
    committer_.batch().put(Table::identities, stored_key(record.key),
                           encode_document(document, next_sequence(), record.ordinal));
    write(record, std::move(document));
}

void Shard::settle(std::uint64_t batch, bool is_durable) {
    telemetry_->settle(batch, is_durable);
    if (write_sets_.empty() || write_sets_.front().batch != batch) return;
    WriteSet settled = std::move(write_sets_.front());
    write_sets_.pop_front();
    for (auto& [record, document] : settled.writes) {
        if (is_durable) {
            if (!record->key.is_module()) {
                traffic_.devices += (document ? 1 : 0) - (record->committed ? 1 : 0);
            }
            if (document) ++traffic_.writes;
            record->committed = std::move(document);
            index_->touch(record->ordinal);
        }
        if (--record->writes > 0) continue;
        record->latest.reset();
        if (!record->committed) {
            forget(*record);
        } else {
            for (auto* observer : write_observers_) observer->settled(*record);
        }
    }
}

void Shard::add_write_observer(WriteObserver& observer) {
    const auto known = std::find(write_observers_.begin(), write_observers_.end(), &observer);
    if (known == write_observers_.end()) write_observers_.push_back(&observer);
}

void Shard::forget(Record& record) {
    for (auto* observer : observers_) observer->removed(record);
    if (DeviceLink* link = record.link) {
        link->close(Errc::device_not_found);  // May detach by itself.
        detach(record, *link);
    }
    methods_->removed(record);
    cloud_messages_->removed(record);
    directory_.remove(record);
}

const Document* Shard::newest(const IdentityKey& key) const {
    const Record* record = directory_.find(key);
    return record ? record->newest() : nullptr;
}

Errc Shard::missing(const IdentityKey& key) const {
    return key.is_module() && newest(IdentityKey(key.device)) ? Errc::module_not_found
                                                              : Errc::device_not_found;
}

Error unavailable(const Error& cause) {
    if (cause.code != Errc::store_failed) return cause;
    return {Errc::service_unavailable, "the hub's storage refuses writes at the moment"};
}

}  // namespace carillon
