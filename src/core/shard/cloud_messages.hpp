#pragma once

#include "base/callback_scope.hpp"
#include "base/metrics.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "core/shard/cloud_message_limits.hpp"
#include "core/shard/record.hpp"
#include "model/cloud_message.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

class Shard;

/// A feedback record that is on disk under `key` of `Table::cloud_messages`.
struct StoredFeedback {
    std::string key;
    FeedbackRecord record;
};
/// The keys of feedback records begin with the first and are below the second.
inline constexpr std::string_view first_stored_feedback = "f";
inline constexpr std::string_view end_of_stored_feedback = "g";

/// A message that was received over a protocol which asks for each.
struct ReceivedMessage {
    CloudMessage message;
    LockToken lock{};
    std::uint8_t delivery_count = 0;
};

/// What became of a shard's cloud-to-device messages. Written by its thread, read by any.
struct CloudMessageMetrics {
    Counter queued;
    Counter refused;  ///< As a queue or the hub is full, or the message may not be.
    Counter abandoned;
    static constexpr std::size_t outcomes = static_cast<std::size_t>(MessageOutcome::purged) + 1;
    std::array<Counter, outcomes> ended;  ///< By `MessageOutcome`.
};

/// The queues of cloud-to-device messages of one shard's identities, whatever protocol they are sent and
/// received by. Its shard's thread only. Messages lie in the store, see docs/storage.md; a queue that is not
/// empty costs some 60 bytes of memory a message, and one that is empty none.
///
///               enqueue            given to the device              complete, reject, purge
///     (sender) --------> queued ------------------------> locked ---------------------------> gone
///                          ^  |    abandon, link lost,       |
///                          |  |    lock time over            |
///                          |  +--------- expired, purged --------------------------------------^
///                          +---------------------------------+--- delivered too often ---------^
///
/// Messages are handed out in the order they were queued; what comes back takes its old place. Whatever is
/// answered, and every outcome, is durable before.
/// Source: IoT Hub docs, "Send cloud-to-device messages from an IoT hub".
class CloudMessages {
public:
    using Done = UniqueFunction<void(Result<>)>;
    using Queued = UniqueFunction<void(Result<std::uint64_t>)>;
    using Purged = UniqueFunction<void(Result<std::uint32_t>)>;
    using Received = UniqueFunction<void(Result<std::optional<ReceivedMessage>>)>;

    CloudMessages(Shard& shard, CloudQueueLimits limits);
    CloudMessages(const CloudMessages&) = delete;
    CloudMessages& operator=(const CloudMessages&) = delete;

    /// Finds what waits. Before the shard's thread runs, after the identities were read.
    Result<> load();

    // --- for back ends -------------------------------------------------------------------------
    /// Queues a message, also for a device that is disabled. `done` gets its sequence number when it is
    /// durable. Fails as `check_cloud_message`, with `device_not_found` if the identity is gone,
    /// `device_maximum_queue_depth_exceeded`, `iot_hub_quota_exceeded` if the shard is full,
    /// `service_unavailable`.
    void enqueue(Record& record, CloudMessage message, Queued done);
    /// Removes all that is queued, also what the device works on, and gives how many those were.
    void purge(Record& record, Purged done);

    // --- for devices ---------------------------------------------------------------------------
    /// Gives the oldest message that is not locked, and locks it for `lock_time`; nothing if there is none.
    void receive(Record& record, Duration lock_time, Received done);
    /// What the device says of the message that `token` locks; `done` when that is durable. Fails with
    /// `device_message_lock_lost` if no lock is called so any more.
    void settle(Record& record, const LockToken& token, Settlement how, Done done);
    /// Hands the record's link what it has room for (`DeviceLink::cloud_message_room`). To be called whenever
    /// that may be more than before.
    void offer(Record& record);
    /// The same, with those that the link did not want.
    void offer_all(Record& record);

    // --- for the shard -------------------------------------------------------------------------
    /// What was handed to `link` and is not settled comes back.
    void link_lost(Record& record, const DeviceLink& link);
    /// Puts the end of the record's queue into the batch that removes its identity; nobody is told of it.
    void stage_removal(const Record& record);
    /// Forgets the queue of a record that is about to be forgotten.
    void removed(const Record& record);

    /// Told of each feedback record once it is durable.
    void set_feedback_observer(std::function<void(StoredFeedback)> observer) {
        feedback_observer_ = std::move(observer);
    }
    /// Queued, or being worked on, and what they take in the store; from any thread, as are `metrics`.
    std::uint64_t messages() const { return messages_; }
    std::uint64_t bytes() const { return bytes_; }
    const CloudMessageMetrics& metrics() const { return metrics_; }

private:
    /// For one hand-over: what the store is asked for at once. Ours.
    static constexpr std::uint64_t read_bytes_max = 256 * 1024;
    /// Messages that expire within one turn. Ours.
    static constexpr std::size_t sweep_messages_max = 256;
    static constexpr std::chrono::seconds between_sweeps{1};

    struct Lock {
        LockToken token{};
        const DeviceLink* holder = nullptr;  ///< Null: a protocol that asks for each.
        Timers::Id timer;
        bool is_sent = false;
    };
    enum class State : std::uint8_t { arriving, queued, leaving };
    struct Entry {
        std::uint64_t sequence = 0;
        WallTime expires;
        std::unique_ptr<Lock> lock;
        std::unique_ptr<std::string> message_id;  ///< Only if feedback is asked for.
        std::uint32_t bytes = 0;
        Ack ack = Ack::none;
        std::uint8_t delivery_count = 0;
        State state = State::queued;
        bool was_given = false;    ///< The device may have seen it.
        bool is_unwanted = false;  ///< By the record's link, which is not offered it again.
    };
    struct Queue {
        std::vector<Entry> entries;  ///< By sequence. Bound: CloudMessageLimits::queue_messages_max.
        WallTime due = never;        ///< When it is looked at for what has expired; as in `due_`.
        bool is_reading = false;     ///< Messages for its link are on their way from the store.
    };
    struct Picked {
        std::uint64_t sequence;
        LockToken token;
    };
    static constexpr WallTime never{INT64_MAX};

    Queue* find(Ordinal ordinal);
    Entry* find(Ordinal ordinal, std::uint64_t sequence);
    static Entry* find_locked(Queue& queue, const LockToken& token);
    static bool is_available(const Entry& entry, WallTime now);
    static bool is_for_link(const Entry& entry, WallTime now) {
        return !entry.is_unwanted && is_available(entry, now);
    }
    std::uint64_t next_sequence();

    Result<> check_room(const Record& record, const CloudMessage& message);
    void arrived(Ordinal ordinal, CloudMessage message);
    void lock(Record& record, Entry& entry, const DeviceLink* holder, std::optional<Duration> time);
    void lock_expired(Ordinal ordinal, const LockToken& token);
    void unlock(Queue& queue, Ordinal ordinal, Entry& entry);
    void give_back(Record& record, Queue& queue, Entry& entry, Done done);
    void finish(Record& record, Entry& entry, MessageOutcome outcome, Done done);
    void left(Ordinal ordinal, std::uint64_t sequence, const Result<>& written);
    enum class Handed : std::uint8_t { no, yes };
    Handed hand(Record& record, Entry& entry, const CloudMessage& message);
    using Rows = std::vector<std::optional<std::string>>;
    void read(Ordinal ordinal, std::vector<Picked> picked,
              UniqueFunction<void(std::vector<Picked>, Result<Rows>)> done);
    void offered(Ordinal ordinal, const std::vector<Picked>& picked, const Result<Rows>& rows);

    void arm(Queue& queue, Ordinal ordinal, WallTime due);
    void rearm(Queue& queue, Ordinal ordinal);
    void watch();
    void sweep();
    void drop_if_empty(Ordinal ordinal);

    Shard& shard_;
    CloudQueueLimits limits_;
    std::unordered_map<Ordinal, Queue> queues_;
    std::set<std::pair<WallTime, Ordinal>> due_;  ///< Queues with something that may expire.
    Timers::Id timer_;
    std::function<void(StoredFeedback)> feedback_observer_;
    Counter messages_;
    Counter bytes_;
    std::uint64_t next_sequence_ = 1;
    std::uint64_t sequences_reserved_ = 1;
    bool is_sweeping_ = false;
    CloudMessageMetrics metrics_;
    CallbackScope callbacks_;
};

}  // namespace carillon
