#include "core/messages/feedback.hpp"

#include "base/log.hpp"
#include "base/stored_bytes.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

constexpr std::uint8_t batch_format = 1;

std::string encode_batch(const std::vector<StoredFeedback>& records, WallTime enqueued) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(batch_format);
    out.i64(enqueued.ticks);
    out.varint(records.size());
    for (const StoredFeedback& stored : records) out.text(encode_feedback_record(stored.record));
    return bytes;
}

Result<FeedbackBatch> decode_batch(std::string_view value) {
    StoredReader in(as_bytes(value));
    FeedbackBatch batch;
    if (in.u8() != batch_format) in.spoil();
    batch.enqueued.ticks = in.i64();
    const std::size_t count = in.count();
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        auto record = decode_feedback_record(as_bytes(in.text()));
        if (!record) return fail(std::move(record).error());
        batch.records.push_back(*std::move(record));
    }
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored feedback batch does not decode");
    return batch;
}

}  // namespace

Feedback::Feedback(Shards& shards)
    : shards_(shards), shard_(shards.first()), batches_(shards, 'b', "feedback") {}
Feedback::~Feedback() = default;

Result<> Feedback::load() {
    Result<> outcome;
    auto loaded = batches_.load([](std::string_view row) -> Result<WallTime> {
        const auto batch = decode_batch(row);
        if (!batch) return fail(batch.error());
        return batch->enqueued;
    });
    if (!loaded) return loaded;
    const auto visit_record = [&](std::string_view key, std::string_view value) {
        auto record = decode_feedback_record(as_bytes(value));
        if (!record) {
            outcome = fail(record.error());
            return false;
        }
        gathered_.push_back({std::string(key), *std::move(record)});
        return true;
    };
    auto scanned = shard_.store().scan(Table::cloud_messages, first_stored_feedback, end_of_stored_feedback,
                                       visit_record);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    for (std::size_t i = 0; i < shards_.count(); ++i) {
        shards_[i].cloud_messages().set_feedback_observer([this](StoredFeedback stored) {
            Shards::post(shard_, [this, held = std::move(stored)]() mutable { add(std::move(held)); });
        });
    }
    last_closed_ = shard_.clock().now();
    watch_gathered();
    return {};
}

// --- batches -----------------------------------------------------------------------------------------

void Feedback::add(StoredFeedback stored) {
    gathered_.push_back(std::move(stored));
    if (gathered_.size() >= batch_records_max) return close_batch();
    watch_gathered();
}

void Feedback::watch_gathered() {
    if (close_timer_ || gathered_.empty()) return;
    const TimePoint due = std::max(last_closed_ + batch_time, shard_.clock().now() + gather_time);
    close_timer_ = shard_.timers().at(due, [this] {
        close_timer_ = {};
        close_batch();
    });
}

/// Makes a batch of what has been gathered, up to its size, and begins another with the rest.
void Feedback::close_batch() {
    shard_.timers().cancel(close_timer_);
    if (gathered_.empty()) return;
    const auto end =
        gathered_.begin() + static_cast<std::ptrdiff_t>(std::min(gathered_.size(), batch_records_max));
    std::vector<StoredFeedback> records(std::make_move_iterator(gathered_.begin()),
                                        std::make_move_iterator(end));
    gathered_.erase(gathered_.begin(), end);
    const WallTime now = shard_.clock().wall_now();
    last_closed_ = shard_.clock().now();
    auto& committer = shard_.committer();
    const std::uint64_t sequence = batches_.stage(encode_batch(records, now));
    for (const StoredFeedback& stored : records) committer.batch().erase(Table::cloud_messages, stored.key);
    committer.on_durable([this, sequence, now, held = std::move(records)](const Result<>& written) mutable {
        if (written) return batches_.added(sequence, now);
        gathered_.insert(gathered_.begin(), std::make_move_iterator(held.begin()),
                         std::make_move_iterator(held.end()));
        if (close_timer_) return;
        close_timer_ = shard_.timers().at(shard_.clock().now() + retry_time, [this] {
            close_timer_ = {};
            close_batch();
        });
    });
    if (gathered_.size() >= batch_records_max) return close_batch();
    watch_gathered();
}

// --- receivers ---------------------------------------------------------------------------------------

Result<FeedbackBatch> Feedback::read(const LockedQueue::Item& item) {
    auto batch = decode_batch(item.row);
    if (!batch) return batch;
    batch->sequence = item.sequence;
    batch->delivery_count = item.delivery_count;
    batch->lock = item.lock;
    return batch;
}

Task<Result<std::optional<FeedbackBatch>>> Feedback::receive_next(LockedQueue* batches, Duration lock_time) {
    auto receiving = batches->receive(lock_time);
    const auto item = co_await std::move(receiving);
    if (!item) co_return fail(item.error());
    if (!*item) co_return std::nullopt;
    auto batch = read(**item);
    if (!batch) co_return fail(std::move(batch).error());
    co_return std::optional(*std::move(batch));
}

Task<Result<std::optional<FeedbackBatch>>> Feedback::receive(Duration lock_time) {
    return receive_next(&batches_, lock_time);
}

Task<Result<>> Feedback::settle(LockToken token, Settlement how) {
    return batches_.settle(token, how);
}

}  // namespace carillon
