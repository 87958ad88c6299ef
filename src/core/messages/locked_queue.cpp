#include "core/messages/locked_queue.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>
#include <vector>

namespace carillon {
namespace {

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

LockedQueue::LockedQueue(Shards& shards, char prefix, std::string_view what)
    : shards_(shards), shard_(shards.first()), prefix_(prefix), what_(what) {}
LockedQueue::~LockedQueue() = default;

std::string LockedQueue::key(std::uint64_t sequence) const {
    std::string key(1, prefix_);
    append_be(key, sequence);
    return key;
}

Result<> LockedQueue::load(const std::function<Result<WallTime>(std::string_view row)>& read_time) {
    Result<> outcome;
    const auto visit = [&](std::string_view stored, std::string_view value) {
        const auto enqueued = read_time(value);
        if (!enqueued) {
            outcome = fail(enqueued.error());
            return false;
        }
        const auto sequence = read_be<std::uint64_t>(stored.substr(1));
        items_[sequence].enqueued = *enqueued;
        next_sequence_ = sequence + 1;
        return true;
    };
    const std::string first(1, prefix_);
    const std::string end(1, static_cast<char>(prefix_ + 1));
    auto scanned = shard_.store().scan(Table::cloud_messages, first, end, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    sweep();
    return {};
}

std::uint64_t LockedQueue::stage(std::string row) {
    const std::uint64_t sequence = next_sequence_++;
    shard_.committer().batch().put(Table::cloud_messages, key(sequence), std::move(row));
    return sequence;
}

void LockedQueue::added(std::uint64_t sequence, WallTime enqueued) {
    items_[sequence].enqueued = enqueued;
    sweep();
    tell();
}

/// Removes what is too old or too much.
void LockedQueue::sweep() {
    const WallTime now = shard_.clock().wall_now();
    std::size_t left = items_.size();
    for (auto& [sequence, waiting] : items_) {
        const bool is_old = waiting.enqueued.plus_s(time_to_live_s) <= now;
        const bool is_surplus = left > items_max;
        if (!is_old && !is_surplus) break;
        if (waiting.lock || waiting.is_leaving) continue;
        if (is_surplus && !is_old && !std::exchange(has_dropped_, true)) {
            log.warn("{} dropped waiting={} why=\"nobody receives it\"", what_, items_max);
        }
        erase(sequence, waiting);
        --left;
    }
    if (sweep_timer_ || items_.empty()) return;
    sweep_timer_ = shard_.timers().at(shard_.clock().now() + between_sweeps, [this] {
        sweep_timer_ = {};
        sweep();
    });
}

void LockedQueue::erase(std::uint64_t sequence, Waiting& waiting) {
    if (waiting.lock) shard_.timers().cancel(waiting.lock->timer);
    waiting.lock.reset();
    waiting.is_leaving = true;
    shard_.committer().batch().erase(Table::cloud_messages, key(sequence));
    shard_.committer().on_durable([this, sequence](const Result<>& written) {
        const auto found = items_.find(sequence);
        if (found == items_.end()) return;
        if (written) {
            items_.erase(found);
        } else {
            found->second.is_leaving = false;
        }
    });
}

Task<Result<std::optional<LockedQueue::Item>>> LockedQueue::receive(Duration lock_time) {
    return shards_.on(shard_, receive_here(this, lock_time));
}

Task<Result<>> LockedQueue::settle(LockToken token, Settlement how) {
    return shards_.on(shard_, settle_here(this, token, how));
}

Task<Result<std::optional<LockedQueue::Item>>> LockedQueue::receive_here(LockedQueue* self,
                                                                         Duration lock_time) {
    Shard& shard = self->shard_;
    const WallTime now = shard.clock().wall_now();
    const auto next = std::find_if(self->items_.begin(), self->items_.end(), [now](const auto& one) {
        const Waiting& waiting = one.second;
        return !waiting.lock && !waiting.is_leaving && waiting.enqueued.plus_s(time_to_live_s) > now;
    });
    if (next == self->items_.end()) co_return std::nullopt;
    const std::uint64_t sequence = next->first;
    auto lock = std::make_unique<Lock>();
    shard.random().fill(lock->token);
    const LockToken token = lock->token;
    lock->timer = shard.timers().at(shard.clock().now() + lock_time, [self, sequence, token] {
        const auto found = self->items_.find(sequence);
        if (found == self->items_.end() || !found->second.lock) return;
        if (found->second.lock->token == token) self->give_back(sequence);
    });
    next->second.lock = std::move(lock);
    auto reading = read_row(shard, self->key(sequence));
    auto row = co_await std::move(reading);
    const auto found = self->items_.find(sequence);
    if (found == self->items_.end() || !found->second.lock || found->second.lock->token != token) {
        co_return std::nullopt;  // Locked for too short a time.
    }
    if (!row || !*row) {
        log.error("{} not read sequence={}", self->what_, sequence);
        self->give_back(sequence);
        co_return fail(Errc::service_unavailable,
                       fmt::format("The {} cannot be read at the moment.", self->what_));
    }
    Item item{sequence, found->second.delivery_count, token, **std::move(row)};
    co_return std::optional(std::move(item));
}

void LockedQueue::give_back(std::uint64_t sequence) {
    Waiting& waiting = items_.at(sequence);
    shard_.timers().cancel(waiting.lock->timer);
    waiting.lock.reset();
    tell();
}

Task<Result<>> LockedQueue::settle_here(LockedQueue* self, LockToken token, Settlement how) {
    const auto found = std::find_if(self->items_.begin(), self->items_.end(), [&token](const auto& one) {
        return one.second.lock && one.second.lock->token == token;
    });
    if (found == self->items_.end()) {
        co_return fail(Errc::device_message_lock_lost,
                       fmt::format("The {} is not locked by this token any more.", self->what_));
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

std::uint64_t LockedQueue::watch(std::function<void()> ready) {
    watchers_[++last_watcher_] = std::move(ready);
    return last_watcher_;
}

void LockedQueue::unwatch(std::uint64_t watcher) {
    watchers_.erase(watcher);
}

void LockedQueue::tell() {
    // A watcher may leave while it is told.
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, ready] : watchers_) numbers.push_back(number);
    for (const std::uint64_t number : numbers) {
        const auto found = watchers_.find(number);
        if (found != watchers_.end()) found->second();
    }
}

}  // namespace carillon
