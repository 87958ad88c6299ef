#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "core/events/events.hpp"
#include "core/events/routing/bell.hpp"
#include "core/events/routing/event_drivers.hpp"
#include "core/events/routing/routing_table.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

class Shards;
class StorageExecutor;

/// How an endpoint fares; counts are since the start of the hub.
struct EndpointStatus {
    enum class State : std::uint8_t {
        idle,      ///< Nothing waits for it.
        sending,   ///< It takes what it is sent.
        retrying,  ///< It does not: the hub tries again and again.
    };
    State state = State::idle;
    std::uint64_t delivered = 0;
    std::uint64_t dead_letters = 0;
    std::uint64_t missed = 0;    ///< Gone from the event log before they were read.
    std::uint64_t attempts = 0;  ///< Of the batch that is being retried.
    WallTime last_delivered;
    WallTime oldest_waiting;  ///< When the first event that was read and is not delivered was enqueued.
    std::string last_error;
    WallTime last_failed;
    std::vector<std::uint64_t> positions;  ///< By partition: the first event that is not dealt with.
};

/// How far an endpoint is, as it is stored.
struct EndpointPosition {
    std::vector<std::uint64_t> next;  ///< By partition: the first event that is not dealt with.
    /// It stays where it is until a route leads there: of an endpoint that is to get all that is kept.
    bool awaits_route = false;

    static std::string key(std::string_view endpoint);
    std::string encoded() const;
    static EndpointPosition decode(std::string_view text, std::size_t partitions);
};

/// Brings the events that routes lead to one endpoint there: reads the log from the endpoint's own position
/// on, picks what goes to it, sends it in batches until the endpoint has taken them, and only then moves the
/// position, durably. So each event arrives at least once and those of a device in their order; whatever the
/// endpoint does holds up nobody else, as the log is read beside the devices' threads and sending has a
/// thread of its own. What goes to a log of the hub's own is written in one commit with the position, so each
/// event is there exactly once. Lives on the thread of the first shard.
class EndpointWorker : public std::enable_shared_from_this<EndpointWorker> {
public:
    /// Pauses between attempts, doubled from the first to the last; an endpoint may ask for at most
    /// `asked_max`.
    static constexpr std::chrono::seconds pause_min{1};
    static constexpr std::chrono::seconds pause_max{60};
    static constexpr std::chrono::seconds asked_max{300};
    /// Events that go to other endpoints are passed over; after so many the position is saved.
    static constexpr std::uint64_t passed_over_max = 4096;

    using FindTable = std::function<std::shared_ptr<const RoutingTable>()>;
    /// All of these outlive it.
    EndpointWorker(Shards& shards, Events& events, EventDrivers& drivers,
                   std::unique_ptr<StorageExecutor> sending, std::string endpoint, EndpointPosition position,
                   FindTable find_table);
    ~EndpointWorker();

    /// Ends when `stop` was called, or the endpoint is no longer in the table.
    static Task<> run(std::shared_ptr<EndpointWorker> self);
    void stop();
    /// The table has changed.
    void look() { bell_->ring(); }
    /// Returns when it has ended. One caller.
    Task<> end();
    bool has_ended() const { return has_ended_; }
    /// Any thread.
    EndpointStatus status() const;

private:
    Task<> work();
    Result<> open_readers();
    bool find_target();
    Task<Result<>> gather();
    Task<Result<bool>> read_on(std::uint32_t partition);
    Task<Result<>> take(std::uint32_t partition, EventPiece piece);
    Task<std::vector<std::optional<Document>>> find_twins(std::uint32_t partition, const EventPiece& piece);
    bool is_full() const;
    bool is_due() const;
    Task<> deliver();
    Task<> deliver_one_by_one();
    Task<> put_into_log();
    Task<Result<>> commit_to_log(std::uint32_t number);
    Task<bool> bury(RoutedEvent event, std::string reason);
    Task<DeliveryOutcome> send(std::shared_ptr<const std::vector<RoutedEvent>> events);
    template <class T>
    Task<T> on_sender(UniqueFunction<T()> job);
    Task<> save();
    Task<> rest(std::optional<std::chrono::seconds> asked);
    void note_saved();
    void note_failure(std::string detail);
    void note_delivered(std::size_t count);
    template <class Change>
    void change_status(const Change& change);

    Shards& shards_;
    Events& events_;
    EventDrivers& drivers_;
    const std::string endpoint_;  ///< Its name.
    const FindTable find_table_;
    std::shared_ptr<Bell> bell_;
    std::shared_ptr<Bell> end_bell_;
    std::shared_ptr<const RoutingTable> table_;
    const RoutingTable::Target* target_ = nullptr;           ///< Within `table_`.
    std::vector<std::unique_ptr<PartitionReader>> readers_;  ///< Bound: fixed.
    std::vector<std::uint64_t> reached_;                     ///< Read up to. Bound: fixed.
    std::vector<std::uint64_t> saved_;                       ///< The position on disk. Bound: fixed.
    std::vector<RoutedEvent> batch_;                         ///< Bound: RouteEndpoint::batch_bytes_max
    std::size_t batch_bytes_ = 0;
    TimePoint batch_began_;
    std::uint64_t attempts_ = 0;  ///< Of the batch.
    std::uint64_t refusals_ = 0;
    std::uint32_t turn_ = 0;  ///< The partition read first.
    bool awaits_route_;
    /// On the sending thread only: opened for that table, anew when there is another.
    std::unique_ptr<EventSender> sender_;
    std::shared_ptr<const RoutingTable> sender_table_;
    std::atomic<bool> stops_{false};
    bool has_ended_ = false;
    mutable std::mutex mutex_;  ///< Guards `status_`.
    EndpointStatus status_;
    std::unique_ptr<StorageExecutor>
        sending_;  ///< One thread, of this endpoint alone. Goes before what it uses.
};

}  // namespace carillon
