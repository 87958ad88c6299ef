#include "core/jobs/job_shard.hpp"

#include "core/jobs/job_method_part.hpp"
#include "core/jobs/job_twin_part.hpp"
#include "core/jobs/part_from_log.hpp"
#include "core/jobs/superseding/superseding.hpp"
#include "model/rollouts/supersede.hpp"
#include "model/rollouts/touched.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

/// The kind of part that the job asks for.
std::shared_ptr<JobPart> make_part(JobSite& site, std::shared_ptr<JobEntry> entry, JobPart::Targets targets) {
    if (entry->definition().type == JobType::device_method) {
        return std::make_shared<MethodPart>(site, std::move(entry), std::move(targets));
    }
    return std::make_shared<TwinPart>(site, std::move(entry), std::move(targets));
}

}  // namespace

JobShard::JobShard(Shard& shard, const JobBoard& board, const query::QueryOptions& options,
                   const JobEngineLimits& limits, Throttles& throttles, Zones& zones,
                   std::shared_ptr<std::atomic<std::size_t>> methods_in_flight, JobMail& mail)
    : shard_(shard),
      board_(board),
      turns_(shard.background()),
      folder_(shard, limits.twin_log_devices_max, limits.twin_log_bytes_max),
      notices_(std::make_shared<JobNotices>(shard, turns_)),
      budgets_(shard, turns_),
      members_(shard),
      site_{shard,
            turns_,
            folder_,
            limits,
            options,
            throttles,
            zones,
            std::move(methods_in_flight),
            metrics_,
            *notices_,
            budgets_,
            members_,
            [this](std::uint64_t job) { part_finished(job); },
            [this](std::uint64_t job, GateReport told) { report(job, std::move(told)); }},
      mail_(mail) {
    shard_.add_observer(*this);
}

JobShard::~JobShard() {
    *alive_ = false;
}

Result<> JobShard::load(std::vector<LoadedJob>& jobs) {
    for (LoadedJob& job : jobs) {
        if (!job.is_running()) continue;
        auto targets =
            read_part(shard_.store(), job.number, number(), job.is_undo(), site_.limits.undo_bytes_max,
                      job.wants_times);
        if (!targets) return fail(std::move(targets).error());
        // A part without devices has no event that says it.
        if (job.is_chained && targets->next_sequence == 1) targets->chain.emplace();
        job.entry->publish(number(), targets->state, targets->next_sequence, shard_.clock().now());
        job.parts[number()] = {targets->started(), targets->state.size()};
        adopt(job, *std::move(targets));
    }
    return {};
}

void JobShard::adopt(const LoadedJob& job, JobPart::Targets targets) {
    adopted_.emplace_back(job.start, job.number);
    parts_.emplace(job.number, make_part(site_, job.entry, std::move(targets)));
    if (job.record.is_cancelling) cancelling_.push_back(job.number);
}

void JobShard::start() {
    folder_.start();
    notices_->start();
    tell_budgets();
    auto adopted = parts_;  // A part may end, and leave, as it begins.
    for (const auto& [number, part] : parts_) begun_.insert(number);
    std::vector<std::shared_ptr<Superseding>> superseding;
    std::sort(adopted_.begin(), adopted_.end());
    for (const auto& [start, number] : std::exchange(adopted_, {})) {
        auto work = supersede(adopted.at(number));
        if (!work) continue;
        // Before any of the older ones begins.
        work->take_all();
        superseding.push_back(std::move(work));
        adopted.erase(number);
    }
    for (const auto& [number, part] : adopted) part->begin();
    for (const auto& work : superseding) turns_.wake(*work);
    for (const auto number : std::exchange(cancelling_, {})) cancel(number);
}

void JobShard::rest() {
    site_.rests = true;
    for (const auto& [number, part] : parts_) turns_.wake(*part);  // They return their permits.
}

void JobShard::hold(bool methods, bool twins) {
    if (site_.holds_methods == methods && site_.holds_twins == twins) return;
    site_.holds_methods = methods;
    site_.holds_twins = twins;
    for (const auto& [number, part] : parts_) part->hold_changed();
}

void JobShard::renew_budgets(std::shared_ptr<const BudgetSet> set, std::uint64_t epoch) {
    budgets_.renew(std::move(set), epoch);
    tell_budgets();
}

void JobShard::tell_budgets() {
    for (const auto& [number, part] : parts_) part->tell_budgets();
    budgets_.renewed();
}

void JobShard::call() {
    if (is_called_.exchange(true)) return;
    Shards::post(shard_, [this, alive = alive_] {
        if (!*alive) return;
        is_called_ = false;
        for (const auto& [number, part] : parts_) part->budget_freed();
    });
}

bool JobShard::is_still() const {
    return std::all_of(parts_.begin(), parts_.end(), [this](const auto& entry) {
        const bool is_method = entry.second->entry().definition().type == JobType::device_method;
        return !(is_method ? site_.holds_methods : site_.holds_twins) || entry.second->is_still();
    });
}

void JobShard::stop() {
    folder_.stop();
    turns_.stop();
    members_.stop();
    for (const auto& [number, scan] : scans_) scan->abandon();
    scans_.clear();
    for (const auto& [number, scan] : plan_scans_) scan->abandon();
    plan_scans_.clear();
    for (const auto& [number, part] : parts_) part->stop();
}

void JobShard::receive(PartWish wish) {
    const auto job = wish.job;
    if (auto* prepare_wish = std::get_if<PartWish::Prepare>(&wish.what)) {
        prepare(job, wish.attempt, std::move(*prepare_wish));
    } else if (auto* place_wish = std::get_if<PartWish::Place>(&wish.what)) {
        place(job, wish.attempt, std::move(*place_wish));
    } else if (std::holds_alternative<PartWish::Begin>(wish.what)) {
        begin(job);
    } else if (std::holds_alternative<PartWish::Cancel>(wish.what)) {
        cancel(job);
    } else if (std::holds_alternative<PartWish::Discard>(wish.what)) {
        discard(job, wish.attempt);
    } else if (const auto found = parts_.find(job); found != parts_.end()) {
        // A part that is not there has ended, and said that nothing of it begins any more.
        const auto part = found->second;
        if (auto* obey = std::get_if<PartWish::Obey>(&wish.what)) part->obey(std::move(obey->orders));
        if (const auto* permit = std::get_if<PartWish::Permit>(&wish.what)) part->permit(permit->granted);
    }
}

void JobShard::tell(std::uint64_t job, decltype(PartNews::what) what) {
    mail_.tell(PartNews{job, shard_.number(), std::move(what)});
}

/// Finds and stores the job's devices, publishes their number, and tells; the part then waits for its
/// beginning, and before that for its places if the job has an order.
void JobShard::prepare(std::uint64_t job, std::uint64_t attempt, PartWish::Prepare wish) {
    const auto entry = board_.find_number(job);
    if (!entry) return;  // It came late: nobody knows the job any more.
    auto& known = known_[job];
    const bool is_again =
        attempt == known.attempt && (known.is_over || known.prepared || scans_.contains(job));
    if (attempt < known.attempt || is_again) {
        if (attempt == known.attempt && !known.is_over && known.prepared)
            tell(job, PartNews::Prepared{attempt, *known.prepared});
        return;
    }
    forget(job);  // An attempt of which nobody has heard that it is given up.
    known = Known{};
    known.attempt = attempt;
    const auto& definition = entry->definition();
    std::optional<query::JobCondition> condition;
    if (!definition.device_ids && definition.condition) {
        auto parsed = query::parse_job_condition(*definition.condition, site_.options);
        if (!parsed) return prepared(entry, attempt, fail(std::move(parsed).error()));
        condition = *std::move(parsed);
    }
    auto found = [this, entry, attempt](Result<JobPart::Targets> targets) {
        prepared(entry, attempt, std::move(targets));
    };
    auto scan = std::make_shared<JobTargetScan>(site_, entry, std::move(condition), wish.started,
                                                std::move(wish.sources), std::move(found));
    scans_.insert_or_assign(job, scan);
    turns_.wake(*scan);
}

void JobShard::prepared(const std::shared_ptr<JobEntry>& entry, std::uint64_t attempt,
                        Result<JobPart::Targets> found) {
    const auto job = entry->number();
    scans_.erase(job);
    Result<PreparedPart> answer;
    if (!found) {
        answer = fail(std::move(found).error());
    } else {
        entry->publish(shard_.number(), found->state, found->next_sequence, shard_.clock().now());
        answer->devices = found->state.counts().device;
        answer->digest = found->digest;
        answer->planned = found->planned;
        const auto& rollout = entry->definition().rollout;
        if (rollout && rollout->order.kind != RolloutOrderKind::as_stored) {
            answer->keys = std::exchange(found->keys, {});
            unplaced_.insert_or_assign(job, Unplaced{entry, *std::move(found)});
        } else {
            parts_.insert_or_assign(job, make_part(site_, entry, *std::move(found)));
        }
    }
    if (mail_.may_lose()) known_[job].prepared = std::make_unique<Result<PreparedPart>>(answer);
    tell(job, PartNews::Prepared{attempt, std::move(answer)});
}

/// Stores where the devices stand.
void JobShard::place(std::uint64_t job, std::uint64_t attempt, PartWish::Place wish) {
    const auto found = unplaced_.find(job);
    const auto known = known_.find(job);
    if (known == known_.end() || known->second.attempt != attempt) return;
    if (found == unplaced_.end() || known->second.is_placing) {
        // The job was discarded meanwhile, or it is said again.
        if (known->second.placed && !known->second.is_over) tell_placed(job, attempt, *known->second.placed);
        return;
    }
    auto& targets = found->second.targets;
    auto& places = wish.places;
    if (places.places.size() != targets.ordinals.size()) {
        // Of another part.
        const Error error{Errc::server_error, "the places of a job's part are not of its devices"};
        return tell_placed(job, attempt, fail(error));
    }
    known->second.is_placing = true;
    auto& committer = shard_.committer();
    for (std::size_t from = 0; from < places.places.size(); from += OrderEvent::devices_max) {
        OrderEvent event;
        event.time = shard_.clock().wall_now();
        const auto to = std::min(places.places.size(), from + OrderEvent::devices_max);
        event.places.assign(places.places.begin() + static_cast<std::ptrdiff_t>(from),
                            places.places.begin() + static_cast<std::ptrdiff_t>(to));
        const auto sequence = targets.next_sequence++;
        auto key = job_event_key(job, shard_.number(), sequence);
        auto value = encode_job_event(event);
        if (targets.chain) value = targets.chain->link(sequence, key, std::move(value));
        committer.batch().put(Table::job_events, std::move(key), std::move(value));
    }
    targets.places = std::move(places.places);
    targets.order = std::move(places.order);
    committer.on_durable([this, number = job, attempt](const Result<>& result) {
        const auto placed = unplaced_.find(number);
        if (placed == unplaced_.end() || known_[number].attempt != attempt) return;
        auto [entry, ready] = std::move(placed->second);
        unplaced_.erase(placed);
        if (ready.chain) ready.chain->settled(ready.next_sequence - 1, result.has_value());
        if (result) parts_.insert_or_assign(number, make_part(site_, std::move(entry), std::move(ready)));
        if (mail_.may_lose()) known_[number].placed = std::make_unique<Result<>>(result);
        tell_placed(number, attempt, result);
    });
}

void JobShard::tell_placed(std::uint64_t job, std::uint64_t attempt, const Result<>& stored) {
    tell(job, PartNews::Placed{attempt, stored});
}

void JobShard::plan(std::uint64_t plan, const std::shared_ptr<JobEntry>& entry, std::uint64_t seed,
                    std::optional<query::JobCondition> condition, JobSources sources,
                    UniqueFunction<void(Result<PlanPart>)> done) {
    auto looker = std::make_shared<PlanLooker>(entry->shared_definition(), seed);
    auto found = [this, plan, entry, looker,
                  held = std::move(done)](Result<JobPart::Targets> targets) mutable {
        plan_scans_.erase(plan);
        if (!targets) return held(fail(std::move(targets).error()));
        auto part = looker->take();
        part.digest = targets->digest;
        part.targets.close();
        auto keys = touched_by(entry->definition());
        std::vector<std::shared_ptr<JobPart>> others;
        for (const auto& [number, other] : parts_) {
            if (others.size() == PlanPart::collisions_max) break;
            if (!find_shared(keys, touched_by(other->entry().definition())).empty()) others.push_back(other);
        }
        const auto comparison = std::make_shared<PlanComparison>(shard_, std::move(part), std::move(others),
                                                                 std::move(keys), std::move(held));
        turns_.wake(*comparison);
    };
    auto scan = std::make_shared<JobTargetScan>(site_, entry, std::move(condition), shard_.clock().wall_now(),
                                                std::move(sources), std::move(found));
    scan->show_to(std::move(looker));
    plan_scans_.insert_or_assign(plan, scan);
    turns_.wake(*scan);
}

void JobShard::drop_plan(std::uint64_t plan) {
    const auto scan = plan_scans_.find(plan);
    if (scan == plan_scans_.end()) return;
    scan->second->abandon();
    plan_scans_.erase(scan);
}

void JobShard::begin(std::uint64_t job) {
    const auto found = parts_.find(job);
    if (found == parts_.end()) return tell_finished(job);
    if (!begun_.insert(job).second) return;
    const auto part = found->second;
    if (const auto work = supersede(part)) return turns_.wake(*work);
    part->begin();
}

/// What the part has to do before it begins; null if that is nothing.
std::shared_ptr<Superseding> JobShard::supersede(const std::shared_ptr<JobPart>& part) {
    const auto& definition = part->entry().definition();
    if (!definition.rollout || !RolloutSupersede::of(*definition.rollout)) return nullptr;
    std::vector<std::shared_ptr<JobPart>> older;
    for (const auto& other : takers_) {
        if (supersede_each_other(definition, other->entry().definition())) older.push_back(other);
    }
    takers_.push_back(part);
    return older.empty() ? nullptr : std::make_shared<Superseding>(site_, part, std::move(older));
}

void JobShard::cancel(std::uint64_t job) {
    if (!begun_.contains(job)) begin(job);  // That has not come yet, or the part has ended by itself.
    const auto found = parts_.find(job);
    if (found == parts_.end()) return;
    const auto part = found->second;
    part->cancel();
}

void JobShard::discard(std::uint64_t job, std::uint64_t attempt) {
    auto& known = known_[job];
    if (attempt >= known.attempt && !begun_.contains(job)) {
        known.attempt = attempt;
        set_over(job);
        forget(job);
        // If this is refused, the next start erases them.
        shard_.committer().batch().erase_range(Table::job_events, job_event_key(job, shard_.number()),
                                               job_event_key(job, shard_.number() + 1));
    }
    if (mail_.may_lose()) tell(job, PartNews::Discarded{attempt});
}

/// What was prepared, or is being.
void JobShard::forget(std::uint64_t job) {
    if (const auto scan = scans_.find(job); scan != scans_.end()) {
        scan->second->abandon();
        scans_.erase(scan);
    }
    parts_.erase(job);
    unplaced_.erase(job);
}

void JobShard::method_ready(Record& record) {
    for (const auto& [number, part] : parts_) part->device_ready(record);
}

void JobShard::removed(Record& record) {
    for (const auto& [number, part] : parts_) part->device_removed(record);
    budgets_.removed(record.ordinal);
    members_.removed(record);
}

void JobShard::report(std::uint64_t job, GateReport told) {
    told.number = ++reports_;
    if (told.obeyed == UINT64_MAX) {
        // With the news that it has finished, if that is to come.
        known_[job].last = std::make_unique<GateReport>(told);
        if (parts_.contains(job)) return;
    }
    tell(job, std::move(told));
}

void JobShard::part_finished(std::uint64_t job) {
    std::erase_if(takers_, [job](const auto& part) { return part->job() == job; });
    parts_.erase(job);
    begun_.erase(job);
    members_.drop(job);
    set_over(job);
    tell_finished(job);
}

/// Also where that has been told before.
void JobShard::tell_finished(std::uint64_t job) {
    PartNews::Finished news;
    if (const auto known = known_.find(job); known != known_.end() && known->second.last) {
        news.last = *known->second.last;
        if (!mail_.may_lose()) known->second.last.reset();
    }
    tell(job, std::move(news));
}

/// What comes late of it is known for a while as what it is.
void JobShard::set_over(std::uint64_t job) {
    auto& known = known_[job];
    known.prepared.reset();
    known.placed.reset();
    if (std::exchange(known.is_over, true)) return;
    ended_.push_back(job);
    if (ended_.size() <= ended_max) return;
    if (const auto oldest = known_.find(ended_.front()); oldest != known_.end() && oldest->second.is_over)
        known_.erase(oldest);
    ended_.pop_front();
}

}  // namespace carillon
