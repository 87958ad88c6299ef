#include "core/events/routing/endpoint_worker.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "core/shard/shards.hpp"
#include "core/shard/telemetry.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

using Verdict = DeliveryOutcome::Verdict;

std::string EndpointPosition::key(std::string_view endpoint) {
    return "routing-position/" + to_lower(endpoint);
}

std::string EndpointPosition::encoded() const {
    std::string text;
    for (const std::uint64_t number : next) append_be(text, number);
    if (awaits_route) text += '?';
    return text;
}

EndpointPosition EndpointPosition::decode(std::string_view text, std::size_t partitions) {
    constexpr std::size_t width = sizeof(std::uint64_t);
    EndpointPosition position{std::vector<std::uint64_t>(partitions), text.size() % width != 0};
    for (std::size_t i = 0; i < partitions && text.size() >= (i + 1) * width; ++i) {
        position.next[i] = read_be<std::uint64_t>(text.substr(i * width));
    }
    return position;
}

EndpointWorker::EndpointWorker(Shards& shards, Events& events, EventDrivers& drivers,
                               std::unique_ptr<StorageExecutor> sending, std::string endpoint,
                               EndpointPosition position, FindTable find_table)
    : shards_(shards),
      events_(events),
      drivers_(drivers),
      endpoint_(std::move(endpoint)),
      find_table_(std::move(find_table)),
      bell_(std::make_shared<Bell>(shards.first().executor(), shards.first().timers())),
      end_bell_(std::make_shared<Bell>(shards.first().executor(), shards.first().timers())),
      reached_(position.next),
      saved_(std::move(position.next)),
      awaits_route_(position.awaits_route),
      sending_(std::move(sending)) {
    status_.positions = saved_;
}

EndpointWorker::~EndpointWorker() = default;

EndpointStatus EndpointWorker::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

template <class Change>
void EndpointWorker::change_status(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(status_);
}

void EndpointWorker::stop() {
    stops_ = true;
    bell_->ring();
}

Task<> EndpointWorker::run(std::shared_ptr<EndpointWorker> self) {
    co_await self->work();
    self->readers_.clear();
    self->has_ended_ = true;
    self->end_bell_->ring();
}

Task<> EndpointWorker::end() {
    while (!has_ended_) co_await end_bell_->wait(std::nullopt);
}

Task<> EndpointWorker::work() {
    auto opened = open_readers();
    while (!opened && !stops_) {
        note_failure(opened.error().detail);
        co_await rest(std::nullopt);
        opened = open_readers();
    }
    while (!stops_ && find_target()) {
        const auto gathered = co_await gather();
        if (!gathered) {
            note_failure(gathered.error().detail);
            co_await rest(std::nullopt);
        } else if (batch_.empty() || !is_due()) {
            bool has_news = false;
            for (const auto& reader : readers_) {
                if (awaits_route_) break;
                has_news = !reader->wake_at_news([bell = bell_] { bell->ring(); }) || has_news;
            }
            if (has_news && !is_full()) continue;
            const auto due = batch_began_ + std::chrono::seconds(target_->endpoint.wait_s);
            co_await bell_->wait(batch_.empty() ? std::nullopt : std::optional(due));
        } else {
            co_await deliver();
        }
    }
}

Result<> EndpointWorker::open_readers() {
    readers_.clear();
    for (std::uint32_t number = 0; number < events_.partition_count(); ++number) {
        // A position beyond the log is one of before a backup was restored.
        const auto extent = events_.extent(number);
        if (!extent) return fail(extent.error());
        reached_[number] = saved_[number] = std::min(saved_[number], extent->next);
        auto reader = events_.open(number, EventStart::at(reached_[number]));
        if (!reader) return fail(std::move(reader).error());
        readers_.push_back(*std::move(reader));
    }
    return {};
}

bool EndpointWorker::find_target() {
    table_ = find_table_();
    target_ = table_->find_target(endpoint_);
    if (target_ != nullptr && !target_->rules.empty()) awaits_route_ = false;
    return target_ != nullptr;
}

bool EndpointWorker::is_full() const {
    const RouteEndpoint& endpoint = target_->endpoint;
    return batch_.size() >= static_cast<std::size_t>(endpoint.events_max) ||
           batch_bytes_ >= static_cast<std::size_t>(endpoint.bytes_max);
}

bool EndpointWorker::is_due() const {
    const auto waited = shards_.first().clock().now() - batch_began_;
    return is_full() || waited >= std::chrono::seconds(target_->endpoint.wait_s);
}

/// Reads on, from partition to partition, until the batch is to be sent or nothing is left.
Task<Result<>> EndpointWorker::gather() {
    if (awaits_route_) co_return Result<>{};
    const auto count = static_cast<std::uint32_t>(readers_.size());
    bool found_some = true;
    while (found_some && !stops_ && (batch_.empty() || !is_due())) {
        found_some = false;
        for (std::uint32_t i = 0; i < count && !is_full() && !stops_; ++i) {
            auto reading = read_on((turn_ + i) % count);
            const auto found = co_await std::move(reading);
            if (!found) co_return fail(found.error());
            found_some = found_some || *found;
        }
        turn_ = (turn_ + 1) % count;
        std::uint64_t passed_over = 0;
        for (std::size_t i = 0; i < count; ++i) passed_over += reached_[i] - saved_[i];
        if (batch_.empty() && passed_over >= passed_over_max) co_await save();
    }
    co_return Result<>{};
}

/// False at the end of the partition.
Task<Result<bool>> EndpointWorker::read_on(std::uint32_t partition) {
    PartitionReader& reader = *readers_[partition];
    if (target_->rules.empty()) reader.go_to(reader.extent().next);
    auto reading =
        reader.read(EventFilter(), static_cast<std::size_t>(target_->endpoint.events_max) - batch_.size());
    auto piece = co_await std::move(reading);
    if (!piece) co_return fail(std::move(piece).error());
    const bool is_at_end = piece->is_empty();
    auto taking = take(partition, *std::move(piece));
    const auto taken = co_await std::move(taking);
    if (!taken) co_return fail(taken.error());
    co_return !is_at_end;
}

/// Picks what goes to the endpoint.
Task<Result<>> EndpointWorker::take(std::uint32_t partition, EventPiece piece) {
    const std::uint64_t first = piece.is_empty() ? piece.next() : piece[0].sequence;
    const std::uint64_t next = piece.next();
    if (!target_->rules.empty() && first > reached_[partition]) {
        const std::uint64_t missed = first - reached_[partition];
        log.warn("events missed endpoint={} partition={} count={}", endpoint_, partition, missed);
        change_status([missed](EndpointStatus& status) { status.missed += missed; });
    }
    if (!piece.is_empty()) {
        std::vector<std::optional<Document>> twins;
        if (target_->reads_twin) twins = co_await find_twins(partition, piece);
        UniqueFunction<Result<std::vector<RoutedEvent>>()> select =
            [table = table_, target = target_, partition, events = std::move(piece),
             known = std::move(twins)] { return select_events(*table, *target, partition, events, known); };
        auto selecting = on_sender(std::move(select));
        auto selected = co_await std::move(selecting);
        if (!selected) co_return fail(std::move(selected).error());
        if (batch_.empty() && !selected->empty()) {
            batch_began_ = shards_.first().clock().now();
            const WallTime oldest = selected->front().message.enqueued;
            change_status([oldest](EndpointStatus& status) { status.oldest_waiting = oldest; });
        }
        for (RoutedEvent& event : *selected) {
            batch_bytes_ += event.bytes;
            batch_.push_back(std::move(event));
        }
    }
    reached_[partition] = next;
    co_return Result<>{};
}

/// The twins of those who sent the events, by place, as they are now.
Task<std::vector<std::optional<Document>>> EndpointWorker::find_twins(std::uint32_t partition,
                                                                      const EventPiece& piece) {
    std::vector<std::optional<IdentityKey>> keys;
    for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto head = peek_message(piece[i].stored);
        std::optional<IdentityKey> known;
        if (head) {
            if (auto key = IdentityKey::parse(head->device_id, head->module_id)) known = *std::move(key);
        }
        keys.push_back(std::move(known));
    }
    auto look = [asked = std::move(keys)](Shard& shard) {
        std::vector<std::optional<Document>> twins;
        for (const auto& key : asked) {
            const Record* const record = key ? shard.directory().find(*key) : nullptr;
            twins.push_back(record != nullptr ? record->committed : std::nullopt);
        }
        return twins;
    };
    co_return co_await shards_.call(shards_[partition % shards_.count()], std::move(look));
}

/// Runs `job` on the sending thread and resumes here with its result.
template <class T>
Task<T> EndpointWorker::on_sender(UniqueFunction<T()> job) {
    const auto here = shards_.first().executor();
    auto start = [&](UniqueFunction<void(T)> done) {
        sending_->run([work = std::move(job), here, held = std::move(done)]() mutable {
            auto result = std::make_shared<T>(work());
            work = {};
            boost::asio::post(here, [result, told = std::move(held)]() mutable { told(std::move(*result)); });
        });
    };
    co_return co_await from_callback<T>(std::move(start));
}

Task<DeliveryOutcome> EndpointWorker::send(std::shared_ptr<const std::vector<RoutedEvent>> events) {
    UniqueFunction<DeliveryOutcome()> job = [this, table = table_, target = target_,
                                             sent = std::move(events)] {
        if (sender_table_ != table) {
            sender_ = drivers_.open(target->endpoint, stops_);
            sender_table_ = table;
        }
        return sender_->send(*sent);
    };
    return on_sender(std::move(job));
}

/// Puts the batch into the endpoint's log and moves the position, in one commit. The log is on this shard.
/// Fails with the committer's error.
Task<Result<>> EndpointWorker::commit_to_log(std::uint32_t number) {
    struct Encoded {
        std::uint32_t partition;
        WallTime enqueued;
        std::string text;
    };
    UniqueFunction<std::vector<Encoded>()> encode = [this] {
        std::vector<Encoded> encoded;
        for (const RoutedEvent& event : batch_)
            encoded.push_back({event.partition, event.message.enqueued, encode_message(event.message)});
        return encoded;
    };
    auto encoding = on_sender(std::move(encode));
    auto encoded = co_await std::move(encoding);
    // The table of this moment: an endpoint that has gone meanwhile has no log.
    Shard& shard = shards_.first();
    for (Encoded& event : encoded) {
        PartitionLog* const part =
            shard.telemetry().find_log(EventLog::stored_number(number, event.partition));
        if (part == nullptr) co_return fail(Errc::generic_not_found, "the endpoint is gone");
        part->put(event.enqueued, std::move(event.text));
    }
    shard.committer().batch().put(Table::meta, EndpointPosition::key(endpoint_),
                                  EndpointPosition{reached_}.encoded());
    co_return co_await shard.committer().durable();
}

Task<> EndpointWorker::put_into_log() {
    auto putting = commit_to_log(target_->endpoint.log);
    const auto put = co_await std::move(putting);
    if (!put) {
        note_failure(put.error().detail);
        co_await rest(std::nullopt);
        co_return;
    }
    note_delivered(batch_.size());
    batch_.clear();
    batch_bytes_ = 0;
    note_saved();
}

/// One attempt at the batch; what follows from it.
Task<> EndpointWorker::deliver() {
    change_status([](EndpointStatus& status) {
        if (status.state == EndpointStatus::State::idle) status.state = EndpointStatus::State::sending;
    });
    if (target_->endpoint.kind == RouteEndpoint::Kind::events) {
        auto putting = put_into_log();
        co_return co_await std::move(putting);
    }
    const auto sent = std::make_shared<std::vector<RoutedEvent>>(std::move(batch_));
    auto sending = send(sent);
    const auto outcome = co_await std::move(sending);
    batch_ = std::move(*sent);  // The sending thread has let go of it.
    if (outcome.verdict == Verdict::taken) {
        note_delivered(batch_.size());
        batch_.clear();
    } else {
        note_failure(outcome.detail);
        if (outcome.verdict == Verdict::refused) ++refusals_;
        if (refusals_ >= static_cast<std::uint64_t>(target_->endpoint.attempts_max))
            co_await deliver_one_by_one();
        if (!batch_.empty()) {
            co_await rest(outcome.again_after);
            co_return;
        }
    }
    batch_bytes_ = 0;
    attempts_ = refusals_ = 0;
    co_await save();
}

/// So that one event which the endpoint does not want costs no other its delivery. What remains in the batch
/// meets trouble that may pass, and is sent together again.
Task<> EndpointWorker::deliver_one_by_one() {
    while (!batch_.empty() && !stops_) {
        const auto one = std::make_shared<const std::vector<RoutedEvent>>(batch_.begin(), batch_.begin() + 1);
        auto sending = send(one);
        const auto outcome = co_await std::move(sending);
        if (outcome.verdict == Verdict::failed) co_return;
        if (outcome.verdict == Verdict::taken) {
            note_delivered(1);
        } else {
            auto burying = bury(batch_.front(), outcome.detail);
            if (!co_await std::move(burying)) co_return;
        }
        batch_bytes_ -= std::min(batch_bytes_, batch_.front().bytes);
        batch_.erase(batch_.begin());
    }
}

Task<bool> EndpointWorker::bury(RoutedEvent event, std::string reason) {
    const std::uint32_t partition = event.partition;
    const std::uint64_t sequence = event.sequence;
    UniqueFunction<Result<>()> job = [this, buried = std::move(event), why = std::move(reason)] {
        return drivers_.keep_dead_letter(endpoint_, buried, why);
    };
    auto keeping = on_sender(std::move(job));
    const auto kept = co_await std::move(keeping);
    if (!kept) {
        note_failure("dead letters: " + kept.error().detail);
        co_return false;
    }
    log.warn("event put among the dead letters endpoint={} partition={} sequence={}", endpoint_, partition,
             sequence);
    change_status([](EndpointStatus& status) { ++status.dead_letters; });
    co_return true;
}

/// What is sent is known to be sent when the position is on disk; before, a crash sends it again.
Task<> EndpointWorker::save() {
    auto& committer = shards_.first().committer();
    const std::vector<std::uint64_t> reached = reached_;
    for (bool is_saved = false; !is_saved && !stops_;) {
        committer.batch().put(Table::meta, EndpointPosition::key(endpoint_),
                              EndpointPosition{reached}.encoded());
        const auto saved = co_await committer.durable();
        is_saved = saved.has_value();
        if (is_saved) continue;
        note_failure(saved.error().detail);
        co_await rest(std::nullopt);
    }
    if (!stops_) note_saved();
}

/// All up to where was read is dealt with, durably.
void EndpointWorker::note_saved() {
    saved_ = reached_;
    attempts_ = 0;
    change_status([this](EndpointStatus& status) {
        status.positions = saved_;
        status.state = EndpointStatus::State::idle;
        status.attempts = 0;
        status.oldest_waiting = {};
    });
}

Task<> EndpointWorker::rest(std::optional<std::chrono::seconds> asked) {
    const auto doubled = pause_min * (1 << std::min<std::uint64_t>(attempts_ == 0 ? 0 : attempts_ - 1, 6));
    const auto pause = asked ? std::clamp(*asked, pause_min, asked_max) : std::min(doubled, pause_max);
    const TimePoint until = shards_.first().clock().now() + pause;
    // News shorten no pause; another table does, as the endpoint's address may be another.
    while (!stops_ && shards_.first().clock().now() < until && find_table_() == table_)
        co_await bell_->wait(until);
}

void EndpointWorker::note_failure(std::string detail) {
    ++attempts_;
    if (attempts_ == 1) log.warn("endpoint failed endpoint={} reason={}", endpoint_, detail);
    const WallTime now = shards_.first().clock().wall_now();
    change_status([&](EndpointStatus& status) {
        status.state = EndpointStatus::State::retrying;
        status.attempts = attempts_;
        status.last_error = std::move(detail);
        status.last_failed = now;
    });
}

void EndpointWorker::note_delivered(std::size_t count) {
    if (attempts_ > 0) log.info("endpoint takes events again endpoint={} attempts={}", endpoint_, attempts_);
    const WallTime now = shards_.first().clock().wall_now();
    change_status([&](EndpointStatus& status) {
        status.delivered += count;
        status.last_delivered = now;
    });
}

}  // namespace carillon
