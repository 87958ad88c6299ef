#pragma once

#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/messages/locked_queue.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Outcomes of cloud-to-device messages, as one message to a back end.
struct FeedbackBatch {
    std::uint64_t sequence = 0;
    WallTime enqueued;
    std::uint8_t delivery_count = 0;  ///< How often it was given before and came back.
    LockToken lock{};
    std::vector<FeedbackRecord> records;  ///< 1 to `Feedback::batch_records_max`.
};

/// The queue of feedback of the whole hub, from which back ends receive over any protocol. Nothing of it is
/// lost by a restart: a record is on disk with the outcome that it tells, and its batch takes its place in
/// one write. Lives on the first shard; what returns a `Task` is safe from any thread. Source: IoT Hub docs,
/// "Send cloud-to-device messages from an IoT hub", message feedback; the defaults of the service.
class Feedback {
public:
    static constexpr std::size_t batch_records_max = 64;
    /// A batch is closed when it is full, or so long after the one before.
    static constexpr std::chrono::seconds batch_time{15};
    /// Ours: what a record waits for others in any case, so that those of one moment go together.
    static constexpr std::chrono::seconds gather_time{1};
    explicit Feedback(Shards& shards);
    ~Feedback();
    Feedback(const Feedback&) = delete;
    Feedback& operator=(const Feedback&) = delete;

    /// Finds what waits, and listens to the shards. Before their threads run.
    Result<> load();

    /// Gives the oldest batch that is not locked, and locks it for `lock_time`; nothing if there is none.
    Task<Result<std::optional<FeedbackBatch>>> receive(Duration lock_time);
    /// Ends a lock: complete and reject remove the batch, abandon gives it back. Fails with
    /// `device_message_lock_lost`, `service_unavailable`.
    Task<Result<>> settle(LockToken token, Settlement how);

    /// What links that are given feedback stand on.
    LockedQueue& queue() { return batches_; }
    static Result<FeedbackBatch> read(const LockedQueue::Item& item);

private:
    static constexpr std::chrono::seconds retry_time{1};

    static Task<Result<std::optional<FeedbackBatch>>> receive_next(LockedQueue* batches, Duration lock_time);

    void add(StoredFeedback stored);
    void watch_gathered();
    void close_batch();

    Shards& shards_;
    Shard& shard_;
    std::vector<StoredFeedback> gathered_;  ///< Bound: what comes while a batch is on its way to disk.
    LockedQueue batches_;
    TimePoint last_closed_{};
    Timers::Id close_timer_;
};

}  // namespace carillon
