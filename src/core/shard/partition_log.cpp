#include "core/shard/partition_log.hpp"

#include "base/stored_number.hpp"
#include "core/shard/shard.hpp"
#include "model/message.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace carillon {
namespace {

/// Messages between two marks; the unit of removal.
constexpr std::uint64_t run_messages_max = 1024;
constexpr std::uint64_t run_bytes_max = 4 * 1024 * 1024;
/// And a share of the time for which messages are kept, so that those of a quiet partition go in time.
constexpr std::int64_t run_age_parts = 32;
constexpr std::string_view mark_prefix = "events/";
constexpr std::string_view mark_end = "events0";  // The prefix with its last byte one higher.

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

PartitionLog::PartitionLog(Shard& shard, std::uint32_t number, const TelemetryLimits& limits)
    : shard_(shard), number_(number), limits_(limits) {}

Result<> PartitionLog::load() {
    const auto visit_mark = [this](std::string_view key, std::string_view value) {
        Mark mark;
        mark.sequence = read_be<std::uint64_t>(key.substr(mark_prefix.size() + 4));
        mark.enqueued.ticks = read_be<std::int64_t>(value);
        // Written when the next run begins; the newest run's is counted from its messages below.
        mark.bytes = value.size() >= 16 ? read_be<std::uint64_t>(value.substr(8)) : 0;
        bytes_ += mark.bytes;
        next_ = mark.sequence;
        last_enqueued_ = mark.enqueued;
        marks_.push_back(mark);
        return true;
    };
    auto scanned =
        shard_.store().scan(Table::meta, mark_key(number_, 0), mark_key(number_ + 1, 0), visit_mark);
    if (!scanned) return scanned;
    if (!marks_.empty()) {
        Mark& newest = marks_.back();
        bytes_ -= newest.bytes;
        newest.bytes = 0;
        const auto visit_message = [this, &newest](std::string_view key, std::string_view value) {
            next_ = read_be<std::uint64_t>(key.substr(4)) + 1;
            newest.bytes += key.size() + value.size();
            last_enqueued_ = enqueued_time(value);
            return true;
        };
        scanned = shard_.store().scan(Table::events, event_key(number_, newest.sequence),
                                      event_key(number_ + 1, 0), visit_message);
        if (!scanned) return scanned;
        bytes_ += newest.bytes;
    }
    durable_.extent = extent();
    head_->publish(durable_.extent);
    return {};
}

PartitionExtent PartitionLog::extent() const {
    const auto first = marks_.empty() ? next_ : marks_.front().sequence;
    return {.first = first, .next = next_, .last_enqueued = last_enqueued_};
}

/// What the batch being gathered makes of the partition.
PartitionLog::Staged& PartitionLog::stage() {
    const auto batch = shard_.committer().gathering();
    if (staged_.empty() || staged_.back().batch != batch) staged_.emplace_back().batch = batch;
    staged_.back().extent = extent();
    staged_.back().removed = removed_;
    return staged_.back();
}

void PartitionLog::begin_run(WallTime enqueued) {
    auto& batch = shard_.committer().batch();
    if (!marks_.empty()) {
        const Mark& full = marks_.back();
        std::string value;
        append_be(value, full.enqueued.ticks);
        append_be(value, full.bytes);
        batch.put(Table::meta, mark_key(number_, full.sequence), std::move(value));
    }
    marks_.push_back({.sequence = next_, .enqueued = enqueued, .bytes = 0});
    ++stage().marks;
    std::string value;
    append_be(value, enqueued.ticks);
    batch.put(Table::meta, mark_key(number_, next_), std::move(value));
}

void PartitionLog::note(WallTime enqueued, std::uint64_t bytes) {
    const auto is_run_full = [&] {
        if (marks_.empty()) return true;
        const Mark& run = marks_.back();
        return next_ - run.sequence >= run_messages_max || run.bytes >= run_bytes_max ||
               enqueued >= run.enqueued.plus_s(limits_.age_max_s / run_age_parts);
    };
    const bool is_run_empty = !marks_.empty() && marks_.back().sequence == next_;
    if (is_run_empty) {
        marks_.back().enqueued = enqueued;
    } else if (is_run_full()) {
        begin_run(enqueued);
    }
    marks_.back().bytes += bytes;
    bytes_ += bytes;
}

void PartitionLog::put(WallTime enqueued, std::string encoded) {
    auto& batch = shard_.committer().batch();
    auto key = event_key(number_, next_);
    const std::uint64_t bytes = key.size() + encoded.size();
    const std::size_t runs = marks_.size();
    note(enqueued, bytes);
    if (marks_.size() != runs) trim(shard_.clock().wall_now());
    ++next_;
    last_enqueued_ = enqueued;
    stage().bytes += bytes;
    batch.put(Table::events, std::move(key), std::move(encoded));
}

void PartitionLog::trim(WallTime now) {
    if (marks_.empty()) return;
    const auto oldest_kept = now.plus_s(-limits_.age_max_s);
    // The last run goes too when all of it is too old; an empty one stays in its place and keeps its number.
    if (marks_.back().sequence != next_ && last_enqueued_ < oldest_kept) begin_run(last_enqueued_);
    const std::size_t runs = marks_.size();
    // A run goes when all of it is too old, that is when the run behind it began too long ago.
    while (marks_.size() > 1 && (bytes_ > limits_.bytes_max || marks_[1].enqueued < oldest_kept)) {
        const Mark& gone = marks_.front();
        bytes_ -= gone.bytes;
        shard_.committer().batch().erase(Table::meta, mark_key(number_, gone.sequence));
        marks_.pop_front();
    }
    if (marks_.size() == runs) return;
    const auto kept = marks_.front().sequence;
    shard_.committer().batch().erase_range(Table::events, event_key(number_, removed_),
                                           event_key(number_, kept));
    removed_ = kept;
    stage();
}

void PartitionLog::settle(std::uint64_t batch, bool is_durable) {
    if (staged_.empty() || staged_.front().batch != batch) return;
    if (!is_durable) return take_back();
    durable_ = staged_.front();
    staged_.pop_front();
    head_->publish(durable_.extent);
}

/// Puts the partition back to what is durable, so that numbers have no gaps. Later batches build on the one
/// that was refused, and are refused with it.
void PartitionLog::take_back() {
    for (; !staged_.empty(); staged_.pop_back()) {
        // What the bound of bytes has removed in the same batch counts no more.
        std::uint64_t bytes = std::min(staged_.back().bytes, bytes_);
        bytes_ -= bytes;
        for (std::size_t i = 0; i < staged_.back().marks && !marks_.empty(); ++i) {
            bytes -= std::min(bytes, marks_.back().bytes);
            marks_.pop_back();
        }
        if (!marks_.empty()) marks_.back().bytes -= std::min(bytes, marks_.back().bytes);
    }
    next_ = durable_.extent.next;
    last_enqueued_ = durable_.extent.last_enqueued;
    removed_ = durable_.removed;
}

std::uint64_t PartitionLog::find_time(WallTime time) const {
    const auto later = std::partition_point(marks_.begin(), marks_.end(),
                                            [time](const Mark& mark) { return mark.enqueued < time; });
    if (later != marks_.begin()) return std::prev(later)->sequence;
    return marks_.empty() ? next_ : marks_.front().sequence;
}

Result<std::optional<std::uint32_t>> PartitionLog::find_stored(Shard& shard, std::uint32_t first) {
    std::optional<std::uint32_t> found;
    const auto visit = [&found](std::string_view key, std::string_view) {
        found = read_be<std::uint32_t>(key.substr(mark_prefix.size()));
        return false;
    };
    auto scanned = shard.store().scan(Table::meta, mark_key(first, 0), std::string(mark_end), visit);
    if (!scanned) return fail(std::move(scanned).error());
    return found;
}

void PartitionLog::erase(Batch& batch, std::uint32_t first, std::uint32_t end) {
    batch.erase_range(Table::meta, mark_key(first, 0), mark_key(end, 0));
    batch.erase_range(Table::events, event_key(first, 0), event_key(end, 0));
}

}  // namespace carillon
