#include "core/shard/telemetry.hpp"

#include "core/shard/placement.hpp"
#include "core/shard/stored_number.hpp"

#include <algorithm>
#include <iterator>

namespace carillon {
namespace {

/// Messages between two marks; the unit of removal.
constexpr std::uint64_t run_messages_max = 1024;
constexpr std::uint64_t run_bytes_max = 4 * 1024 * 1024;
/// And a share of the time for which messages are kept, so that those of a quiet partition go in time.
constexpr std::int64_t run_age_parts = 32;
constexpr std::string_view mark_prefix = "events/";

std::string mark_key(std::uint32_t partition, std::uint64_t sequence) {
    return std::string(mark_prefix) + event_key(partition, sequence);
}

/// When a stored message was enqueued.
WallTime enqueued_time(std::string_view value) {
    const auto head = peek_message(as_bytes(value));
    return head ? head->enqueued : WallTime();
}

}  // namespace

std::string event_key(std::uint32_t partition, std::uint64_t sequence) {
    std::string key;
    append_be(key, partition);
    append_be(key, sequence);
    return key;
}

Telemetry::Telemetry(Shard& shard, TelemetryLimits limits)
    : shard_(shard), limits_(limits), hub_events_(shard, *this) {
    const auto count = event_partition_count(shard.shard_count());
    for (auto number = shard.number(); number < count;
         number += static_cast<std::uint32_t>(shard.shard_count())) {
        partitions_.emplace_back().number = number;
    }
}

Result<> Telemetry::load() {
    for (auto& partition : partitions_) {
        if (auto loaded = load(partition); !loaded) return loaded;
        partition.durable.extent = extent(partition);
        partition.head->publish(partition.durable.extent);
    }
    return hub_events_.load();
}

Result<> Telemetry::load(Partition& partition) {
    const auto visit_mark = [&partition](std::string_view key, std::string_view value) {
        Mark mark;
        mark.sequence = read_be<std::uint64_t>(key.substr(mark_prefix.size() + 4));
        mark.enqueued.ticks = read_be<std::int64_t>(value);
        // Written when the next run begins; the newest run's is counted from its messages below.
        mark.bytes = value.size() >= 16 ? read_be<std::uint64_t>(value.substr(8)) : 0;
        partition.bytes += mark.bytes;
        partition.next = mark.sequence;
        partition.last_enqueued = mark.enqueued;
        partition.marks.push_back(mark);
        return true;
    };
    auto scanned = shard_.store().scan(Table::meta, mark_key(partition.number, 0),
                                       mark_key(partition.number + 1, 0), visit_mark);
    if (!scanned) return scanned;
    if (partition.marks.empty()) return {};
    Mark& newest = partition.marks.back();
    partition.bytes -= newest.bytes;
    newest.bytes = 0;
    const auto visit_message = [&partition, &newest](std::string_view key, std::string_view value) {
        partition.next = read_be<std::uint64_t>(key.substr(4)) + 1;
        newest.bytes += key.size() + value.size();
        partition.last_enqueued = enqueued_time(value);
        return true;
    };
    scanned = shard_.store().scan(Table::events, event_key(partition.number, newest.sequence),
                                  event_key(partition.number + 1, 0), visit_message);
    partition.bytes += newest.bytes;
    return scanned;
}

PartitionExtent Telemetry::extent(const Partition& partition) {
    const auto first = partition.marks.empty() ? partition.next : partition.marks.front().sequence;
    return {.first = first, .next = partition.next, .last_enqueued = partition.last_enqueued};
}

/// What the batch being gathered makes of the partition.
Telemetry::Staged& Telemetry::stage(Partition& partition) {
    const auto batch = shard_.committer().gathering();
    auto& staged = partition.staged;
    if (staged.empty() || staged.back().batch != batch) staged.emplace_back().batch = batch;
    staged.back().extent = extent(partition);
    staged.back().removed = partition.removed;
    return staged.back();
}

void Telemetry::begin_run(Partition& partition, WallTime enqueued) {
    auto& batch = shard_.committer().batch();
    if (!partition.marks.empty()) {
        const Mark& full = partition.marks.back();
        std::string value;
        append_be(value, full.enqueued.ticks);
        append_be(value, full.bytes);
        batch.put(Table::meta, mark_key(partition.number, full.sequence), std::move(value));
    }
    partition.marks.push_back({.sequence = partition.next, .enqueued = enqueued, .bytes = 0});
    ++stage(partition).marks;
    std::string value;
    append_be(value, enqueued.ticks);
    batch.put(Table::meta, mark_key(partition.number, partition.next), std::move(value));
}

void Telemetry::note(Partition& partition, WallTime enqueued, std::uint64_t bytes) {
    const auto is_run_full = [&] {
        if (partition.marks.empty()) return true;
        const Mark& run = partition.marks.back();
        return partition.next - run.sequence >= run_messages_max || run.bytes >= run_bytes_max ||
               enqueued >= run.enqueued.plus_s(limits_.age_max_s / run_age_parts);
    };
    const bool is_run_empty = !partition.marks.empty() && partition.marks.back().sequence == partition.next;
    if (is_run_empty) {
        partition.marks.back().enqueued = enqueued;
    } else if (is_run_full()) {
        begin_run(partition, enqueued);
    }
    partition.marks.back().bytes += bytes;
    partition.bytes += bytes;
}

void Telemetry::append(Record& record, Message message, UniqueFunction<void(Result<>)> done) {
    ++shard_.traffic().messages;
    put(record.key.device, std::move(message));
    shard_.committer().on_durable(std::move(done));
}

std::uint32_t Telemetry::number_of(const DeviceId& device) const {
    return static_cast<std::uint32_t>(event_partition(device.str(), shard_.shard_count()));
}

std::uint64_t Telemetry::next_sequence(const DeviceId& device) const {
    return find(number_of(device)).next;
}

void Telemetry::put(const DeviceId& device, Message message) {
    put(partitions_[number_of(device) / shard_.shard_count()], std::move(message));
}

void Telemetry::put(Message message) {
    put(partitions_.front(), std::move(message));
}

void Telemetry::put(Partition& partition, Message message) {
    message.enqueued = shard_.clock().wall_now();
    auto& batch = shard_.committer().batch();
    auto key = event_key(partition.number, partition.next);
    auto value = encode_message(message);
    const std::uint64_t bytes = key.size() + value.size();
    const std::size_t runs = partition.marks.size();
    note(partition, message.enqueued, bytes);
    if (partition.marks.size() != runs) trim(partition, message.enqueued);
    ++partition.next;
    partition.last_enqueued = message.enqueued;
    stage(partition).bytes += bytes;
    batch.put(Table::events, std::move(key), std::move(value));
}

void Telemetry::trim() {
    const WallTime now = shard_.clock().wall_now();
    for (auto& partition : partitions_) trim(partition, now);
}

void Telemetry::trim(Partition& partition, WallTime now) {
    if (partition.marks.empty()) return;
    const auto oldest_kept = now.plus_s(-limits_.age_max_s);
    // The last run goes too when all of it is too old; an empty one stays in its place and keeps its number.
    if (partition.marks.back().sequence != partition.next && partition.last_enqueued < oldest_kept) {
        begin_run(partition, partition.last_enqueued);
    }
    const std::size_t runs = partition.marks.size();
    // A run goes when all of it is too old, that is when the run behind it began too long ago.
    while (partition.marks.size() > 1 &&
           (partition.bytes > limits_.bytes_max || partition.marks[1].enqueued < oldest_kept)) {
        const Mark& gone = partition.marks.front();
        partition.bytes -= gone.bytes;
        shard_.committer().batch().erase(Table::meta, mark_key(partition.number, gone.sequence));
        partition.marks.pop_front();
    }
    if (partition.marks.size() == runs) return;
    const auto kept = partition.marks.front().sequence;
    shard_.committer().batch().erase_range(Table::events, event_key(partition.number, partition.removed),
                                           event_key(partition.number, kept));
    partition.removed = kept;
    stage(partition);
}

void Telemetry::settle(std::uint64_t batch, bool is_durable) {
    for (auto& partition : partitions_) {
        if (partition.staged.empty() || partition.staged.front().batch != batch) continue;
        if (!is_durable) {
            take_back(partition);
            continue;
        }
        partition.durable = partition.staged.front();
        partition.staged.pop_front();
        partition.head->publish(partition.durable.extent);
    }
}

/// Puts the partition back to what is durable, so that numbers have no gaps. Later batches build on the one
/// that was refused, and are refused with it.
void Telemetry::take_back(Partition& partition) {
    for (; !partition.staged.empty(); partition.staged.pop_back()) {
        // What the bound of bytes has removed in the same batch counts no more.
        std::uint64_t bytes = std::min(partition.staged.back().bytes, partition.bytes);
        partition.bytes -= bytes;
        for (std::size_t i = 0; i < partition.staged.back().marks && !partition.marks.empty(); ++i) {
            bytes -= std::min(bytes, partition.marks.back().bytes);
            partition.marks.pop_back();
        }
        if (!partition.marks.empty())
            partition.marks.back().bytes -= std::min(bytes, partition.marks.back().bytes);
    }
    partition.next = partition.durable.extent.next;
    partition.last_enqueued = partition.durable.extent.last_enqueued;
    partition.removed = partition.durable.removed;
}

std::shared_ptr<PartitionHead> Telemetry::head(std::uint32_t partition) const {
    return find(partition).head;
}

std::uint64_t Telemetry::find_time(std::uint32_t partition, WallTime time) const {
    const auto& marks = find(partition).marks;
    const auto later = std::partition_point(marks.begin(), marks.end(),
                                            [time](const Mark& mark) { return mark.enqueued < time; });
    if (later != marks.begin()) return std::prev(later)->sequence;
    return marks.empty() ? find(partition).next : marks.front().sequence;
}

}  // namespace carillon
