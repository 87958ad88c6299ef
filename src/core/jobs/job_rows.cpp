#include "core/jobs/job_rows.hpp"

#include "base/await.hpp"
#include "base/text.hpp"
#include "core/jobs/reports/on_storage.hpp"
#include "core/shard/placement.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

namespace carillon {

/// Between two rows: the job, by its place in the order of starts, and the key of the last row looked
/// at there; an empty key is before the job's first.
struct JobRows::Position {
    JobBoard::Started job{0, 0};
    std::string key;

    std::string text() const { return fmt::format("{}:{}:{}", job.first, job.second, key); }
    static std::optional<Position> parse(std::string_view text) {
        if (text.empty()) return Position{};
        const auto first = text.find(':');
        const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
        if (second == std::string_view::npos) return std::nullopt;
        const auto ticks = parse_i64(text.substr(0, first));
        const auto number = parse_u64(text.substr(first + 1, second - first - 1));
        if (!ticks || !number) return std::nullopt;
        Position position;
        position.job = {*ticks, *number};
        position.key = text.substr(second + 1);
        return position;
    }
};

/// A page in the making.
struct JobRows::Making {
    std::optional<std::vector<std::string>> device_ids;
    DeviceJobKeep keep;
    query::Meter meter{};            ///< Of `keep`.
    std::uint64_t steps_before = 0;  ///< This turn.
    std::size_t page_size = 0;

    std::vector<DeviceJob> rows;
    /// What of `rows` is still to be read: where its answer or error stands.
    struct Detail {
        std::size_t row;
        std::uint64_t job;
        std::uint32_t shard;
        std::uint64_t sequence;
        std::uint32_t index;
    };
    std::vector<Detail> details;
    std::size_t looked = 0;
    std::size_t cost = 0;  ///< Of folds that had to be read, in rows.
    Position last;         ///< The last row looked at and not left for the next page.
    bool is_over = false;  ///< The page ends at `last`.
    std::optional<Error> refused{};

    bool is_turn_over() const { return meter.steps - steps_before >= query::EvaluationLimits::steps_a_look; }
};

namespace {

/// Lets others have a turn.
Task<> yield(Shard& shard) {
    auto start = [&shard](UniqueFunction<void(bool)> done) {
        boost::asio::post(shard.executor(), [held = std::move(done)]() mutable { held(true); });
    };
    co_await from_callback<bool>(start);
}

/// True if `counts` has devices in one of the states.
bool has_any(const JobCounts& counts, const std::vector<DeviceJobStatus>& states) {
    const auto has = [&counts](DeviceJobStatus state) {
        switch (state) {
            case DeviceJobStatus::pending:
                return counts.pending > 0;
            case DeviceJobStatus::running:
                return counts.running > 0;
            case DeviceJobStatus::completed:
                return counts.succeeded > 0;
            case DeviceJobStatus::failed:
                return counts.failed > 0;
            case DeviceJobStatus::canceled:
                return counts.canceled > 0;
        }
        return true;
    };
    return std::any_of(states.begin(), states.end(), has);
}

void set_error(DeviceJob& row, const Failure& failure) {
    row.error_code = failure.code_name();
    row.error_description = failure.description();
}

/// Puts what `event` says about a device into its row.
void add_detail(DeviceJob& row, const JobEvent& event, std::uint32_t index) {
    if (const auto* outcomes = std::get_if<OutcomesEvent>(&event)) {
        for (const auto& outcome : outcomes->outcomes) {
            if (outcome.index != index) continue;
            if (outcome.kind == OutcomeKind::answered) row.answer = outcome.answer;
            if (outcome.kind == OutcomeKind::failed) set_error(row, outcome.failure);
            return;
        }
    } else if (const auto* known = std::get_if<Outcomes2Event>(&event)) {
        for (const auto& outcome : known->outcomes) {
            if (outcome.index != index) continue;
            const bool is_rejected = outcome.kind == OutcomeKind::rejected;
            if (is_rejected || outcome.kind == OutcomeKind::answered) row.answer = outcome.answer;
            if (outcome.kind == OutcomeKind::failed) set_error(row, outcome.failure);
            return;
        }
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (device.index == index && device.failure.reason != FailReason::none) {
                return set_error(row, device.failure);
            }
        }
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices) {
            if (device.index == index && device.failure.reason != FailReason::none) {
                return set_error(row, device.failure);
            }
        }
    } else if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) {
        for (const auto& failed : chunk->failures) {
            if (failed.index == index) return set_error(row, failed.failure);
        }
    }
}

}  // namespace

Task<Result<DeviceJobPage>> JobRows::page(std::optional<std::vector<std::string>> job_ids,
                                          std::optional<std::vector<std::string>> device_ids,
                                          DeviceJobKeep keep, std::string position, std::size_t page_size,
                                          std::optional<std::vector<DeviceJobStatus>> states) {
    auto from = Position::parse(position);
    if (!from) co_return fail(Errc::argument_invalid, "The continuation token is not valid.");
    Making making;
    if (device_ids) {
        std::sort(device_ids->begin(), device_ids->end());
        device_ids->erase(std::unique(device_ids->begin(), device_ids->end()), device_ids->end());
        making.device_ids = std::move(device_ids);
    }
    making.keep = std::move(keep);
    making.page_size = std::max<std::size_t>(1, page_size);

    std::vector<std::shared_ptr<JobEntry>> few;
    if (job_ids) few = chosen(*job_ids);
    std::size_t at = 0;
    auto next = from->job;
    while (!making.is_over) {
        std::shared_ptr<JobEntry> entry;
        if (job_ids) {
            const auto is_before = [&](const std::shared_ptr<JobEntry>& job) {
                return JobBoard::Started{job->started().ticks, job->number()} < next;
            };
            while (at < few.size() && is_before(few[at])) ++at;
            if (at < few.size()) entry = few[at++];
        } else {
            entry = board_.next_started(next);
        }
        if (!entry) break;
        const JobBoard::Started here{entry->started().ticks, entry->number()};
        std::string after;
        if (here == from->job) after = from->key;
        making.last.job = here;
        making.last.key = after;
        if (making.looked + making.cost >= device_job_scan_max) {
            making.is_over = true;
            break;
        }
        if (!states || has_any(entry->counts(), *states)) {
            auto scanned = co_await scan_job(making, entry, std::move(after));
            if (!scanned) co_return fail(std::move(scanned).error());
        }
        ++making.looked;
        next = {here.first, here.second + 1};
    }
    if (making.refused) co_return fail(*std::move(making.refused));
    auto filled = co_await fill_details(making);
    if (!filled) co_return fail(std::move(filled).error());
    DeviceJobPage page;
    page.rows = std::move(making.rows);
    if (making.is_over) page.position = making.last.text();
    co_return page;
}

std::vector<std::shared_ptr<JobEntry>> JobRows::chosen(const std::vector<std::string>& job_ids) const {
    std::map<JobBoard::Started, std::shared_ptr<JobEntry>> found;
    for (const auto& id : job_ids) {
        auto entry = board_.find(id);
        if (!entry || entry->started().ticks == 0) continue;
        const JobBoard::Started place{entry->started().ticks, entry->number()};
        found.emplace(place, std::move(entry));
    }
    std::vector<std::shared_ptr<JobEntry>> entries;
    for (auto& [place, entry] : found) entries.push_back(std::move(entry));
    return entries;
}

// --- folds ---------------------------------------------------------------------------------------

std::shared_ptr<JobRows::Part> JobRows::cached(std::uint64_t job, std::uint32_t shard) {
    for (auto at = cache_.begin(); at != cache_.end(); ++at) {
        if ((*at)->job != job || (*at)->shard != shard) continue;
        cache_.splice(cache_.begin(), cache_, at);
        return cache_.front();
    }
    auto part = std::make_shared<Part>();
    part->job = job;
    part->shard = shard;
    cache_.push_front(part);
    return part;
}

void JobRows::trim() {
    std::size_t bytes = 0;
    for (auto at = cache_.begin(); at != cache_.end();) {
        bytes += (*at)->fold.memory() + sizeof(Part);
        // The parts of the job last asked for stay in any case: its next page needs them all.
        const bool is_wanted = (*at)->job == cache_.front()->job;
        at = bytes > cache_bytes_max && !is_wanted ? cache_.erase(at) : std::next(at);
    }
}

Task<Result<std::shared_ptr<JobRows::Part>>> JobRows::load(std::shared_ptr<JobEntry> entry,
                                                           std::uint32_t shard, std::size_t& cost) {
    auto part = cached(entry->number(), shard);
    while (part->is_reading) {
        auto wait = [&part](UniqueFunction<void(bool)> done) { part->waiting.push_back(std::move(done)); };
        co_await from_callback<bool>(wait);
    }
    if (part->is_final) co_return part;
    const auto size_before = part->fold.size();
    const bool has_ended = is_terminal(entry->status());
    part->is_reading = true;
    auto outcome = co_await read(part);
    part->is_reading = false;
    if (outcome && has_ended) part->is_final = true;
    if (!outcome) std::erase(cache_, part);
    for (auto& waiting : std::exchange(part->waiting, {})) waiting(true);
    if (!outcome) co_return fail(std::move(outcome).error());
    cost += (part->fold.size() - size_before) / folded_devices_a_row;
    trim();
    co_return part;
}

Task<Result<>> JobRows::read(std::shared_ptr<Part> part) {
    for (;;) {
        using Events = Result<std::vector<Event>>;
        auto work = [&store = shard_.store(),
                     from = job_event_key(part->job, part->shard, part->fold.next_sequence()),
                     to = job_event_key(part->job, part->shard + 1)]() -> Events {
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
            return events;
        };
        auto events = co_await on_storage<Events>(shard_, std::move(work));
        if (!events) co_return fail(unavailable(events.error()));
        if (events->empty()) co_return Result<>{};
        for (const auto& [sequence, event] : *events) {
            if (!part->fold.apply(sequence, event)) {
                co_return fail(Errc::store_corrupt,
                               fmt::format("the log of job number {} does not fold", part->job));
            }
        }
    }
}

// --- rows ----------------------------------------------------------------------------------------

/// Makes the row and keeps it if it is wanted. False if the page is full, so that it is not taken.
bool JobRows::take(Making& making, const JobEntry& entry, const std::shared_ptr<Part>& part,
                   std::uint32_t index) {
    const auto& fold = part->fold;
    const auto& definition = entry.definition();
    const auto key = fold.key(index);
    const auto state = fold.state().at(index);
    DeviceJob row;
    const auto nul = key.find('\0');
    row.device_id = key.substr(0, nul);
    if (nul != std::string::npos) row.module_id = key.substr(nul + 1);
    row.job_id = definition.id;
    row.type = definition.type;
    row.status = status_of(state);
    row.start = definition.start;
    row.end = entry.deadline();
    row.created = entry.started();
    row.last_updated = fold.last_event(index).time;
    bool needs_detail = false;
    if (state == TargetState::failed) {
        Failure failure;
        failure.reason = fold.state().reason(index);
        if (failure.reason != FailReason::other) set_error(row, failure);
        needs_detail = has_own_text(failure.reason);
        if (failure.reason == FailReason::rejected) {
            row.answer.emplace();
            needs_detail = true;
        }
    } else if (state == TargetState::succeeded && definition.type == JobType::device_method) {
        MethodAnswer answer;
        answer.status = fold.answer_status(index);
        row.answer = std::move(answer);
        needs_detail = true;
    }
    ++making.looked;
    const bool is_kept = making.keep(row, making.meter);
    if (making.meter.overdrawn > 0) {
        making.refused = query::row_overdrawn(making.meter.limits, query::Row(row));
        making.is_over = true;
        return false;
    }
    if (is_kept) {
        if (making.rows.size() == making.page_size) {
            making.is_over = true;
            return false;
        }
        if (needs_detail) {
            making.details.push_back(
                {making.rows.size(), part->job, part->shard, fold.last_event(index).sequence, index});
        }
        making.rows.push_back(std::move(row));
        making.last.key = key;
    } else if (making.rows.size() < making.page_size) {
        // Beyond a full page the position stays at its last row.
        making.last.key = key;
    }
    if (making.looked >= device_job_scan_max || making.meter.steps >= device_job_scan_steps_max)
        making.is_over = true;
    return !making.is_over;
}

Task<Result<>> JobRows::scan_job(Making& making, std::shared_ptr<JobEntry> entry, std::string after) {
    if (making.device_ids) co_return co_await scan_devices(making, entry, after);
    std::vector<std::shared_ptr<Part>> parts;
    for (std::uint32_t shard = 0; shard < shards_.count(); ++shard) {
        auto part = co_await load(entry, shard, making.cost);
        if (!part) co_return fail(std::move(part).error());
        parts.push_back(*std::move(part));
    }
    co_return co_await scan_all(making, *entry, parts, after);
}

/// Merges the shards' parts by key.
Task<Result<>> JobRows::scan_all(Making& making, const JobEntry& entry,
                                 const std::vector<std::shared_ptr<Part>>& parts, std::string_view after) {
    std::map<std::string, std::size_t> heads;  ///< Key: part.
    std::vector<JobFold::Walk> walks;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        auto& walk = walks.emplace_back(parts[i]->fold, after);
        if (walk.has() && !after.empty() && walk.key() == after) walk.next();
        if (walk.has()) heads.emplace(walk.key(), i);
    }
    std::size_t in_a_row = 0;
    while (!heads.empty()) {
        const auto i = heads.begin()->second;
        heads.erase(heads.begin());
        auto& walk = walks[i];
        if (!take(making, entry, parts[i], walk.index())) break;
        walk.next();
        if (walk.has()) heads.emplace(walk.key(), i);
        if (++in_a_row % slice_rows != 0 && !making.is_turn_over()) continue;
        co_await yield(shard_);
        making.steps_before = making.meter.steps;
    }
    co_return Result<>{};
}

/// Looks the wanted devices up, each with its modules.
Task<Result<>> JobRows::scan_devices(Making& making, const std::shared_ptr<JobEntry>& entry,
                                     std::string_view after) {
    for (const auto& id : *making.device_ids) {
        if (making.is_over) break;
        // A device whose last module lies before the position needs no look.
        if (id < after.substr(0, after.find('\0'))) continue;
        const auto shard = static_cast<std::uint32_t>(shard_number(id, shards_.count()));
        auto part = co_await load(entry, shard, making.cost);
        if (!part) co_return fail(std::move(part).error());
        const std::string modules = id + '\0';
        for (JobFold::Walk walk((*part)->fold, id); walk.has(); walk.next()) {
            const auto& key = walk.key();
            if (key != id && key.compare(0, modules.size(), modules) != 0) break;
            if (!after.empty() && key <= after) continue;
            if (!take(making, *entry, *part, walk.index())) break;
            if (!making.is_turn_over()) continue;
            co_await yield(shard_);
            making.steps_before = making.meter.steps;
        }
    }
    co_return Result<>{};
}

Task<Result<>> JobRows::fill_details(Making& making) {
    auto& details = making.details;
    std::sort(details.begin(), details.end(), [](const Making::Detail& a, const Making::Detail& b) {
        return std::tie(a.job, a.shard, a.sequence) < std::tie(b.job, b.shard, b.sequence);
    });
    for (std::size_t first = 0; first < details.size();) {
        std::vector<std::string> keys;  // Each event once.
        auto last = first;
        for (; last < details.size(); ++last) {
            auto key = job_event_key(details[last].job, details[last].shard, details[last].sequence);
            if (!keys.empty() && keys.back() == key) continue;
            if (keys.size() == details_at_once) break;
            keys.push_back(std::move(key));
        }
        using Events = Result<std::map<std::string, JobEvent>>;
        auto work = [&store = shard_.store(), wanted = std::move(keys)]() -> Events {
            std::map<std::string, JobEvent> events;
            for (const auto& key : wanted) {
                auto value = store.get(Table::job_events, key);
                if (!value) return fail(std::move(value).error());
                if (!*value) continue;  // The job's history was just removed.
                auto event = decode_job_event(as_bytes(**value));
                if (!event) return fail(std::move(event).error());
                events.emplace(key, *std::move(event));
            }
            return events;
        };
        auto events = co_await on_storage<Events>(shard_, std::move(work));
        if (!events) co_return fail(unavailable(events.error()));
        for (; first < last; ++first) {
            const auto& detail = details[first];
            const auto found = events->find(job_event_key(detail.job, detail.shard, detail.sequence));
            if (found != events->end()) add_detail(making.rows[detail.row], found->second, detail.index);
        }
    }
    co_return Result<>{};
}

}  // namespace carillon
