#include "core/methods.hpp"
#include "core/session_format.hpp"
#include "core/shard.hpp"

namespace carillon {

void Shard::attach(Record& record, DeviceLink& link) {
    if (record.link) {
        DeviceLink& older = *record.link;
        methods_->link_lost(record, Errc::connection_forcefully_closed);
        older.close(Errc::connection_forcefully_closed);
    }
    record.link = &link;
    record.methods = std::make_unique<PendingMethods>();
    record.connection_updated = record.last_activity = context_.clock.wall_now();
}

void Shard::detach(Record& record, DeviceLink& link) {
    if (record.link != &link) return;
    record.link = nullptr;
    record.connection_updated = context_.clock.wall_now();
    methods_->link_lost(record, Errc::device_connection_closed_remotely);
    record.methods.reset();
}

void Shard::store_session(Record& record, std::optional<std::vector<Subscription>> subscriptions,
                          UniqueFunction<void(Result<>)> done) {
    const auto key = stored_key(record.key);
    record.has_session = subscriptions.has_value();
    if (subscriptions) {
        committer_.batch().put(Table::sessions, key, encode_session(*subscriptions));
        record.subscriptions = std::move(*subscriptions);
    } else {
        committer_.batch().erase(Table::sessions, key);
        record.subscriptions = {};
    }
    committer_.on_durable(std::move(done));
}

void Shard::method_subscriptions_changed(Record& record) {
    methods_->method_ready(record);
    for (auto* observer : observers_) observer->method_ready(record);
}

}  // namespace carillon
