#include "core/shard/cloud_messages.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/twin_index.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {
namespace {

constexpr char queued_prefix = 'i';
constexpr char message_prefix = 'm';
/// Sequence numbers are reserved on disk in blocks, so that a message seldom writes the counter.
constexpr std::uint64_t sequence_block = 65536;

std::string row_key(char prefix, std::uint32_t shard, Ordinal ordinal, std::uint64_t sequence) {
    std::string key(1, prefix);
    append_be(key, shard);
    append_be(key, ordinal);
    append_be(key, sequence);
    return key;
}

std::string feedback_key(std::uint32_t shard, std::uint64_t sequence) {
    std::string key(first_stored_feedback);
    append_be(key, shard);
    append_be(key, sequence);
    return key;
}

std::string counter_key(std::uint32_t shard) {
    return fmt::format("shard/{}/cloud-messages", shard);
}

}  // namespace

CloudMessages::CloudMessages(Shard& shard, CloudQueueLimits limits) : shard_(shard), limits_(limits) {}

// --- what is known of messages -----------------------------------------------------------------------

Result<> CloudMessages::load() {
    const auto reserved = shard_.store().get(Table::meta, counter_key(shard_.number()));
    if (!reserved) return fail(reserved.error());
    if (*reserved) next_sequence_ = sequences_reserved_ = read_be<std::uint64_t>(**reserved);
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto ordinal = read_be<Ordinal>(key.substr(5));
        const auto queued = decode_queued_message(as_bytes(value));
        Record* record = shard_.directory().find(ordinal);
        if (!queued || record == nullptr) {
            outcome =
                fail(Errc::store_corrupt,
                     fmt::format("a stored cloud-to-device message of shard {} does not decode or has no "
                                 "device",
                                 shard_.number()));
            return false;
        }
        Entry entry;
        entry.sequence = read_be<std::uint64_t>(key.substr(9));
        entry.expires = queued->expires;
        if (queued->ack != Ack::none) entry.message_id = std::make_unique<std::string>(queued->message_id);
        entry.bytes = queued->bytes;
        entry.ack = queued->ack;
        entry.delivery_count = queued->delivery_count;
        entry.was_given = true;
        Queue& queue = queues_[ordinal];
        queue.entries.push_back(std::move(entry));
        arm(queue, ordinal, queued->expires);
        ++record->c2d_count;
        ++messages_;
        bytes_ += queued->bytes;
        return true;
    };
    auto scanned = shard_.store().scan(Table::cloud_messages, row_key(queued_prefix, shard_.number(), 0, 0),
                                       row_key(queued_prefix, shard_.number() + 1, 0, 0), visit);
    if (!scanned) return scanned;
    watch();
    return outcome;
}

CloudMessages::Queue* CloudMessages::find(Ordinal ordinal) {
    const auto found = queues_.find(ordinal);
    return found == queues_.end() ? nullptr : &found->second;
}

CloudMessages::Entry* CloudMessages::find(Ordinal ordinal, std::uint64_t sequence) {
    Queue* queue = find(ordinal);
    if (queue == nullptr) return nullptr;
    const auto found = std::find_if(queue->entries.begin(), queue->entries.end(),
                                    [sequence](const Entry& entry) { return entry.sequence == sequence; });
    return found == queue->entries.end() ? nullptr : &*found;
}

CloudMessages::Entry* CloudMessages::find_locked(Queue& queue, const LockToken& token) {
    const auto found = std::find_if(queue.entries.begin(), queue.entries.end(), [&token](const Entry& entry) {
        return entry.lock && entry.lock->token == token;
    });
    return found == queue.entries.end() ? nullptr : &*found;
}

bool CloudMessages::is_available(const Entry& entry, WallTime now) {
    return entry.state == State::queued && !entry.lock && entry.expires > now;
}

void CloudMessages::drop_if_empty(Ordinal ordinal) {
    Queue* queue = find(ordinal);
    if (queue == nullptr || !queue->entries.empty() || queue->is_reading) return;
    due_.erase({queue->due, ordinal});
    queues_.erase(ordinal);
}

// --- into the queue ----------------------------------------------------------------------------------

std::uint64_t CloudMessages::next_sequence() {
    if (next_sequence_ >= sequences_reserved_) {
        sequences_reserved_ = next_sequence_ + sequence_block;
        std::string counter;
        append_be(counter, sequences_reserved_);
        shard_.committer().batch().put(Table::meta, counter_key(shard_.number()), std::move(counter));
        shard_.committer().on_durable([this](const Result<>& result) {
            if (!result) sequences_reserved_ = 0;  // The next message writes it again.
        });
    }
    return next_sequence_++;
}

Result<> CloudMessages::check_room(const Record& record, const CloudMessage& message) {
    const WallTime now = shard_.clock().wall_now();
    if (record.newest() == nullptr) return fail(shard_.missing(record.key), record.key.path());
    if (auto checked = check_cloud_message(message, now); !checked) return checked;
    if (!message.input().empty() && !record.key.is_module())
        return fail(Errc::argument_invalid, "Only modules have inputs.");
    if (messages_ >= limits_.messages_max || bytes_ >= limits_.bytes_max) {
        return fail(Errc::iot_hub_quota_exceeded,
                    "The hub holds as many cloud-to-device messages as it may.");
    }
    std::size_t waiting = 0;
    if (const Queue* queue = find(record.ordinal)) {
        for (const Entry& entry : queue->entries) {
            const bool is_expired = !entry.lock && entry.expires <= now;
            if (entry.state != State::leaving && !is_expired) ++waiting;
        }
    }
    if (waiting < CloudMessageLimits::queue_messages_max) return {};
    return fail(Errc::device_maximum_queue_depth_exceeded,
                fmt::format("{} messages wait for the device, the most there may be.", waiting));
}

void CloudMessages::enqueue(Record& record, CloudMessage message, Queued done) {
    if (auto checked = check_room(record, message); !checked) {
        ++metrics_.refused;
        return done(fail(std::move(checked).error()));
    }
    message.sequence = next_sequence();
    message.enqueued = shard_.clock().wall_now();
    message.expires = message.expiry.value_or(message.enqueued.plus_s(CloudMessageLimits::time_to_live_s));
    auto stored = encode_cloud_message(message);

    Entry entry;
    entry.sequence = message.sequence;
    entry.expires = message.expires;
    entry.bytes = static_cast<std::uint32_t>(stored.size());
    entry.ack = message.ack.value_or(Ack::none);
    entry.state = State::arriving;
    QueuedMessage queued;
    queued.expires = entry.expires;
    queued.bytes = entry.bytes;
    queued.ack = entry.ack;
    if (entry.ack != Ack::none) {
        queued.message_id = message.find_system("message-id");
        entry.message_id = std::make_unique<std::string>(queued.message_id);
    }
    const Ordinal ordinal = record.ordinal;
    Batch& batch = shard_.committer().batch();
    batch.put(Table::cloud_messages, row_key(queued_prefix, shard_.number(), ordinal, message.sequence),
              encode_queued_message(queued));
    batch.put(Table::cloud_messages, row_key(message_prefix, shard_.number(), ordinal, message.sequence),
              std::move(stored));
    Queue& queue = queues_[ordinal];
    ++messages_;
    bytes_ += entry.bytes;
    arm(queue, ordinal, entry.expires);
    queue.entries.push_back(std::move(entry));
    watch();
    shard_.committer().on_durable([this, ordinal, sent = std::move(message),
                                   answer = std::move(done)](const Result<>& written) mutable {
        const std::uint64_t sequence = sent.sequence;
        if (!written) {
            left(ordinal, sequence, {});
            return answer(fail(unavailable(written.error())));
        }
        ++metrics_.queued;
        answer(sequence);
        arrived(ordinal, std::move(sent));
    });
}

/// A message is durable, and still at hand: it need not be read if the device takes it at once.
void CloudMessages::arrived(Ordinal ordinal, CloudMessage message) {
    Record* record = shard_.directory().find(ordinal);
    Queue* queue = find(ordinal);
    Entry* entry = find(ordinal, message.sequence);
    if (record == nullptr || entry == nullptr) return;
    entry->state = State::queued;
    arm(*queue, ordinal, entry->expires);
    ++record->c2d_count;
    shard_.index().touch(ordinal);
    if (record->link == nullptr) return;
    const WallTime now = shard_.clock().wall_now();
    const bool is_next = std::none_of(queue->entries.data(), entry,
                                      [now](const Entry& older) { return is_for_link(older, now); });
    if (!is_next || queue->is_reading) return offer(*record);
    if (!is_available(*entry, now) || record->link->cloud_message_room() == 0) return;
    lock(*record, *entry, record->link, record->link->cloud_message_lock());
    hand(*record, *entry, message);
}

// --- out of the queue --------------------------------------------------------------------------------

void CloudMessages::lock(Record& record, Entry& entry, const DeviceLink* holder,
                         std::optional<Duration> time) {
    entry.lock = std::make_unique<Lock>();
    shard_.random().fill(entry.lock->token);
    entry.lock->holder = holder;
    if (!time) return;
    entry.lock->timer = shard_.timers().at(
        shard_.clock().now() + *time,
        [this, ordinal = record.ordinal, token = entry.lock->token] { lock_expired(ordinal, token); });
}

void CloudMessages::lock_expired(Ordinal ordinal, const LockToken& token) {
    Queue* queue = find(ordinal);
    Entry* entry = queue != nullptr ? find_locked(*queue, token) : nullptr;
    if (entry == nullptr) return;
    unlock(*queue, ordinal, *entry);
    if (Record* record = shard_.directory().find(ordinal)) offer(*record);
}

void CloudMessages::unlock(Queue& queue, Ordinal ordinal, Entry& entry) {
    shard_.timers().cancel(entry.lock->timer);
    entry.lock.reset();
    arm(queue, ordinal, entry.expires);
    watch();
}

/// The message comes back from the device, and goes for good if that was too often.
void CloudMessages::give_back(Record& record, Queue& queue, Entry& entry, Done done) {
    unlock(queue, record.ordinal, entry);
    if (++entry.delivery_count >= CloudMessageLimits::delivery_count_max) {
        return finish(record, entry, MessageOutcome::delivery_count_exceeded, std::move(done));
    }
    QueuedMessage queued;
    queued.expires = entry.expires;
    queued.bytes = entry.bytes;
    queued.ack = entry.ack;
    queued.delivery_count = entry.delivery_count;
    if (entry.message_id) queued.message_id = *entry.message_id;
    auto& committer = shard_.committer();
    committer.batch().put(Table::cloud_messages,
                          row_key(queued_prefix, shard_.number(), record.ordinal, entry.sequence),
                          encode_queued_message(queued));
    if (!done) return;
    committer.on_durable([answer = std::move(done)](const Result<>& written) mutable {
        answer(written ? Result<>() : fail(unavailable(written.error())));
    });
}

/// The message leaves its queue; `done` when that is durable, and so is the feedback on it.
void CloudMessages::finish(Record& record, Entry& entry, MessageOutcome outcome, Done done) {
    if (entry.lock) shard_.timers().cancel(entry.lock->timer);
    entry.lock.reset();
    entry.state = State::leaving;
    auto& committer = shard_.committer();
    Batch& batch = committer.batch();
    batch.erase(Table::cloud_messages,
                row_key(queued_prefix, shard_.number(), record.ordinal, entry.sequence));
    batch.erase(Table::cloud_messages,
                row_key(message_prefix, shard_.number(), record.ordinal, entry.sequence));
    std::optional<StoredFeedback> feedback;
    if (is_asked_for(entry.ack, outcome) && record.exists()) {
        feedback.emplace();
        feedback->key = feedback_key(shard_.number(), entry.sequence);
        feedback->record.original_message_id = *entry.message_id;
        feedback->record.device_id = record.key.device.str();
        feedback->record.generation_id = std::to_string(record.committed->identity.generation_id());
        feedback->record.time = shard_.clock().wall_now();
        feedback->record.outcome = outcome;
        batch.put(Table::cloud_messages, feedback->key, encode_feedback_record(feedback->record));
    }
    committer.on_durable([this, ordinal = record.ordinal, sequence = entry.sequence, outcome,
                          told = std::move(feedback),
                          answer = std::move(done)](const Result<>& written) mutable {
        left(ordinal, sequence, written);
        if (written) ++metrics_.ended[static_cast<std::size_t>(outcome)];
        if (written && told && feedback_observer_) feedback_observer_(*std::move(told));
        if (!answer) return;
        answer(written ? Result<>() : fail(unavailable(written.error())));
    });
}

/// A message has left, if `written`, or could not.
void CloudMessages::left(Ordinal ordinal, std::uint64_t sequence, const Result<>& written) {
    Queue* queue = find(ordinal);
    Entry* entry = find(ordinal, sequence);
    if (entry == nullptr) return;
    if (!written) {
        entry->state = State::queued;
        arm(*queue, ordinal, entry->expires);
        return watch();
    }
    Record* record = shard_.directory().find(ordinal);
    if (record != nullptr && entry->state == State::leaving) {
        --record->c2d_count;
        shard_.index().touch(ordinal);
    }
    --messages_;
    bytes_ -= entry->bytes;
    queue->entries.erase(queue->entries.begin() + (entry - queue->entries.data()));
    drop_if_empty(ordinal);
}

void CloudMessages::purge(Record& record, Purged done) {
    std::uint32_t purged = 0;
    if (Queue* queue = find(record.ordinal)) {
        for (Entry& entry : queue->entries) {
            if (entry.state != State::queued) continue;
            finish(record, entry, MessageOutcome::purged, {});
            ++purged;
        }
    }
    if (purged == 0) return done(purged);
    shard_.committer().on_durable([purged, answer = std::move(done)](const Result<>& written) mutable {
        if (!written) return answer(fail(unavailable(written.error())));
        answer(purged);
    });
}

void CloudMessages::settle(Record& record, const LockToken& token, Settlement how, Done done) {
    Queue* queue = find(record.ordinal);
    Entry* entry = queue != nullptr ? find_locked(*queue, token) : nullptr;
    if (entry == nullptr) {
        return done(
            fail(Errc::device_message_lock_lost, "The message is not locked by this token any more."));
    }
    switch (how) {
        case Settlement::complete:
            return finish(record, *entry, MessageOutcome::success, std::move(done));
        case Settlement::reject:
            return finish(record, *entry, MessageOutcome::rejected, std::move(done));
        case Settlement::abandon:
            ++metrics_.abandoned;
            give_back(record, *queue, *entry, std::move(done));
            return offer(record);
    }
}

void CloudMessages::link_lost(Record& record, const DeviceLink& link) {
    Queue* queue = find(record.ordinal);
    if (queue == nullptr) return;
    for (Entry& entry : queue->entries) {
        entry.is_unwanted = false;
        if (!entry.lock || entry.lock->holder != &link) continue;
        if (entry.lock->is_sent) {
            give_back(record, *queue, entry, {});
        } else {
            unlock(*queue, record.ordinal, entry);
        }
    }
}

void CloudMessages::stage_removal(const Record& record) {
    if (find(record.ordinal) == nullptr) return;
    Batch& batch = shard_.committer().batch();
    for (const char prefix : {queued_prefix, message_prefix}) {
        batch.erase_range(Table::cloud_messages, row_key(prefix, shard_.number(), record.ordinal, 0),
                          row_key(prefix, shard_.number(), record.ordinal + 1, 0));
    }
}

void CloudMessages::removed(const Record& record) {
    Queue* queue = find(record.ordinal);
    if (queue == nullptr) return;
    for (Entry& entry : queue->entries) {
        if (entry.lock) shard_.timers().cancel(entry.lock->timer);
        --messages_;
        bytes_ -= entry.bytes;
    }
    due_.erase({queue->due, record.ordinal});
    queues_.erase(record.ordinal);
}

// --- to the device -----------------------------------------------------------------------------------

/// Reads messages from the store, on its own thread.
void CloudMessages::read(Ordinal ordinal, std::vector<Picked> picked,
                         UniqueFunction<void(std::vector<Picked>, Result<Rows>)> done) {
    shard_.storage().run([answer = callbacks_.bind(std::move(done)), executor = shard_.executor(),
                          &store = shard_.store(), number = shard_.number(), ordinal,
                          wanted = std::move(picked)]() mutable {
        Result<Rows> rows = Rows();
        for (const Picked& one : wanted) {
            auto row =
                store.get(Table::cloud_messages, row_key(message_prefix, number, ordinal, one.sequence));
            if (!row) {
                rows = fail(std::move(row).error());
                break;
            }
            rows->push_back(*std::move(row));
        }
        boost::asio::post(
            executor, [wanted = std::move(wanted), rows = std::move(rows),
                       answer = std::move(answer)]() mutable { answer(std::move(wanted), std::move(rows)); });
    });
}

void CloudMessages::receive(Record& record, Duration lock_time, Received done) {
    Queue* queue = find(record.ordinal);
    if (queue == nullptr) return done(std::nullopt);
    const WallTime now = shard_.clock().wall_now();
    const auto next = std::find_if(queue->entries.begin(), queue->entries.end(),
                                   [now](const Entry& entry) { return is_available(entry, now); });
    if (next == queue->entries.end()) return done(std::nullopt);
    lock(record, *next, nullptr, lock_time);
    const Ordinal ordinal = record.ordinal;
    std::vector<Picked> picked{{next->sequence, next->lock->token}};
    read(ordinal, std::move(picked),
         [this, ordinal, answer = std::move(done)](const std::vector<Picked>& wanted,
                                                   const Result<Rows>& rows) mutable {
             Queue* held = find(ordinal);
             Entry* entry = held != nullptr ? find_locked(*held, wanted[0].token) : nullptr;
             if (entry == nullptr) return answer(std::nullopt);  // Purged, or locked for too short a time.
             auto message = !rows || !(*rows)[0] ? Result<CloudMessage>(fail(Errc::store_failed))
                                                 : decode_cloud_message(as_bytes(*(*rows)[0]));
             if (!message) {
                 log.error("cloud-to-device message not read shard={} ordinal={} sequence={}",
                           shard_.number(), ordinal, wanted[0].sequence);
                 unlock(*held, ordinal, *entry);
                 return answer(fail(Errc::service_unavailable, "The message cannot be read at the moment."));
             }
             message->sequence = entry->sequence;
             ReceivedMessage received;
             received.message = *std::move(message);
             received.lock = wanted[0].token;
             received.delivery_count = entry->delivery_count;
             entry->lock->is_sent = true;
             entry->was_given = true;
             answer(std::optional(std::move(received)));
         });
}

void CloudMessages::offer(Record& record) {
    Queue* queue = find(record.ordinal);
    DeviceLink* link = record.link;
    if (queue == nullptr || link == nullptr || queue->is_reading) return;
    std::size_t room = link->cloud_message_room();
    const WallTime now = shard_.clock().wall_now();
    std::vector<Picked> picked;
    std::uint64_t bytes = 0;
    for (Entry& entry : queue->entries) {
        if (room == 0 || bytes >= read_bytes_max) break;
        if (!is_for_link(entry, now)) continue;
        lock(record, entry, link, link->cloud_message_lock());
        picked.push_back({entry.sequence, entry.lock->token});
        bytes += entry.bytes;
        --room;
    }
    if (picked.empty()) return;
    queue->is_reading = true;
    read(record.ordinal, std::move(picked),
         [this, ordinal = record.ordinal](const std::vector<Picked>& wanted, const Result<Rows>& rows) {
             offered(ordinal, wanted, rows);
         });
}

void CloudMessages::offer_all(Record& record) {
    if (Queue* queue = find(record.ordinal)) {
        for (Entry& entry : queue->entries) entry.is_unwanted = false;
    }
    offer(record);
}

void CloudMessages::offered(Ordinal ordinal, const std::vector<Picked>& picked, const Result<Rows>& rows) {
    Queue* queue = find(ordinal);
    if (queue == nullptr) return;
    queue->is_reading = false;
    Record* record = shard_.directory().find(ordinal);
    bool takes_more = record != nullptr && rows.has_value();
    bool is_overtaken = false;  // Something older has come back or is wanted now, and goes first.
    const WallTime now = shard_.clock().wall_now();
    for (std::size_t i = 0; i < picked.size(); ++i) {
        Entry* entry = find_locked(*queue, picked[i].token);
        if (entry == nullptr) continue;  // Its link went, or it was purged.
        auto message = takes_more && (*rows)[i] ? decode_cloud_message(as_bytes(*(*rows)[i]))
                                                : Result<CloudMessage>(fail(Errc::store_failed));
        if (takes_more && !message) {
            log.error("cloud-to-device message not read shard={} ordinal={} sequence={}", shard_.number(),
                      ordinal, entry->sequence);
            entry->is_unwanted = true;
        }
        is_overtaken = is_overtaken || std::any_of(queue->entries.data(), entry, [now](const Entry& older) {
                           return is_for_link(older, now);
                       });
        if (!takes_more || is_overtaken || !message) {
            unlock(*queue, ordinal, *entry);
            continue;
        }
        message->sequence = entry->sequence;
        takes_more = hand(*record, *entry, *message) == Handed::yes;
    }
    if (takes_more) offer(*record);
    drop_if_empty(ordinal);
}

/// Hands a locked message to the record's link; it is free again if that does not take it.
CloudMessages::Handed CloudMessages::hand(Record& record, Entry& entry, const CloudMessage& message) {
    const CloudDelivery delivery{.message = message,
                                 .lock = entry.lock->token,
                                 .delivery_count = entry.delivery_count,
                                 .may_be_repeated = entry.was_given};
    const std::uint64_t sequence = entry.sequence;
    const auto taken =
        record.link != nullptr ? record.link->send_cloud_message(delivery) : DeviceLink::Taken::not_now;
    // The link may have ended, and with it what it held.
    Entry* handed = find(record.ordinal, sequence);
    if (handed == nullptr || !handed->lock || handed->lock->token != delivery.lock) return Handed::no;
    switch (taken) {
        case DeviceLink::Taken::not_now:
            unlock(*find(record.ordinal), record.ordinal, *handed);
            return Handed::no;
        case DeviceLink::Taken::not_wanted:
            unlock(*find(record.ordinal), record.ordinal, *handed);
            handed->is_unwanted = true;
            return Handed::yes;
        case DeviceLink::Taken::until_settled:
            handed->lock->is_sent = true;
            handed->was_given = true;
            return Handed::yes;
        case DeviceLink::Taken::for_good:
            finish(record, *handed, MessageOutcome::success, {});
            return Handed::yes;
    }
    return Handed::no;
}

// --- what expires ------------------------------------------------------------------------------------

/// The queue is to be looked at by `due`.
void CloudMessages::arm(Queue& queue, Ordinal ordinal, WallTime due) {
    if (due >= queue.due) return;
    due_.erase({queue.due, ordinal});
    queue.due = due;
    due_.insert({due, ordinal});
}

void CloudMessages::rearm(Queue& queue, Ordinal ordinal) {
    due_.erase({queue.due, ordinal});
    queue.due = never;
    for (const Entry& entry : queue.entries) {
        if (entry.state != State::leaving && !entry.lock) arm(queue, ordinal, entry.expires);
    }
}

void CloudMessages::watch() {
    if (timer_ || due_.empty()) return;
    timer_ = shard_.timers().at(shard_.clock().now() + between_sweeps, [this] {
        timer_ = {};
        sweep();
        watch();
    });
}

/// Ends what has expired, some of it in each turn.
void CloudMessages::sweep() {
    if (is_sweeping_) return;
    const WallTime now = shard_.clock().wall_now();
    std::size_t ended = 0;
    while (!due_.empty() && due_.begin()->first <= now) {
        if (ended >= sweep_messages_max || shard_.committer().is_full()) {
            is_sweeping_ = true;
            boost::asio::post(shard_.background(), callbacks_.bind([this] {
                is_sweeping_ = false;
                sweep();
            }));
            return;
        }
        const Ordinal ordinal = due_.begin()->second;
        Queue& queue = *find(ordinal);
        Record* record = shard_.directory().find(ordinal);
        for (Entry& entry : queue.entries) {
            if (entry.state != State::queued || entry.lock || entry.expires > now) continue;
            finish(*record, entry, MessageOutcome::expired, {});
            ++ended;
        }
        rearm(queue, ordinal);
        // What is not durable yet is looked at again then.
        if (queue.due <= now) {
            due_.erase({queue.due, ordinal});
            queue.due = never;
        }
    }
}

}  // namespace carillon
