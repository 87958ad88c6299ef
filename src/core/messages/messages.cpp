#include "core/messages/messages.hpp"

#include "core/messages/files/file_notification.hpp"
#include "core/messages/files/uploads.hpp"
#include "core/port/shard_port.hpp"

namespace carillon {

Messages::Messages(Shards& shards, ShardPort& port)
    : port_(port),
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
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, SendMessage{std::move(key), std::move(message)});
}

Task<Result<std::uint64_t>> Messages::purge(IdentityKey key) {
    const std::size_t owner = port_.owner(key.device);
    return port_.ask(owner, PurgeMessages{std::move(key)});
}

}  // namespace carillon
