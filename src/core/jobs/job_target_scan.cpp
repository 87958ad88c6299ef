#include "core/jobs/job_target_scan.hpp"

#include "base/log.hpp"
#include "base/sha256.hpp"
#include "core/jobs/members/part_members.hpp"
#include "core/shard/placement.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

/// One part of the jobs from which devices are taken, read from their logs.
struct JobTargetScan::Source {
    /// Where the write to a device stands, and what it takes to hold how that is taken back.
    struct Written {
        std::uint64_t sequence = 0;  ///< 0: it was not written.
        std::uint32_t bytes = 0;
    };
    std::optional<JobFold> from;
    std::optional<JobFold> undone;
    std::vector<Written> written;  ///< Of `undone`, by index.
    // How writes are taken back, of some of the devices, which are a piece:
    std::uint32_t piece_begin = 0;
    std::uint32_t piece_end = 0;         ///< Exclusive.
    std::vector<std::uint32_t> numbers;  ///< Of `table`, by index less `piece_begin`.
    ReversalTable table;

    const JobFold& devices() const { return from ? *from : *undone; }
    /// The index of one of `devices`, whose key is `key`, in `undone`; nothing if it was not written there.
    std::optional<std::uint32_t> find_written(std::uint32_t index, const std::string& key) const;
    Result<> read_piece(const Store& store, std::uint32_t shard, const JobSources& sources,
                        std::size_t bytes_max, const std::function<bool(std::uint32_t)>& is_wanted);
};

std::optional<std::uint32_t> JobTargetScan::Source::find_written(std::uint32_t index,
                                                                 const std::string& key) const {
    std::uint32_t at = index;
    if (from) {
        const auto found = undone->find(key);
        if (!found) return std::nullopt;
        at = *found;
    }
    if (at >= written.size() || written[at].sequence == 0) return std::nullopt;
    return at;
}

/// Reads the piece behind the one that is there, of so many devices as have room.
Result<> JobTargetScan::Source::read_piece(const Store& store, std::uint32_t shard, const JobSources& sources,
                                           std::size_t bytes_max,
                                           const std::function<bool(std::uint32_t)>& is_wanted) {
    piece_begin = piece_end;
    numbers.clear();
    table = ReversalTable(SIZE_MAX);
    std::vector<ReversalPlace> places;
    std::vector<std::uint32_t> indexes;
    std::size_t bytes = 0;
    for (; piece_end < devices().size() && places.size() < piece_devices_max; ++piece_end) {
        if (!is_wanted(piece_end)) continue;
        const auto at = find_written(piece_end, from ? from->key(piece_end) : std::string());
        if (!at) continue;
        bytes += written[*at].bytes;
        if (bytes > bytes_max && !places.empty()) break;
        places.push_back({written[*at].sequence, *at});
        indexes.push_back(piece_end);
    }
    numbers.resize(piece_end - piece_begin);
    std::size_t found = 0;
    const auto take = [&](std::size_t place, Reversal reversal) {
        ++found;
        numbers[indexes[place] - piece_begin] = table.add(std::move(reversal));
    };
    auto read = read_reversals(store, {sources.undo_of, shard, sources.wrote}, places, take);
    if (read && found < places.size())
        return fail(Errc::store_corrupt, "the log of a job does not say how to undo what it wrote");
    return read;
}

JobTargetScan::~JobTargetScan() = default;

JobTargetScan::JobTargetScan(JobSite& site, std::shared_ptr<JobEntry> entry,
                             std::optional<query::JobCondition> condition, WallTime started,
                             JobSources sources, Done done)
    : site_(site),
      entry_(std::move(entry)),
      condition_(std::move(condition)),
      started_(started),
      sources_(std::move(sources)),
      done_(std::move(done)) {
    if (const auto& rollout = entry_->definition().rollout) {
        targets_.chain.emplace();
        targets_.undone = UndoneDevices(site_.limits.undo_bytes_max);
        if (rollout->success.all) {
            // It did parse when the job was accepted.
            auto all = query::parse_job_condition(*rollout->success.all, site_.options);
            if (all) must_succeed_ = *std::move(all);
        }
    }
    if (sources_.from != 0 || sources_.undo_of != 0) return;
    if (condition_) {
        if (const auto ids = condition_->where.device_ids()) {
            hinted_.emplace(std::vector<std::string_view>(ids->begin(), ids->end()));
            listed_.emplace(*hinted_);
        } else {
            columns_.emplace(condition_->where);
        }
    } else {
        listed_.emplace(*entry_->definition().device_ids);
    }
}

bool JobTargetScan::step() {
    if (is_over_) return false;
    auto& committer = site_.shard.committer();
    if (committer.is_full()) {
        const auto self = shared_from_this();
        committer.on_durable([self](const Result<>&) {
            auto& scan = static_cast<JobTargetScan&>(*self);
            scan.site_.turns.wake(scan);
        });
        return false;
    }
    if (!has_begun_ && !looker_) {
        has_begun_ = true;
        const auto number = site_.shard.number();
        committer.batch().erase_range(Table::job_events, job_event_key(entry_->number(), number),
                                      job_event_key(entry_->number(), number + 1));
    }
    const auto enough = site_.shard.clock().now() + (looker_ ? plan_slice_max : slice_max);
    if (sources_.from != 0 || sources_.undo_of != 0) {
        if (is_reading_) return false;
        if (source_) return step_source(enough);
        read_sources();
        return false;
    }
    if (!listed_) return knows_candidates_ ? step_all(enough) : step_candidates(enough);
    return step_listed(enough);
}

/// Whether a slice that looked at `looked` records is to end: by its time, which is looked at after some
/// records, or after some steps of the condition, of which one record may take many.
bool JobTargetScan::is_slice_over(std::size_t looked, TimePoint enough) {
    if (looked >= slice_records_max) return true;
    const std::size_t a_look = looker_ ? plan_records_a_look : 64;
    if (looked % a_look != 0 && meter_.steps < enough_) return false;
    enough_ = meter_.steps + query::EvaluationLimits::steps_a_look;
    return site_.shard.clock().now() >= enough;
}

bool JobTargetScan::step_candidates(TimePoint enough) {
    if (!candidates_) {
        site_.shard.index().want(columns_->paths());
        candidates_.emplace(site_.shard, *columns_, condition_->collection);
    }
    if (!candidates_->is_useful()) {
        candidates_.reset();
        knows_candidates_ = true;
        return true;
    }
    do {
        knows_candidates_ = !candidates_->step(meter_);
    } while (!knows_candidates_ && site_.shard.clock().now() < enough);
    return true;
}

bool JobTargetScan::step_all(TimePoint enough) {
    const auto& directory = site_.shard.directory();
    std::size_t looked = 0;
    for (const Record* record = after_ ? directory.upper_bound(*after_) : directory.first(); record;
         record = directory.next(*record)) {
        if (!candidates_ || candidates_->has(record->ordinal)) examine(*record);
        if (!is_slice_over(++looked, enough)) continue;
        after_ = record->key;
        return true;
    }
    finish();
    return false;
}

bool JobTargetScan::step_listed(TimePoint enough) {
    const auto shards = site_.shard.shard_count();
    std::size_t looked = 0;
    while (const auto id = listed_->next()) {
        if (shard_number(*id, shards) == site_.shard.number()) examine_listed(*id);
        if (is_slice_over(++looked, enough)) return true;
    }
    finish();
    return false;
}

/// Runs `work` where blocking calls run, then `done` here if it found no fault, and goes on.
template <class Work, class Then>
void JobTargetScan::on_storage(Work work, Then then) {
    is_reading_ = true;
    const auto self = std::static_pointer_cast<JobTargetScan>(shared_from_this());
    site_.shard.storage().run(
        [self, home = site_.shard.executor(), work = std::move(work), then = std::move(then)]() mutable {
            auto outcome = work();
            boost::asio::post(home, [self, outcome, then = std::move(then)] {
                self->is_reading_ = false;
                if (self->is_over_) return;
                if (outcome) {
                    then();
                    return self->site_.turns.wake(*self);
                }
                self->is_over_ = true;
                self->done_(fail(outcome.error()));
            });
        });
}

/// Reads the logs of these parts of the sources.
void JobTargetScan::read_sources() {
    const auto source = std::make_shared<Source>();
    auto work = [&store = site_.shard.store(), shard = site_.shard.number(), sources = sources_, source] {
        return read(store, shard, sources, *source);
    };
    on_storage(std::move(work), [this, source] { source_ = source; });
}

/// Reads how writes to the next devices of the source are taken back.
void JobTargetScan::read_piece() {
    reversals_.forget_numbers();  // They are those of another table next.
    auto work = [this, &store = site_.shard.store(), shard = site_.shard.number(), source = source_] {
        const auto is_wanted = [this](std::uint32_t index) { return is_chosen(index); };
        return source->read_piece(store, shard, sources_, 2 * site_.limits.undo_bytes_max, is_wanted);
    };
    on_storage(std::move(work), [] {});
}

Result<> JobTargetScan::read(Store& store, std::uint32_t shard, const JobSources& sources, Source& source) {
    const auto fold = [&](std::uint64_t job, std::optional<JobFold>& into, auto&& also) -> Result<> {
        if (job == 0) return {};
        into.emplace();
        Result<> outcome;
        const auto visit = [&](std::string_view key, std::string_view value) {
            auto event = decode_job_event(as_bytes(value));
            const auto sequence = sequence_of_event_key(key);
            if (event && into->apply(sequence, *event)) {
                also(sequence, *event);
                return true;
            }
            outcome = fail(Errc::store_corrupt, "the log of a job does not fold");
            return false;
        };
        auto read =
            store.scan(Table::job_events, job_event_key(job, shard), job_event_key(job, shard + 1), visit);
        return read ? outcome : fail(std::move(read).error());
    };
    const auto keep = [&](std::uint64_t sequence, const JobEvent& event) {
        const auto* const written = std::get_if<WrittenEvent>(&event);
        if (written == nullptr) return;
        source.written.resize(source.undone->size());
        for (const auto& device : written->devices) {
            if (device.reversal == 0) continue;
            const auto bytes = bytes_of(written->reversals[device.reversal - 1]);
            source.written[device.index] = {sequence, static_cast<std::uint32_t>(bytes)};
        }
    };
    if (auto read = fold(sources.from, source.from, [](std::uint64_t, const JobEvent&) {}); !read)
        return read;
    return fold(sources.undo_of, source.undone, keep);
}

/// True if the source's device stands where the rollout takes its targets from.
bool JobTargetScan::is_chosen(std::uint32_t index) const {
    if (!source_->from) return true;
    return carillon::is_chosen(*entry_->definition().rollout->from, source_->from->state(), index);
}

/// True if the device of the source was written, so that it can be taken back.
bool JobTargetScan::find_reversal(std::uint32_t index, const std::string& key) {
    if (looker_) return source_->find_written(index, key).has_value();
    reversal_ = source_->numbers[index - source_->piece_begin];
    return reversal_ != 0;
}

bool JobTargetScan::step_source(TimePoint enough) {
    std::size_t looked = 0;
    const auto& devices = source_->devices();
    while (source_index_ < devices.size()) {
        if (source_->undone && !looker_ && source_index_ == source_->piece_end) {
            read_piece();
            return false;
        }
        const auto index = source_index_++;
        if (is_chosen(index)) examine_of_source(index, devices.key(index));
        if (is_slice_over(++looked, enough)) return true;
    }
    source_.reset();
    finish();
    return false;
}

void JobTargetScan::examine_of_source(std::uint32_t index, const std::string& text) {
    if (source_->undone && !find_reversal(index, text)) return;
    const auto nul = text.find('\0');
    const auto key = nul == text.npos ? IdentityKey::parse(text)
                                      : IdentityKey::parse(std::string_view(text).substr(0, nul),
                                                           std::string_view(text).substr(nul + 1));
    const Record* record = key ? site_.shard.directory().find(*key) : nullptr;
    const bool is_there = record && record->exists();
    if (!condition_) {
        add(is_there ? record->ordinal : no_ordinal, text, is_there ? record : nullptr);
    } else if (is_there) {
        examine(*record);
    }
}

void JobTargetScan::examine_listed(std::string_view id) {
    auto key = IdentityKey::parse(id);
    if (!condition_) {
        // Ids that are not registered are targets too, and fail; nobody's id goes unanswered.
        const Record* record = key ? site_.shard.directory().find(*key) : nullptr;
        return add(record && record->exists() ? record->ordinal : no_ordinal, id, record);
    }
    if (!key) return;
    const auto& directory = site_.shard.directory();
    if (condition_->collection == query::Collection::devices) {
        if (const Record* record = directory.find(*key)) examine(*record);
        return;
    }
    for (const Record* record = directory.upper_bound(*key); record && record->key.device == key->device;
         record = directory.next(*record)) {
        examine(*record);
    }
}

void JobTargetScan::examine(const Record& record) {
    const bool wants_modules = condition_->collection == query::Collection::modules;
    if (record.key.is_module() != wants_modules || !record.exists()) return;
    if (!condition_->where.is_always()) {
        const auto live = record.live();
        if (!condition_->where.keeps(query::Row(*record.committed, record.key, live), meter_)) return;
    }
    add(record.ordinal, KeyList::text_of(record.key), &record);
}

/// The number of the group to which a device of a spread belongs.
std::uint32_t JobTargetScan::group_of(const Record* record) {
    std::string name;
    if (record && record->committed) {
        const Record* parent = nullptr;
        if (record->key.is_module()) parent = site_.shard.directory().find(IdentityKey(record->key.device));
        const bool has_parent = parent && parent->committed;
        name = spread_group(entry_->definition().rollout->order.spread, record->committed->twin,
                            has_parent ? &parent->committed->twin : nullptr);
    }
    if (groups_.size() >= spread_groups_max && !groups_.contains(name)) name.clear();
    const auto [group, is_new] = groups_.emplace(std::move(name), static_cast<std::uint32_t>(groups_.size()));
    if (is_new) targets_.keys.names.push_back(group->first);
    return group->second;
}

void JobTargetScan::add(Ordinal ordinal, std::string_view key, const Record* record) {
    chunk_.ordinals.push_back(ordinal);
    keys_.append(key);
    if (looker_) {
        looker_->look(ordinal, key, record);
        if (chunk_.ordinals.size() == TargetsEvent::devices_max) put_chunk();
        return;
    }
    if (sources_.planned && sources_.planned->has(ordinal, key)) ++targets_.planned;
    const auto& rollout = entry_->definition().rollout;
    if (rollout && rollout->order.kind != RolloutOrderKind::as_stored) {
        targets_.keys.hashes.push_back(order_hash(entry_->definition().seed, key));
        if (rollout->order.kind == RolloutOrderKind::spread) targets_.keys.groups.push_back(group_of(record));
    }
    if (must_succeed_ && must_succeed(record)) {
        const auto index = targets_.ordinals.size() + chunk_.ordinals.size() - 1;
        targets_.must_succeed.push_back(static_cast<std::uint32_t>(index));
    }
    if (source_ && source_->undone) reversals_.add(reversal_, source_->table.at(reversal_));
    if (chunk_.ordinals.size() == TargetsEvent::devices_max) put_chunk();
    if (reversals_.is_full()) put_reversals();
}

void JobTargetScan::put_chunk() {
    if (chunk_.ordinals.empty()) return;
    if (entry_->definition().rollout || looker_ || sources_.wants_digest)
        targets_.digest = sha256({as_text(targets_.digest), keys_.bytes()});
    if (looker_) {
        chunk_ = {};
        keys_.clear();
        return;
    }
    chunk_.time = started_;
    chunk_.keys = keys_.bytes();
    targets_.ordinals.insert(targets_.ordinals.end(), chunk_.ordinals.begin(), chunk_.ordinals.end());
    const JobEvent event(std::exchange(chunk_, {}));
    keys_.clear();
    CARILLON_ASSERT(targets_.state.apply(event));
    put(event);
    if (!reversals_.is_empty()) put_reversals();
    if (targets_.must_succeed.size() > chunk_musts_) put(musts_of_chunk());
}

bool JobTargetScan::must_succeed(const Record* record) {
    const auto& all = *must_succeed_;
    if (!record || !record->exists()) return false;
    if (record->key.is_module() != (all.collection == query::Collection::modules)) return false;
    if (all.where.is_always()) return true;
    const auto live = record->live();
    return all.where.keeps(query::Row(*record->committed, record->key, live), meter_);
}

MustSucceedEvent JobTargetScan::musts_of_chunk() {
    MustSucceedEvent event;
    event.time = started_;
    event.indexes.assign(targets_.must_succeed.begin() + static_cast<std::ptrdiff_t>(chunk_musts_),
                         targets_.must_succeed.end());
    chunk_musts_ = targets_.must_succeed.size();
    return event;
}

/// How the writes to the newest targets are taken back.
void JobTargetScan::put_reversals() {
    auto event = reversals_.take(started_);
    const auto sequence = put(event);
    targets_.undone.take(std::move(event), sequence);
}

std::uint64_t JobTargetScan::put(const JobEvent& event) {
    auto& committer = site_.shard.committer();
    const auto sequence = targets_.next_sequence++;
    auto key = job_event_key(entry_->number(), site_.shard.number(), sequence);
    auto value = encode_job_event(event);
    if (targets_.chain) value = targets_.chain->link(sequence, key, std::move(value));
    committer.batch().put(Table::job_events, std::move(key), std::move(value));
    const auto self = std::static_pointer_cast<JobTargetScan>(shared_from_this());
    committer.on_durable([self, sequence](const Result<>& result) {
        if (self->targets_.chain) self->targets_.chain->settled(sequence, result.has_value());
        if (!result) self->refused_ = result.error();
    });
    return sequence;
}

void JobTargetScan::finish() {
    put_chunk();
    const auto self = std::static_pointer_cast<JobTargetScan>(shared_from_this());
    site_.shard.committer().on_durable([self](const Result<>& result) {
        if (self->is_over_) return;
        self->is_over_ = true;
        if (!result) return self->done_(fail(result.error()));
        if (self->refused_) return self->done_(fail(*self->refused_));
        if (const auto overdrawn = self->meter_.overdrawn; overdrawn > 0) {
            log.warn("condition takes too much for some twins, which it does not select job={} twins={}",
                     self->entry_->definition().id, overdrawn);
        }
        self->targets_.ordinals.shrink_to_fit();
        self->done_(std::move(self->targets_));
    });
}

}  // namespace carillon
