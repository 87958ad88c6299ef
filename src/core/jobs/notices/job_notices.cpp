#include "core/jobs/notices/job_notices.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "core/jobs/notices/ended_device.hpp"
#include "core/shard/telemetry.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {

namespace {

constexpr std::string_view place_prefix = "job-notices/";

}  // namespace

JobNotices::JobNotices(Shard& shard, BackgroundTurns& turns) : shard_(shard), turns_(turns) {}

std::string JobNotices::row_key(std::uint64_t job) const {
    std::string key = fmt::format("{}{}/", place_prefix, shard_.number());
    append_be(key, job);
    return key;
}

Result<> JobNotices::load(const JobBoard& board) {
    Result<> outcome;
    const auto prefix = row_key(0);
    const auto visit = [&](std::string_view key, std::string_view value) {
        if (value.size() != 16) {
            outcome = fail(Errc::store_corrupt, "how far a job's events are told is unreadable");
            return false;
        }
        const auto job = read_be<std::uint64_t>(key.substr(key.size() - 8));
        Part part;
        part.place = {read_be<std::uint64_t>(value), read_be<std::uint64_t>(value.substr(8))};
        part.durable = part.place;
        part.is_stored = true;
        part.attempt = ++last_attempt_;
        board.newest_first(job + 1, [&](const std::shared_ptr<JobEntry>& entry) {
            if (entry->number() == job) part.entry = entry;
            return false;
        });
        parts_.emplace(job, std::move(part));
        return true;
    };
    auto scanned = shard_.store().scan(Table::meta, prefix, row_key(UINT64_MAX), visit);
    return scanned ? outcome : scanned;
}

void JobNotices::start() {
    turns_.wake(*this);
}

void JobNotices::put_place(const Part& part) {
    std::string value;
    append_be(value, part.place.sequence);
    append_be(value, part.place.told);
    shard_.committer().batch().put(Table::meta, row_key(part.entry->number()), std::move(value));
}

void JobNotices::written(const std::shared_ptr<JobEntry>& entry, std::uint64_t sequence) {
    if (!shard_.telemetry().hub_events().takes(EventSource::job_lifecycle)) return;
    const auto [found, is_new] = parts_.try_emplace(entry->number());
    Part& part = found->second;
    if (is_new || part.is_ending) {
        // Every earlier end was told; devices that joined a continuous job may end later.
        part.entry = entry;
        part.place = part.durable = {sequence, 0};
        part.noted = sequence;
        part.attempt = ++last_attempt_;
        part.has_news = part.is_ending = part.is_stored = false;
    }
    part.written = sequence;
    // In the batch of each event until one such batch is durable: where the first is refused, so is the
    // place.
    if (!part.is_stored) put_place(part);
}

void JobNotices::settled(std::uint64_t job, std::uint64_t sequence, bool is_durable) {
    const auto found = parts_.find(job);
    if (found == parts_.end() || sequence < found->second.noted) return;
    Part& part = found->second;
    part.settled = sequence;
    // Where the last event was refused, its part may be told to its end.
    if (!is_durable && (!part.is_stored || part.is_under_way())) return;
    part.is_stored = true;
    part.has_news = true;
    turns_.wake(*this);
}

bool JobNotices::step() {
    if (parts_.empty() || is_waiting_) return false;
    if (!shard_.telemetry().hub_events().takes(EventSource::job_lifecycle)) {
        forget_all();
        return false;
    }
    const auto has_work = [](const Part& part) {
        if (part.is_ending || part.is_reading || !part.is_stored) return false;
        return part.has_news || !part.events.empty() || !part.ended.empty();
    };
    // Round and round, each a piece.
    auto next = parts_.upper_bound(last_);
    for (std::size_t i = 0; i < parts_.size(); ++i, ++next) {
        if (next == parts_.end()) next = parts_.begin();
        if (!has_work(next->second)) continue;
        last_ = next->first;
        return work(next->second);
    }
    return false;
}

/// No route wants them any more.
void JobNotices::forget_all() {
    for (const auto& [job, part] : parts_) shard_.committer().batch().erase(Table::meta, row_key(job));
    parts_.clear();
}

bool JobNotices::work(Part& part) {
    if (!part.entry) {  // The job is forgotten, and its log with it.
        shard_.committer().batch().erase(Table::meta, row_key(last_));
        parts_.erase(last_);
        return true;
    }
    if (!part.ended.empty()) return tell(part);
    if (!part.events.empty()) return take_event(part);
    read(part);
    return true;  // Of another job there may be more.
}

bool JobNotices::take_event(Part& part) {
    auto [sequence, event] = std::move(part.events.back());
    part.events.pop_back();
    const auto note = [&part, is_new = sequence >= part.place.sequence](std::uint32_t index) {
        if (is_new && is_terminal(part.fold->state().at(index))) part.ended.push_back(index);
    };
    if (!part.fold->apply(sequence, event, note)) {
        log.error("the log of a job does not fold, its events are not told job={}",
                  part.entry->definition().id);
        end(part);
        return true;
    }
    // Told from the back, so in order.
    std::reverse(part.ended.begin(), part.ended.end());
    if (sequence == part.place.sequence)
        part.ended.resize(part.ended.size() - std::min<std::size_t>(part.ended.size(), part.place.told));
    part.newest = std::move(event);
    return true;
}

bool JobNotices::tell(Part& part) {
    if (shard_.committer().is_full()) {
        wait_for_disk();
        return false;
    }
    const auto sequence = part.fold->next_sequence() - 1;
    if (part.place.sequence != sequence) part.place = {sequence, 0};
    const EventDetails details(*part.newest);
    const std::string named = named_endpoints(part.entry->definition());
    for (std::size_t i = 0; i < piece_devices_max && !part.ended.empty() && !shard_.committer().is_full();
         ++i) {
        const auto row = ended_device(*part.entry, *part.fold, part.ended.back(), details);
        part.ended.pop_back();
        ++part.place.told;
        tell_device_end(shard_, row, named);
    }
    put_place(part);
    shard_.committer().on_durable([weak = self(), job = part.entry->number(), attempt = part.attempt,
                                   place = part.place](const Result<>& result) {
        const auto notices = weak.lock();
        if (!notices) return;
        const auto found = notices->parts_.find(job);
        if (found == notices->parts_.end() || found->second.attempt != attempt) return;
        if (!result) return notices->put_off(found->second);
        found->second.durable = place;
    });
    return true;
}

void JobNotices::read(Part& part) {
    part.has_news = false;
    part.is_reading = true;
    if (!part.fold) {
        part.fold.emplace();
        drop_folds(part);
    }
    const auto job = part.entry->number();
    auto work = [&store = shard_.store(),
                 from = job_event_key(job, shard_.number(), part.fold->next_sequence()),
                 to = job_event_key(job, shard_.number() + 1)]() -> Result<std::vector<Event>> {
        std::vector<Event> events;
        std::size_t bytes = 0;
        Result<> outcome;
        const auto visit = [&](std::string_view key, std::string_view value) {
            auto event = decode_job_event(as_bytes(value));
            if (!event) {
                outcome = fail(std::move(event).error());
                return false;
            }
            events.emplace_back(sequence_of_event_key(key), *std::move(event));
            bytes += value.size();
            return bytes < read_bytes_max;
        };
        auto scanned = store.scan(Table::job_events, from, to, visit);
        if (!scanned) return fail(std::move(scanned).error());
        if (!outcome) return fail(std::move(outcome).error());
        std::reverse(events.begin(), events.end());
        return events;
    };
    shard_.storage().run([weak = self(), home = shard_.executor(), job, attempt = part.attempt,
                          held = std::move(work)]() mutable {
        boost::asio::post(home, [weak = std::move(weak), job, attempt, found = held()]() mutable {
            if (const auto notices = weak.lock()) notices->have_read(job, attempt, std::move(found));
        });
    });
}

void JobNotices::have_read(std::uint64_t job, std::uint64_t attempt, Result<std::vector<Event>> events) {
    const auto found = parts_.find(job);
    if (found == parts_.end() || found->second.attempt != attempt) return;
    Part& part = found->second;
    part.is_reading = false;
    if (!events) {
        log.warn("a job's log is read again soon, the store refused job={} reason={}",
                 part.entry->definition().id, events.error().detail);
        return put_off(part);
    }
    const auto is_done = [&part] { return part.fold->size() == 0 || part.fold->state().is_done(); };
    if (!events->empty()) {
        part.events = *std::move(events);
        part.has_news = true;
    } else if (!part.has_news && !part.is_under_way() && is_done()) {
        end(part);
    }
    turns_.wake(*this);
}

/// All is told.
void JobNotices::end(Part& part) {
    part.is_ending = true;
    const auto job = part.entry->number();
    shard_.committer().batch().erase(Table::meta, row_key(job));
    shard_.committer().on_durable([weak = self(), job, attempt = part.attempt](const Result<>& result) {
        const auto notices = weak.lock();
        if (!notices) return;
        const auto found = notices->parts_.find(job);
        if (found == notices->parts_.end() || found->second.attempt != attempt) return;
        if (!result) return notices->put_off(found->second);
        notices->parts_.erase(found);
    });
}

/// Begins the part anew where the disk has it, in a while.
void JobNotices::put_off(Part& part) {
    part.attempt = ++last_attempt_;
    part.place = part.durable;
    part.fold.reset();
    part.events.clear();
    part.ended.clear();
    part.newest.reset();
    part.is_reading = part.is_ending = false;
    part.has_news = true;
    is_waiting_ = true;
    shard_.timers().at(shard_.clock().now() + retry_delay, [weak = self()] {
        const auto notices = weak.lock();
        if (!notices) return;
        notices->is_waiting_ = false;
        notices->turns_.wake(*notices);
    });
}

/// Those of parts that wait for their devices are folded anew when there is news, if all together are too
/// many.
void JobNotices::drop_folds(const Part& kept) {
    std::size_t devices = 0;
    for (const auto& [job, part] : parts_) devices += part.fold ? part.fold->size() : 0;
    for (auto& [job, part] : parts_) {
        if (devices <= folded_devices_max) return;
        const bool is_idle = !part.has_news && !part.is_reading && part.events.empty() && part.ended.empty();
        if (&part == &kept || !part.fold || !is_idle) continue;
        devices -= part.fold->size();
        part.fold.reset();
    }
}

void JobNotices::wait_for_disk() {
    is_waiting_ = true;
    shard_.committer().on_durable([weak = self()](const Result<>&) {
        const auto notices = weak.lock();
        if (!notices) return;
        notices->is_waiting_ = false;
        notices->turns_.wake(*notices);
    });
}

}  // namespace carillon
