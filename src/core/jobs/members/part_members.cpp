#include "core/jobs/members/part_members.hpp"

#include "base/log.hpp"
#include "core/jobs/undo/reversal_log.hpp"
#include "core/rollouts/reversal_table.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {
namespace {

/// Ours: after the store could not be read, how long until it is tried again.
constexpr std::chrono::seconds reading_delay{1};

/// Events of a part from a sequence on.
template <class Visit>
Result<> visit_events(Store& store, std::uint64_t job, std::uint32_t shard, std::uint64_t from, Visit take) {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto event = decode_job_event(as_bytes(value));
        if (event && take(sequence_of_event_key(key), *event)) return true;
        outcome = event ? fail(Errc::store_corrupt, "the log of a job does not fold") : fail(event.error());
        return false;
    };
    auto read =
        store.scan(Table::job_events, job_event_key(job, shard, from), job_event_key(job, shard + 1), visit);
    return read ? outcome : read;
}

void add_ordinals(std::vector<Ordinal>& ordinals, const JobEvent& event) {
    if (const auto* found = std::get_if<TargetsEvent>(&event))
        ordinals.insert(ordinals.end(), found->ordinals.begin(), found->ordinals.end());
    if (const auto* came = std::get_if<JoinedEvent>(&event))
        ordinals.insert(ordinals.end(), came->ordinals.begin(), came->ordinals.end());
}

/// The devices of a source that stand in the state that is wanted.
Result<std::vector<Ordinal>> read_chosen(Store& store, std::uint64_t job, std::uint32_t shard,
                                         const RolloutFrom& from) {
    PartState state;
    std::vector<Ordinal> ordinals;
    const auto take = [&](std::uint64_t, const JobEvent& event) {
        add_ordinals(ordinals, event);
        return state.apply(event);
    };
    if (auto read = visit_events(store, job, shard, 0, take); !read) return fail(std::move(read).error());
    std::vector<Ordinal> chosen;
    for (std::uint32_t i = 0; i < ordinals.size(); ++i) {
        if (ordinals[i] != no_ordinal && is_chosen(from, state, i)) chosen.push_back(ordinals[i]);
    }
    return chosen;
}

/// The keys of these devices of a job, ascending by index.
Result<std::vector<std::string>> read_keys(Store& store, std::uint64_t job, std::uint32_t shard,
                                           const std::vector<std::uint32_t>& indexes) {
    std::vector<std::string> found;
    auto next = indexes.begin();
    std::uint32_t first = 0;
    const auto add = [&](std::string_view bytes, std::size_t count) {
        const auto end = first + static_cast<std::uint32_t>(count);
        KeyList keys;
        if (!keys.append_encoded(bytes, count)) return false;
        for (; next != indexes.end() && *next < end; ++next) found.push_back(keys.get(*next - first));
        first = end;
        return true;
    };
    const auto take = [&](std::uint64_t, const JobEvent& event) {
        if (const auto* targets = std::get_if<TargetsEvent>(&event))
            return add(targets->keys, targets->ordinals.size());
        if (const auto* came = std::get_if<JoinedEvent>(&event))
            return add(came->keys, came->ordinals.size());
        return true;
    };
    if (auto read = visit_events(store, job, shard, 0, take); !read) return fail(std::move(read).error());
    return found;
}

/// What a job wrote, behind a place of its log.
struct WrittenNews {
    std::uint64_t next = 0;
    std::vector<Ordinal> ordinals;       ///< Of devices that are new.
    std::vector<ReversalPlace> devices;  ///< That can be taken back.
};

Result<WrittenNews> read_written(Store& store, std::uint64_t job, std::uint32_t shard, std::uint64_t from) {
    WrittenNews news;
    news.next = from;
    const auto take = [&](std::uint64_t sequence, const JobEvent& event) {
        news.next = sequence + 1;
        add_ordinals(news.ordinals, event);
        const auto* written = std::get_if<WrittenEvent>(&event);
        if (written == nullptr) return true;
        for (const auto& device : written->devices) {
            if (device.reversal != 0) news.devices.push_back({sequence, device.index});
        }
        return true;
    };
    if (auto read = visit_events(store, job, shard, from, take); !read) return fail(std::move(read).error());
    return news;
}

/// How the writes to devices that join are taken back, by their place among them; none where that is gone.
using Reversals = std::vector<std::optional<Reversal>>;

Result<Reversals> read_places(const Store& store, const ReversalLog& from,
                              const std::vector<ReversalPlace>& places) {
    Reversals found(places.size());
    const auto take = [&found](std::size_t place, Reversal reversal) { found[place] = std::move(reversal); };
    if (auto read = read_reversals(store, from, places, take); !read) return fail(std::move(read).error());
    return found;
}

/// The same as events.
std::vector<ReversalsEvent> events_of(const Reversals& reversals, WallTime time) {
    std::vector<ReversalsEvent> events;
    ReversalsWriter writer;
    ReversalTable table(SIZE_MAX);
    for (const auto& reversal : reversals) {
        if (!reversal) continue;
        writer.add(table.add(*reversal), *reversal);
        if (writer.is_full()) events.push_back(writer.take(time));
    }
    if (!writer.is_empty()) events.push_back(writer.take(time));
    return events;
}

}  // namespace

bool is_chosen(const RolloutFrom& from, const PartState& state, std::uint32_t index) {
    switch (state.at(index)) {
        case TargetState::succeeded:
            return from.succeeded;
        case TargetState::failed:
            return from.failed && from.kinds.has(kind_of(state.reason(index)));
        case TargetState::canceled:
            return from.canceled;
        case TargetState::pending:
        case TargetState::attempted:
        case TargetState::again:
        case TargetState::running:
            break;
    }
    return from.pending;
}

/// Where the log of the undone job says how its writes are taken back, as far as that is read.
struct PartMembers::Undone {
    std::uint64_t next = 0;
    std::vector<Ordinal> ordinals;      ///< By index there.  Bound: its devices
    std::vector<ReversalPlace> places;  ///< By ordinal; sequence 0 if it was not written.  Bound: its devices
    std::size_t fresh = 0;  ///< Of those that wait: what was written to them is read.
};

PartMembers::PartMembers(JobSite& site, std::shared_ptr<JobPart> part)
    : site_(site),
      part_(std::move(part)),
      sources_(part_->orders().sources ? part_->orders().sources : std::make_shared<MemberSources>()),
      rule_(RolloutMembers::of(*part_->entry().definition().rollout)) {
    const auto& definition = part_->entry().definition();
    if (definition.condition) {
        // It was checked when the job was accepted; one that another setting has made none since then selects
        // no device.
        auto parsed = query::parse_job_condition(*definition.condition, site_.options);
        if (parsed) condition_ = *std::move(parsed);
    }
    if (sources_->undo_of != 0) undone_ = std::make_unique<Undone>();
    is_passing_ = source() == 0;
}

PartMembers::~PartMembers() = default;

void PartMembers::wake() {
    site_.turns.wake(*this);
}

void PartMembers::renew() {
    wake();
}

std::uint32_t& PartMembers::member(Ordinal ordinal) {
    if (members_.size() <= ordinal)
        members_.resize(std::max(ordinal + 1, site_.shard.directory().next_ordinal()));
    return members_[ordinal];
}

void PartMembers::look_at(Ordinal ordinal) {
    if (ordinal == no_ordinal) return;
    if (is_waiting_.size() <= ordinal)
        is_waiting_.resize(std::max(ordinal + 1, site_.shard.directory().next_ordinal()));
    if (is_waiting_[ordinal]) return;
    if (source() == 0 && waiting_.size() == waiting_max) return begin_pass();
    is_waiting_[ordinal] = true;
    waiting_.push_back(ordinal);
    wake();
}

void PartMembers::removed(const Record& record) {
    const bool is_member = record.ordinal < members_.size() && members_[record.ordinal] != none;
    if (is_member) gone_.insert(KeyList::text_of(record.key));
}

/// Looks at all devices, once more if that is under way.
void PartMembers::begin_pass() {
    waiting_.clear();
    is_waiting_.assign(is_waiting_.size(), false);
    if (is_passing_) {
        passes_again_ = true;
    } else {
        is_passing_ = true;
        cursor_ = 0;
    }
    wake();
}

Record* PartMembers::next_waiting() {
    while (!waiting_.empty() && (!undone_ || undone_->fresh > 0)) {
        const Ordinal ordinal = waiting_.front();
        waiting_.pop_front();
        is_waiting_[ordinal] = false;
        if (undone_) --undone_->fresh;
        if (Record* record = site_.shard.directory().find(ordinal)) return record;
    }
    return nullptr;
}

Record* PartMembers::next_in_pass() {
    while (is_passing_) {
        for (const Ordinal end = site_.shard.directory().next_ordinal(); cursor_ < end;) {
            if (Record* record = site_.shard.directory().find(cursor_++)) return record;
        }
        cursor_ = 0;
        is_passing_ = std::exchange(passes_again_, false);
    }
    return nullptr;
}

Record* PartMembers::next() {
    is_turn_of_pass_ = !is_turn_of_pass_;
    Record* record = is_turn_of_pass_ ? next_in_pass() : next_waiting();
    if (record != nullptr) return record;
    return is_turn_of_pass_ ? next_waiting() : next_in_pass();
}

/// True once the devices that the part has are known.
bool PartMembers::learn_members(TimePoint enough) {
    for (std::uint32_t looked = 1; learned_ < part_->devices(); ++looked) {
        const auto index = learned_++;
        const auto ordinal = part_->ordinal(index);
        if (ordinal != no_ordinal && site_.shard.directory().find(ordinal) != nullptr) {
            member(ordinal) = index + 1;
        } else {
            // Nobody has said whose it was: the device was not registered, or was removed before this began.
            unregistered_.push_back(index);
        }
        if (looked % 1024 == 0 && site_.shard.clock().now() >= enough) return false;
    }
    return true;
}

/// What has to be read before devices are looked at; false while that is under way.
bool PartMembers::prepare() {
    if (is_reading_ || is_disk_full_) return false;
    if (site_.shard.committer().is_full()) {
        is_disk_full_ = true;
        const auto self = shared_from_this();
        site_.shard.committer().on_durable([self](const Result<>&) {
            auto& members = static_cast<PartMembers&>(*self);
            members.is_disk_full_ = false;
            members.wake();
        });
        return false;
    }
    if (!unregistered_.empty()) {
        read_gone();
        return false;
    }
    if (source() != 0 && !has_source_) {
        read_source();
        return false;
    }
    if (undone_ && undone_->fresh == 0 && !waiting_.empty()) {
        read_undone();
        return false;
    }
    return true;
}

bool PartMembers::step() {
    const auto state = part_->joining();
    if (state == JobPart::Joining::over || state == JobPart::Joining::later) return false;
    if (state == JobPart::Joining::leaving && !rule_.cancels_on_leave) return false;
    const auto& clock = site_.shard.clock();
    const auto enough = clock.now() + slice_max;
    if (!learn_members(enough)) return true;
    if (!prepare()) return false;
    auto next_look = meter_.steps + query::EvaluationLimits::steps_a_look;
    for (std::size_t looked = 1; batch_.size() < JoinedEvent::devices_max; ++looked) {
        Record* record = next();
        if (record == nullptr) {
            put_batch();
            if (undone_ && !waiting_.empty()) return true;
            if (joins_ == 0 && batch_.empty() && waiting_.empty() && !is_passing_) part_->members_known();
            return false;
        }
        examine(*record);
        const bool is_look_due = looked % 64 == 0 || meter_.steps >= next_look;
        if (is_look_due && clock.now() >= enough) break;
        if (meter_.steps >= next_look) next_look = meter_.steps + query::EvaluationLimits::steps_a_look;
    }
    put_batch();
    return true;
}

bool PartMembers::matches(const Record& record) {
    if (!condition_) return part_->entry().definition().condition == std::nullopt;
    const bool wants_modules = condition_->collection == query::Collection::modules;
    if (record.key.is_module() != wants_modules) return false;
    if (condition_->where.is_always()) return true;
    const auto live = record.live();
    return condition_->where.keeps(query::Row(*record.committed, record.key, live), meter_);
}

void PartMembers::examine(const Record& record) {
    if (!record.exists()) return;
    const auto known = member(record.ordinal);
    if (known == joining) return;
    if (known != none) {
        if (rule_.cancels_on_leave && !matches(record)) part_->leave(known - 1);
        return;
    }
    if (part_->joining() != JobPart::Joining::open) return;
    if (undone_ && (record.ordinal >= undone_->places.size() || undone_->places[record.ordinal].sequence == 0))
        return;
    if (!matches(record)) return;
    auto key = KeyList::text_of(record.key);
    if (gone_.contains(key)) return;
    member(record.ordinal) = joining;
    batch_.emplace_back(std::move(key), record.ordinal);
}

void PartMembers::put_batch() {
    if (batch_.empty()) return;
    std::sort(batch_.begin(), batch_.end());
    if (undone_) return read_reversals_of_batch();
    join_batch({});
}

/// Then the devices join, if they still may.
void PartMembers::read_reversals_of_batch() {
    if (part_->joining() != JobPart::Joining::open) {
        std::vector<Ordinal> all;
        for (const auto& [key, ordinal] : batch_) all.push_back(ordinal);
        return drop_from_batch(all);
    }
    std::vector<ReversalPlace> places;
    for (const auto& [key, ordinal] : batch_) places.push_back(undone_->places[ordinal]);
    auto work = [&store = site_.shard.store(), places = std::move(places),
                 from = ReversalLog{sources_->undo_of, site_.shard.number(), sources_->wrote}] {
        return read_places(store, from, places);
    };
    on_storage<Reversals>(std::move(work), [this](const Reversals& found) {
        if (part_->joining() != JobPart::Joining::open) return;  // The next step sees to it.
        std::vector<Ordinal> gone;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!found[i]) gone.push_back(batch_[i].second);
        }
        drop_from_batch(gone);
        join_batch(events_of(found, site_.shard.clock().wall_now()));
    });
}

/// They do not join now.
void PartMembers::drop_from_batch(const std::vector<Ordinal>& dropped) {
    if (dropped.empty()) return;
    const std::unordered_set<Ordinal> set(dropped.begin(), dropped.end());
    for (const auto ordinal : dropped) member(ordinal) = none;
    std::erase_if(batch_, [&set](const auto& joiner) { return set.contains(joiner.second); });
}

void PartMembers::join_batch(std::vector<ReversalsEvent> reversals) {
    if (batch_.empty()) return;
    JoinedEvent event;
    event.time = site_.shard.clock().wall_now();
    KeyList keys;
    for (const auto& [key, ordinal] : batch_) {
        keys.append(key);
        event.ordinals.push_back(ordinal);
    }
    event.keys = keys.bytes();
    ++joins_;
    part_->join(
        std::move(event), std::move(reversals),
        [weak = weak_from_this(), held = std::exchange(batch_, {})](std::optional<std::uint32_t> first) {
            if (const auto self = weak.lock()) static_cast<PartMembers&>(*self).joined(held, first);
        });
}

/// They are members from now on; `first` is the index of the first, or nothing if the store refused them.
void PartMembers::joined(const Joiners& joiners, std::optional<std::uint32_t> first) {
    --joins_;
    bool has_missed = false;  // One that was registered anew meanwhile was taken for a member.
    for (std::uint32_t i = 0; i < joiners.size(); ++i) {
        const auto& [key, ordinal] = joiners[i];
        member(ordinal) = first ? *first + i + 1 : none;
        if (!first) has_missed |= gone_.erase(key) > 0;
        // What was written meanwhile was looked at too early.
        if (!first || rule_.cancels_on_leave) look_at(ordinal);
    }
    if (first) learned_ = std::max(learned_, *first + static_cast<std::uint32_t>(joiners.size()));
    // Of another job it is not a device, then.
    if (has_missed && source() == 0) begin_pass();
    wake();
}

// --- what other jobs have ------------------------------------------------------------------------

/// Runs `work` where blocking calls run, and `done` with what it found here.
template <class Found, class Work, class Done>
void PartMembers::on_storage(Work work, Done done) {
    is_reading_ = true;
    const auto self = std::static_pointer_cast<PartMembers>(shared_from_this());
    site_.shard.storage().run(
        [self, home = site_.shard.executor(), work = std::move(work), done = std::move(done)]() mutable {
            auto found = std::make_shared<Result<Found>>(work());
            boost::asio::post(home, [self, found, done = std::move(done)]() mutable {
                self->is_reading_ = false;
                if (*found) {
                    done(**found);
                    return self->wake();
                }
                log.warn("a job's log is read again soon, the store refused job={} reason={}",
                         self->part_->entry().definition().id, found->error().detail);
                self->is_reading_ = true;
                auto& shard = self->site_.shard;
                shard.timers().at(shard.clock().now() + reading_delay, [weak = std::weak_ptr(self)] {
                    const auto again = weak.lock();
                    if (!again) return;
                    again->is_reading_ = false;
                    again->wake();
                });
            });
        });
}

/// The keys of members that have been removed from the registry. A removed member must not join again.
void PartMembers::read_gone() {
    auto work = [&store = site_.shard.store(), job = part_->job(), shard = site_.shard.number(),
                 indexes = unregistered_] { return read_keys(store, job, shard, indexes); };
    on_storage<std::vector<std::string>>(std::move(work), [this](std::vector<std::string>& keys) {
        for (auto& key : keys) gone_.insert(std::move(key));
        unregistered_.clear();
    });
}

void PartMembers::read_source() {
    auto work = [&store = site_.shard.store(), job = source(), shard = site_.shard.number(),
                 wanted = from()] { return read_chosen(store, job, shard, wanted); };
    on_storage<std::vector<Ordinal>>(std::move(work), [this](const std::vector<Ordinal>& chosen) {
        has_source_ = true;
        for (const auto ordinal : chosen) look_at(ordinal);
    });
}

void PartMembers::read_undone() {
    auto work = [&store = site_.shard.store(), job = sources_->undo_of, shard = site_.shard.number(),
                 next = undone_->next] { return read_written(store, job, shard, next); };
    // Of those that come meanwhile what was written may be missing.
    on_storage<WrittenNews>(std::move(work), [this, fresh = waiting_.size()](const WrittenNews& news) {
        auto& undone = *undone_;
        undone.next = news.next;
        undone.fresh = fresh;
        undone.ordinals.insert(undone.ordinals.end(), news.ordinals.begin(), news.ordinals.end());
        for (const auto& place : news.devices) {
            const auto ordinal =
                place.index < undone.ordinals.size() ? undone.ordinals[place.index] : no_ordinal;
            if (ordinal == no_ordinal) continue;
            if (undone.places.size() <= ordinal) undone.places.resize(std::size_t{ordinal} + 1);
            undone.places[ordinal] = place;
        }
    });
}

}  // namespace carillon
