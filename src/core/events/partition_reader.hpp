#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/unique_function.hpp"
#include "core/events/event_piece.hpp"
#include "core/events/event_start.hpp"
#include "core/shard/partition_head.hpp"
#include "core/shard/shards.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

namespace carillon {

/// Reads one partition from a place on, a piece at a time, from the store and on another thread than the
/// devices'. Between pieces it is a number: a reader that falls behind costs no memory and holds up nobody.
/// Any thread, one call at a time; must live while a `read` is awaited.
class PartitionReader {
public:
    /// A piece ends behind the event that reaches either.
    static constexpr std::size_t piece_bytes = 256 * 1024;
    static constexpr std::size_t piece_events_max = 1024;
    /// Events looked at for one piece, whether they fit the filter or not.
    static constexpr std::size_t looked_at_max = 16 * 1024;
    /// Ours: how many there may be of one hub.
    static constexpr std::size_t count_max = 512;
    using Count = std::shared_ptr<std::atomic<std::size_t>>;

    /// What is read, and where. All references outlive the reader.
    struct Place {
        Shards& shards;
        Shard& shard;  ///< Of the partition.
        StorageExecutor& reading;
        std::shared_ptr<PartitionHead> head;
        std::uint32_t stored_number = 0;  ///< Of its keys.
        std::uint32_t partition = 0;      ///< Within its log.
    };
    /// Fails with `throttling_exception` if there are `count_max`.
    static Result<std::unique_ptr<PartitionReader>> open(Place place, const EventStart& start, Count count);
    ~PartitionReader();
    PartitionReader(const PartitionReader&) = delete;
    PartitionReader& operator=(const PartitionReader&) = delete;

    std::uint32_t partition() const { return place_.partition; }
    /// The next piece, of at most `events_max`, which ends behind the event that reaches `bytes_max`; an
    /// empty one where there is nothing that fits up to `EventPiece::next`. Fails with `service_unavailable`.
    Task<Result<EventPiece>> read(EventFilter filter, std::size_t events_max = piece_events_max,
                                  std::size_t bytes_max = piece_bytes);
    /// Where the next `read` begins; nothing before the first if that is to be found by time.
    std::optional<std::uint64_t> next() const { return next_; }
    /// Puts the next `read` elsewhere: after a piece of which not all was taken.
    void go_to(std::uint64_t sequence) { next_ = sequence; }
    PartitionExtent extent() const { return place_.head->extent(); }
    /// Calls `wake` once, on any thread, when there is something to read; asking again takes back what was
    /// asked before. False, and nothing is called, if there is already. `wake` must be quick; it is not
    /// called after this has gone, but for a call under way.
    bool wake_at_news(UniqueFunction<void()> wake);

private:
    PartitionReader(Place place, const EventStart& start, Count count);
    Task<Result<>> find_place();

    const Place place_;
    const EventStart start_;
    const Count count_;
    std::optional<std::uint64_t> next_;
    WallTime skipped_before_;  ///< Until an event was enqueued at this time or later.
    std::uint64_t waiter_ = 0;
};

}  // namespace carillon
