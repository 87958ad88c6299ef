#include "core/messages/feedback.hpp"

#include "base/log.hpp"
#include "base/stored_bytes.hpp"
#include "core/shard/stored_number.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

constexpr std::uint8_t batch_format = 1;

std::string batch_key(std::uint64_t sequence) {
    std::string key = "b";
    append_be(key, sequence);
    return key;
}

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

Task<Result<std::optional<std::string>>> read_row(Shard& shard, std::string key) {
    using Row = Result<std::optional<std::string>>;
    auto start = [&shard, &key](UniqueFunction<void(Row)> done) {
        shard.storage().run([&store = shard.store(), executor = shard.executor(), wanted = std::move(key),
                             answer = std::move(done)]() mutable {
            auto row = store.get(Table::cloud_messages, wanted);
            boost::asio::post(executor, [answer = std::move(answer), row = std::move(row)]() mutable {
                answer(std::move(row));
            });
        });
    };
    co_return co_await from_callback<Row>(start);
}

}  // namespace

Feedback::Feedback(Shards& shards) : shards_(shards), shard_(shards.first()) {}
Feedback::~Feedback() = default;

Result<> Feedback::load() {
    Result<> outcome;
    const auto visit_batch = [&](std::string_view key, std::string_view value) {
        const auto batch = decode_batch(value);
        if (!batch) {
            outcome = fail(batch.error());
            return false;
        }
        const auto sequence = read_be<std::uint64_t>(key.substr(1));
        batches_[sequence].enqueued = batch->enqueued;
        next_sequence_ = sequence + 1;
        return true;
    };
    auto scanned = shard_.store().scan(Table::cloud_messages, "b", "c", visit_batch);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    const auto visit_record = [&](std::string_view key, std::string_view value) {
        auto record = decode_feedback_record(as_bytes(value));
        if (!record) {
            outcome = fail(record.error());
            return false;
        }
        gathered_.push_back({std::string(key), *std::move(record)});
        return true;
    };
    scanned = shard_.store().scan(Table::cloud_messages, first_stored_feedback, end_of_stored_feedback,
                                  visit_record);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    for (std::size_t i = 0; i < shards_.count(); ++i) {
        shards_[i].cloud_messages().set_feedback_observer([this](StoredFeedback stored) {
            Shards::post(shard_, [this, held = std::move(stored)]() mutable { add(std::move(held)); });
        });
    }
    last_closed_ = shard_.clock().now();
    watch_gathered();
    sweep();
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
    const std::uint64_t sequence = next_sequence_++;
    const WallTime now = shard_.clock().wall_now();
    last_closed_ = shard_.clock().now();
    auto& committer = shard_.committer();
    committer.batch().put(Table::cloud_messages, batch_key(sequence), encode_batch(records, now));
    for (const StoredFeedback& stored : records) committer.batch().erase(Table::cloud_messages, stored.key);
    committer.on_durable([this, sequence, now, held = std::move(records)](const Result<>& written) mutable {
        if (written) {
            batches_[sequence].enqueued = now;
            sweep();
            return tell();
        }
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

/// Removes what is too old or too much.
void Feedback::sweep() {
    const WallTime now = shard_.clock().wall_now();
    std::size_t left = batches_.size();
    for (auto& [sequence, waiting] : batches_) {
        const bool is_old = waiting.enqueued.plus_s(time_to_live_s) <= now;
        const bool is_surplus = left > batches_max;
        if (!is_old && !is_surplus) break;
        if (waiting.lock || waiting.is_leaving) continue;
        if (is_surplus && !is_old && !std::exchange(has_dropped_, true)) {
            log.warn("feedback dropped batches={} why=\"nobody receives it\"", batches_max);
        }
        erase(sequence, waiting);
        --left;
    }
    if (sweep_timer_ || batches_.empty()) return;
    sweep_timer_ = shard_.timers().at(shard_.clock().now() + between_sweeps, [this] {
        sweep_timer_ = {};
        sweep();
    });
}

void Feedback::erase(std::uint64_t sequence, Waiting& waiting) {
    if (waiting.lock) shard_.timers().cancel(waiting.lock->timer);
    waiting.lock.reset();
    waiting.is_leaving = true;
    shard_.committer().batch().erase(Table::cloud_messages, batch_key(sequence));
    shard_.committer().on_durable([this, sequence](const Result<>& written) {
        const auto found = batches_.find(sequence);
        if (found == batches_.end()) return;
        if (written) {
            batches_.erase(found);
        } else {
            found->second.is_leaving = false;
        }
    });
}

// --- receivers ---------------------------------------------------------------------------------------

Task<Result<std::optional<FeedbackBatch>>> Feedback::receive(Duration lock_time) {
    return shards_.on(shard_, receive_here(this, lock_time));
}

Task<Result<>> Feedback::settle(LockToken token, Settlement how) {
    return shards_.on(shard_, settle_here(this, token, how));
}

Task<Result<std::optional<FeedbackBatch>>> Feedback::receive_here(Feedback* self, Duration lock_time) {
    Shard& shard = self->shard_;
    const WallTime now = shard.clock().wall_now();
    const auto next = std::find_if(self->batches_.begin(), self->batches_.end(), [now](const auto& one) {
        const Waiting& waiting = one.second;
        return !waiting.lock && !waiting.is_leaving && waiting.enqueued.plus_s(time_to_live_s) > now;
    });
    if (next == self->batches_.end()) co_return std::nullopt;
    const std::uint64_t sequence = next->first;
    auto lock = std::make_unique<Lock>();
    shard.random().fill(lock->token);
    const LockToken token = lock->token;
    lock->timer = shard.timers().at(shard.clock().now() + lock_time, [self, sequence, token] {
        const auto found = self->batches_.find(sequence);
        if (found == self->batches_.end() || !found->second.lock) return;
        if (found->second.lock->token == token) self->give_back(sequence);
    });
    next->second.lock = std::move(lock);
    auto reading = read_row(shard, batch_key(sequence));
    const auto row = co_await std::move(reading);
    const auto found = self->batches_.find(sequence);
    if (found == self->batches_.end() || !found->second.lock || found->second.lock->token != token) {
        co_return std::nullopt;  // Locked for too short a time.
    }
    auto batch = row && *row ? decode_batch(**row) : Result<FeedbackBatch>(fail(Errc::store_failed));
    if (!batch) {
        log.error("feedback not read sequence={}", sequence);
        self->give_back(sequence);
        co_return fail(Errc::service_unavailable, "The feedback cannot be read at the moment.");
    }
    batch->sequence = sequence;
    batch->delivery_count = found->second.delivery_count;
    batch->lock = token;
    co_return std::optional(*std::move(batch));
}

void Feedback::give_back(std::uint64_t sequence) {
    Waiting& waiting = batches_.at(sequence);
    shard_.timers().cancel(waiting.lock->timer);
    waiting.lock.reset();
    tell();
}

Task<Result<>> Feedback::settle_here(Feedback* self, LockToken token, Settlement how) {
    const auto found = std::find_if(self->batches_.begin(), self->batches_.end(), [&token](const auto& one) {
        return one.second.lock && one.second.lock->token == token;
    });
    if (found == self->batches_.end()) {
        co_return fail(Errc::device_message_lock_lost, "The feedback is not locked by this token any more.");
    }
    const std::uint64_t sequence = found->first;
    Waiting& waiting = found->second;
    // What came back too often goes; how often that was is not stored, so a restart begins anew.
    if (how == Settlement::abandon && ++waiting.delivery_count < delivery_count_max) {
        self->give_back(sequence);
        co_return Result<>{};
    }
    self->erase(sequence, waiting);
    const auto written = co_await self->shard_.committer().durable();
    if (!written) co_return fail(unavailable(written.error()));
    co_return Result<>{};
}

std::uint64_t Feedback::watch(std::function<void()> ready) {
    watchers_[++last_watcher_] = std::move(ready);
    return last_watcher_;
}

void Feedback::unwatch(std::uint64_t watcher) {
    watchers_.erase(watcher);
}

void Feedback::tell() {
    // A watcher may leave while it is told.
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, ready] : watchers_) numbers.push_back(number);
    for (const std::uint64_t number : numbers) {
        const auto found = watchers_.find(number);
        if (found != watchers_.end()) found->second();
    }
}

}  // namespace carillon
