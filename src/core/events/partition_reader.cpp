#include "core/events/partition_reader.hpp"

#include "base/await.hpp"
#include "base/stored_number.hpp"
#include "core/shard/telemetry.hpp"
#include "model/message.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

struct Stretch {
    std::uint32_t partition = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;  ///< Exclusive.
    WallTime skipped_before;
    std::size_t events_max = 0;
    std::size_t bytes_max = 0;
};

/// Blocking.
Result<EventPiece> read_stretch(const Store& store, const Stretch& stretch, const EventFilter& filter) {
    EventPiece piece;
    piece.go_on_at(stretch.to);
    Result<> outcome;
    bool skips = stretch.skipped_before != WallTime();
    std::size_t looked_at = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto sequence = read_be<std::uint64_t>(key.substr(4));
        if (skips || !filter.is_open()) {
            const auto head = peek_message(as_bytes(value));
            if (!head) {
                outcome = fail(head.error());
                return false;
            }
            skips = skips && head->enqueued < stretch.skipped_before;
            if (!skips && filter.fits(head->device_id, head->module_id)) piece.add(sequence, value);
        } else {
            piece.add(sequence, value);
        }
        const bool is_full = ++looked_at == PartitionReader::looked_at_max ||
                             piece.size() == stretch.events_max || piece.bytes() >= stretch.bytes_max;
        if (is_full) piece.go_on_at(sequence + 1);
        return !is_full;
    };
    auto scanned = store.scan(Table::events, event_key(stretch.partition, stretch.from),
                              event_key(stretch.partition, stretch.to), visit);
    if (!scanned) return fail(Errc::service_unavailable, scanned.error().detail);
    if (!outcome) return fail(std::move(outcome).error());
    return piece;
}

}  // namespace

Result<std::unique_ptr<PartitionReader>> PartitionReader::open(Place place, const EventStart& start,
                                                               Count count) {
    if (count->fetch_add(1, std::memory_order_relaxed) >= count_max) {
        count->fetch_sub(1, std::memory_order_relaxed);
        return fail(Errc::throttling_exception, "Too many clients read events of this hub.");
    }
    return std::unique_ptr<PartitionReader>(new PartitionReader(std::move(place), start, std::move(count)));
}

PartitionReader::PartitionReader(Place place, const EventStart& start, Count count)
    : place_(std::move(place)), start_(start), count_(std::move(count)) {
    switch (start.kind) {
        case EventStart::Kind::earliest:
            next_ = 0;
            break;
        case EventStart::Kind::latest:
            next_ = place_.head->extent().next;
            break;
        case EventStart::Kind::sequence:
            next_ = start.sequence;
            break;
        case EventStart::Kind::time:
            break;
    }
}

PartitionReader::~PartitionReader() {
    if (waiter_ != 0) place_.head->forget(waiter_);
    count_->fetch_sub(1, std::memory_order_relaxed);
}

Task<Result<>> PartitionReader::find_place() {
    if (next_) co_return Result<>{};
    auto find = [number = place_.stored_number, time = start_.time](Shard& shard) {
        const PartitionLog* const part = shard.telemetry().find_log(number);
        return part != nullptr ? part->find_time(time) : 0;  // Of an endpoint that is gone.
    };
    next_ = co_await place_.shards.call(place_.shard, find);
    skipped_before_ = start_.time;
    co_return Result<>{};
}

Task<Result<EventPiece>> PartitionReader::read(EventFilter filter, std::size_t events_max,
                                               std::size_t bytes_max) {
    const auto found = co_await find_place();
    if (!found) co_return fail(found.error());
    const PartitionExtent extent = place_.head->extent();
    Stretch stretch{
        place_.stored_number, std::max(*next_, extent.first),         extent.next,
        skipped_before_,      std::min(events_max, piece_events_max), std::min(bytes_max, piece_bytes)};
    if (stretch.from >= stretch.to) {
        EventPiece nothing;
        nothing.go_on_at(stretch.from);
        next_ = stretch.from;
        co_return nothing;
    }
    const auto here = co_await boost::asio::this_coro::executor;
    const Store& store = place_.shard.store();
    auto start = [&](UniqueFunction<void(Result<EventPiece>)> done) {
        place_.reading.run(
            [&store, stretch, here, asked = std::move(filter), held = std::move(done)]() mutable {
                auto piece = read_stretch(store, stretch, asked);
                boost::asio::post(here, [result = std::move(piece), told = std::move(held)]() mutable {
                    told(std::move(result));
                });
            });
    };
    auto piece = co_await from_callback<Result<EventPiece>>(std::move(start));
    if (piece) {
        next_ = piece->next();
        if (!piece->is_empty()) skipped_before_ = {};
    }
    co_return piece;
}

bool PartitionReader::wake_at_news(UniqueFunction<void()> wake) {
    if (waiter_ != 0) place_.head->forget(std::exchange(waiter_, 0));
    if (!next_) return false;
    waiter_ = place_.head->wake_beyond(*next_, std::move(wake));
    return waiter_ != 0;
}

}  // namespace carillon
