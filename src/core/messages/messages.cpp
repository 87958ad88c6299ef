#include "core/messages/messages.hpp"

#include "core/messages/files/file_notification.hpp"
#include "core/messages/files/uploads.hpp"

namespace carillon {
namespace {

Result<Record*> find_existing(Shard& shard, const IdentityKey& key) {
    Record* record = shard.directory().find(key);
    if (record != nullptr && record->exists()) return record;
    return fail(shard.missing(key), key.path());
}

Task<Result<std::uint64_t>> send_there(Shard* shard, IdentityKey key, CloudMessage message) {
    const auto record = find_existing(*shard, key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Queued done) {
        shard->cloud_messages().enqueue(**record, std::move(message), std::move(done));
    };
    co_return co_await from_callback<Result<std::uint64_t>>(start);
}

Task<Result<std::uint32_t>> purge_there(Shard* shard, IdentityKey key) {
    const auto record = find_existing(*shard, key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Purged done) {
        shard->cloud_messages().purge(**record, std::move(done));
    };
    co_return co_await from_callback<Result<std::uint32_t>>(start);
}

}  // namespace

Messages::Messages(Shards& shards)
    : shards_(shards),
      feedback_(shards),
      file_notifications_(shards, 'n', "file notification"),
      uploads_(std::make_unique<Uploads>(shards, file_notifications_)) {}
Messages::~Messages() = default;

Result<> Messages::load() {
    if (auto loaded = feedback_.load(); !loaded) return loaded;
    auto loaded = file_notifications_.load([](std::string_view row) -> Result<WallTime> {
        const auto stored = StoredFileNotification::decode(row);
        if (!stored) return fail(stored.error());
        return stored->enqueued;
    });
    if (!loaded) return loaded;
    return uploads_->load();
}

Task<Result<std::uint64_t>> Messages::send(IdentityKey key, CloudMessage message) {
    Shard& shard = shards_.owner(key.device);
    return shards_.on(shard, send_there(&shard, std::move(key), std::move(message)));
}

Task<Result<std::uint32_t>> Messages::purge(IdentityKey key) {
    Shard& shard = shards_.owner(key.device);
    return shards_.on(shard, purge_there(&shard, std::move(key)));
}

}  // namespace carillon
