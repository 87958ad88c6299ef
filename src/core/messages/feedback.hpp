#pragma once

#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
    static constexpr std::int64_t time_to_live_s = 3600;
    static constexpr std::uint8_t delivery_count_max = 10;
    /// Ours: batches that wait; the oldest go. A million records.
    static constexpr std::size_t batches_max = 16'384;

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

    /// For protocols that send by themselves: `ready` is called on the first shard's thread whenever
    /// `receive` may give a batch that it did not before; quick. On that thread; gives what `unwatch` takes.
    std::uint64_t watch(std::function<void()> ready);
    void unwatch(std::uint64_t watcher);

private:
    static constexpr std::chrono::seconds between_sweeps{10};
    static constexpr std::chrono::seconds retry_time{1};

    struct Lock {
        LockToken token{};
        Timers::Id timer;
    };
    struct Waiting {
        WallTime enqueued;
        std::unique_ptr<Lock> lock;
        std::uint8_t delivery_count = 0;
        bool is_leaving = false;
    };
    using Batches = std::map<std::uint64_t, Waiting>;

    static Task<Result<std::optional<FeedbackBatch>>> receive_here(Feedback* self, Duration lock_time);
    static Task<Result<>> settle_here(Feedback* self, LockToken token, Settlement how);

    void add(StoredFeedback stored);
    void watch_gathered();
    void close_batch();
    void give_back(std::uint64_t sequence);
    void erase(std::uint64_t sequence, Waiting& waiting);
    void sweep();
    void tell();

    Shards& shards_;
    Shard& shard_;
    std::vector<StoredFeedback> gathered_;  ///< Bound: what comes while a batch is on its way to disk.
    Batches batches_;                       ///< Bound: batches_max
    std::map<std::uint64_t, std::function<void()>> watchers_;
    std::uint64_t last_watcher_ = 0;
    std::uint64_t next_sequence_ = 1;
    TimePoint last_closed_{};
    Timers::Id close_timer_;
    Timers::Id sweep_timer_;
    bool has_dropped_ = false;
};

}  // namespace carillon
