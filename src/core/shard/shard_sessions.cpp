#include "core/shard/cloud_messages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/session_format.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/twin_index.hpp"

namespace carillon {
namespace {

std::string stored_session(const Record& record) {
    StoredSession session;
    session.connection_updated = record.connection_updated;
    session.last_activity = record.last_activity;
    if (record.has_session) session.subscriptions = record.subscriptions;
    return encode_session(session);
}

}  // namespace

void Shard::attach(Record& record, DeviceLink& link) {
    if (record.link) {
        DeviceLink& older = *record.link;
        methods_->link_lost(record, Errc::connection_forcefully_closed);
        cloud_messages_->link_lost(record, older);
        older.close(Errc::connection_forcefully_closed);
        telemetry_->hub_events().disconnected(record);
        --traffic_.connected;
        ++traffic_.disconnects;
    }
    telemetry_->hub_events().connected(record);
    ++traffic_.connected;
    ++traffic_.connects;
    record.link = &link;
    record.methods = std::make_unique<PendingMethods>();
    record.connection_updated = record.last_activity = context_.clock.wall_now();
    index_->touch(record.ordinal);
}

void Shard::detach(Record& record, DeviceLink& link) {
    if (record.link != &link) return;
    record.link = nullptr;
    telemetry_->hub_events().disconnected(record);
    --traffic_.connected;
    ++traffic_.disconnects;
    record.connection_updated = context_.clock.wall_now();
    index_->touch(record.ordinal);
    methods_->link_lost(record, Errc::device_connection_closed_remotely);
    cloud_messages_->link_lost(record, link);
    record.methods.reset();
    // When it was last there is worth a write at the end of a connection, not at every word of it; nobody
    // waits for that. A crash forgets what was said since the connection before.
    if (!record.exists() || record.newest() == nullptr) return;
    committer_.batch().put(Table::sessions, stored_key(record.key), stored_session(record));
}

void Shard::announce_model(Record& record, std::string_view model_id) {
    const Document* before = record.newest();
    if (model_id.empty() || before == nullptr || before->identity.unpack().model_id == model_id) return;
    Document document = *before;
    document.identity = before->identity.with_model(model_id);
    write_whole(record, std::move(document));
}

void Shard::store_session(Record& record, std::optional<std::vector<Subscription>> subscriptions,
                          UniqueFunction<void(Result<>)> done) {
    const auto key = stored_key(record.key);
    record.has_session = subscriptions.has_value();
    record.subscriptions = subscriptions ? std::move(*subscriptions) : std::vector<Subscription>();
    committer_.batch().put(Table::sessions, key, stored_session(record));
    committer_.on_durable(std::move(done));
}

void Shard::method_subscriptions_changed(Record& record) {
    methods_->method_ready(record);
    for (auto* observer : observers_) observer->method_ready(record);
}

}  // namespace carillon
