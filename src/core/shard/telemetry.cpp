#include "core/shard/telemetry.hpp"

#include "core/shard/placement.hpp"
#include "core/shard/stored_number.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

/// Messages between two marks; the unit of removal.
constexpr std::uint64_t run_messages_max = 1024;
constexpr std::uint64_t run_bytes_max = 4 * 1024 * 1024;
constexpr std::string_view mark_prefix = "events/";

std::string event_key(std::uint32_t partition, std::uint64_t sequence) {
    std::string key;
    append_be(key, partition);
    append_be(key, sequence);
    return key;
}

std::string mark_key(std::uint32_t partition, std::uint64_t sequence) {
    return std::string(mark_prefix) + event_key(partition, sequence);
}

}  // namespace

Telemetry::Telemetry(Shard& shard, TelemetryLimits limits) : shard_(shard), limits_(limits) {
    const auto count = event_partition_count(shard.shard_count());
    for (auto number = shard.number(); number < count;
         number += static_cast<std::uint32_t>(shard.shard_count())) {
        partitions_.push_back({.number = number, .next = 0, .bytes = 0, .marks = {}, .removed = 0});
    }
}

Result<> Telemetry::load() {
    for (auto& partition : partitions_) {
        if (auto loaded = load(partition); !loaded) return loaded;
    }
    return {};
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
        return true;
    };
    scanned = shard_.store().scan(Table::events, event_key(partition.number, newest.sequence),
                                  event_key(partition.number + 1, 0), visit_message);
    partition.bytes += newest.bytes;
    return scanned;
}

void Telemetry::note(Partition& partition, WallTime enqueued, std::uint64_t bytes) {
    const bool is_run_full = partition.marks.empty() ||
                             partition.next - partition.marks.back().sequence >= run_messages_max ||
                             partition.marks.back().bytes >= run_bytes_max;
    if (is_run_full) {
        auto& batch = shard_.committer().batch();
        if (!partition.marks.empty()) {
            const Mark& full = partition.marks.back();
            std::string value;
            append_be(value, full.enqueued.ticks);
            append_be(value, full.bytes);
            batch.put(Table::meta, mark_key(partition.number, full.sequence), std::move(value));
        }
        partition.marks.push_back({.sequence = partition.next, .enqueued = enqueued, .bytes = 0});
        std::string value;
        append_be(value, enqueued.ticks);
        batch.put(Table::meta, mark_key(partition.number, partition.next), std::move(value));
    }
    partition.marks.back().bytes += bytes;
    partition.bytes += bytes;
}

void Telemetry::append(Record& record, Message message, UniqueFunction<void(Result<>)> done) {
    const auto number = event_partition(record.key.device.str(), shard_.shard_count());
    auto& partition = partitions_[number / shard_.shard_count()];
    message.enqueued = shard_.clock().wall_now();
    ++shard_.traffic().messages;
    auto key = event_key(partition.number, partition.next);
    auto value = encode_message(message);
    const std::size_t runs = partition.marks.size();
    note(partition, message.enqueued, key.size() + value.size());
    if (partition.marks.size() != runs) trim(partition, message.enqueued);
    ++partition.next;
    auto& committer = shard_.committer();
    committer.batch().put(Table::events, std::move(key), std::move(value));
    committer.on_durable(std::move(done));
}

void Telemetry::trim() {
    const WallTime now = shard_.clock().wall_now();
    for (auto& partition : partitions_) trim(partition, now);
}

void Telemetry::trim(Partition& partition, WallTime now) {
    const auto oldest_kept = now.plus_s(-limits_.age_max_s);
    auto& batch = shard_.committer().batch();
    const std::size_t runs = partition.marks.size();
    // A run goes when all of it is too old, that is when the run behind it began too long ago.
    while (partition.marks.size() > 1 &&
           (partition.bytes > limits_.bytes_max || partition.marks[1].enqueued < oldest_kept)) {
        const Mark& gone = partition.marks.front();
        partition.bytes -= gone.bytes;
        batch.erase(Table::meta, mark_key(partition.number, gone.sequence));
        partition.marks.pop_front();
    }
    if (partition.marks.size() == runs) return;
    const auto kept = partition.marks.front().sequence;
    batch.erase_range(Table::events, event_key(partition.number, partition.removed),
                      event_key(partition.number, kept));
    partition.removed = kept;
}

}  // namespace carillon
