#pragma once

#include "base/task.hpp"
#include "core/messages/feedback.hpp"
#include "core/shard/shards.hpp"
#include "model/cloud_message.hpp"

#include <cstdint>
#include <memory>

namespace carillon {

class ShardPort;
class Uploads;

/// Cloud-to-device messages as back ends see them, whatever protocol those speak. Safe from any thread.
class Messages {
public:
    Messages(Shards& shards, ShardPort& port);
    ~Messages();

    /// Before the shards' threads run.
    Result<> load();

    /// Queues a message for a device or module; gives its sequence number once it is durable. Fails with
    /// `device_not_found`, `module_not_found` and as `CloudMessages::enqueue`.
    Task<Result<std::uint64_t>> send(IdentityKey key, CloudMessage message);
    /// Empties the queue of a device or module, and gives how many messages it held. Fails with
    /// `device_not_found`, `module_not_found`, `service_unavailable`.
    Task<Result<std::uint64_t>> purge(IdentityKey key);

    Feedback& feedback() { return feedback_; }
    /// Notifications of the files that devices have uploaded, `StoredFileNotification`.
    LockedQueue& file_notifications() { return file_notifications_; }
    /// Files that devices upload.
    Uploads& uploads() { return *uploads_; }

private:
    ShardPort& port_;
    Feedback feedback_;
    LockedQueue file_notifications_;
    std::unique_ptr<Uploads> uploads_;
};

}  // namespace carillon
