// What the coordinator does for jobs with a rollout: their logs, gates, waves, pauses, places and orders.

#include "base/await.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "core/jobs/job_coordinator.hpp"
#include "core/jobs/notices/ended_device.hpp"
#include "core/jobs/placing.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

/// Ours: a job that goes on is sealed so often.
constexpr std::int64_t seal_interval_s = 600;

/// True for an event behind which the logs are sealed.
bool is_sealed(const JobLogEvent& event) {
    if (const auto* directed = std::get_if<DirectedEvent>(&event))
        return directed->what == DirectedEvent::paused;
    if (const auto* judged = std::get_if<WaveJudgedEvent>(&event))
        return judged->what == WaveJudgedEvent::passed || judged->what == WaveJudgedEvent::failed;
    return std::holds_alternative<JobEndedEvent>(event);
}

}  // namespace

std::unique_ptr<JobRun> JobCoordinator::make_run(const JobDefinition& definition) const {
    if (!definition.rollout) return nullptr;
    auto run = std::make_unique<JobRun>(definition, job_shards_.size());
    run->chain.emplace();
    run->sealed_at = now();
    run->patient_until = patient_until_;
    return run;
}

WallTime JobCoordinator::deadline_of(const Active& job) const {
    auto from = job.entry->definition().start;
    if (job.run->start_after) {
        // It counts from the start that the other job gives it.
        from = job.life.started().ticks != 0 ? job.life.started() : job.run->released;
        if (from.ticks == 0) from = std::max(job.entry->definition().start, now());
    }
    return from.plus_s(job.run->control.rollout().deadline_s);
}

// --- the start -----------------------------------------------------------------------------------

std::shared_ptr<JobCoordinator::Placing> JobCoordinator::make_placing(const Active& job) const {
    auto placing = std::make_shared<Placing>();
    placing->entry = job.entry;
    placing->attempt = job.life.attempt();
    placing->sizes.resize(job_shards_.size());
    placing->keys.resize(job_shards_.size());
    placing->digests.resize(job_shards_.size());
    placing->has_told.resize(job_shards_.size());
    placing->parts_left = job_shards_.size();
    const auto& rollout = job.entry->definition().rollout;
    placing->has_order = rollout && rollout->order.kind != RolloutOrderKind::as_stored;
    return placing;
}

void JobCoordinator::prepared(std::uint64_t number, std::uint64_t attempt, std::size_t part,
                              Result<PreparedPart> found) {
    const auto tell = [&](std::size_t of, Result<std::uint64_t> devices) {
        happen(number, [&](Active& job) { return job.life.part_prepared(attempt, of, devices, now()); });
    };
    auto* job = find(number);
    if (!job || job->life.attempt() != attempt || job->life.phase() != JobPhase::evaluating) return;
    const auto placing = job->placing;
    if (!placing && !found) return tell(part, fail(std::move(found).error()));
    if (!placing) return tell(part, found->devices);
    if (placing->has_told[part]) return;
    placing->has_told[part] = true;
    if (placing->has_order && !found) placing->refused = found.error();
    if (!placing->has_order && !found) return tell(part, fail(found.error()));
    if (found) {
        placing->sizes[part] = found->devices;
        placing->keys[part] = std::move(found->keys);
        placing->digests[part] = found->digest;
        placing->planned += found->planned;
    }
    const bool is_last = --placing->parts_left == 0;
    if (is_last && !placing->refused) {
        if (job->run) job->run->digest = JobPlans::digest_of(placing->digests);
        if (job->run && !is_as_planned(*job, *placing)) return;
        demand_approval(*job, *placing);
    }
    if (!placing->has_order) {
        if (is_last && job->run) job->run->set_parts(placing->sizes, false);
        return tell(part, found->devices);
    }
    if (!is_last) return;
    if (placing->refused) {
        for (std::size_t i = 0; i < job_shards_.size(); ++i) tell(i, fail(*placing->refused));
        return;
    }
    job->run->set_parts(placing->sizes, true);
    // Sorting a million devices takes long enough to keep everybody waiting.
    shard_.storage().run([this, alive = alive_, home = shard_.executor(), placing] {
        placing->places = place_devices(std::exchange(placing->keys, {}));
        boost::asio::post(home, [this, alive, placing] {
            if (*alive) place(placing);
        });
    });
}

void JobCoordinator::place(const std::shared_ptr<Placing>& placing) {
    const auto* job = find(placing->entry->number());
    if (!job || job->life.attempt() != placing->attempt || job->life.phase() != JobPhase::evaluating) return;
    placing->is_placing = true;
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        auto places = mail_.may_lose() ? placing->places[i] : std::move(placing->places[i]);
        wish(*job, i, PartWish::Place{std::move(places)});
    }
}

void JobCoordinator::placed(std::uint64_t number, std::uint64_t attempt, std::size_t part,
                            const Result<>& stored) {
    happen(number, [&](Active& job) {
        if (!job.placing || job.life.attempt() != attempt) return JobActions{};
        Result<std::uint64_t> devices = job.placing->sizes[part];
        if (!stored) devices = fail(stored.error());
        return job.life.part_prepared(attempt, part, devices, now());
    });
}

// --- the log -------------------------------------------------------------------------------------

void JobCoordinator::put_created(JobRun& run, std::uint64_t number, const JobDefinition& definition) {
    CreatedEvent event;
    event.time = definition.created;
    event.by = definition.creator;
    event.document_hash = definition.document_hash;
    put_log_event(run, number, event);
}

void JobCoordinator::put_log_event(JobRun& run, std::uint64_t number, const JobLogEvent& event) {
    const auto sequence = run.next_sequence++;
    auto key = job_event_key(number, job_log_part, sequence);
    auto value = encode_job_log_event(event);
    if (run.chain) value = run.chain->link(sequence, key, std::move(value));
    shard_.committer().batch().put(Table::job_events, std::move(key), std::move(value));
    watch_batch();
}

/// A refused batch takes the newest final seal back before anything else of the jobs hears of it: what they
/// do then may end another job, which must follow the last one that is on disk.
void JobCoordinator::watch_batch() {
    if (watched_batch_ == shard_.committer().gathering()) return;
    watched_batch_ = shard_.committer().gathering();
    shard_.committer().on_durable([this, alive = alive_, epoch = seal_epoch_](const Result<>& result) {
        // The batch behind a refused one is refused with it, and tells that later.
        if (!*alive || result || epoch != seal_epoch_) return;
        ++seal_epoch_;
        final_seal_ = durable_final_seal_;
    });
}

void JobCoordinator::put_log(Active& job, std::vector<JobLogEvent> events) {
    if (events.empty()) return;
    auto& run = *job.run;
    const auto number = job.entry->number();
    const bool is_end = std::any_of(events.begin(), events.end(), [](const JobLogEvent& event) {
        return std::holds_alternative<JobEndedEvent>(event);
    });
    if (run.chain && std::any_of(events.begin(), events.end(), is_sealed))
        events.emplace_back(seal_of(run, is_end));
    for (const auto& event : events) {
        put_log_event(run, number, event);
        tell_job_decision(shard_, job.entry->definition(), number, run.next_sequence - 1, event);
        const auto* directed = std::get_if<DirectedEvent>(&event);
        if (directed &&
            (directed->what == DirectedEvent::paused || directed->what == DirectedEvent::cancelling)) {
            run.is_stopping = true;
            run.gate.close();
        }
    }
    if (std::holds_alternative<SealEvent>(events.back())) {
        run.sealed_at = now();
        run.sealed_events = run.events();
        if (is_end) put_final_seal(job);
    }
    run.is_writing = true;
    shard_.committer().on_durable([this, alive = alive_, number, sequence = run.next_sequence,
                                   held = std::move(events)](const Result<>& result) {
        if (!*alive) return;
        if (auto* found = find(number)) {
            if (result) found->run->durable_sequence = sequence;
            if (found->run->chain) found->run->chain->settled(sequence - 1, result.has_value());
        }
        logged(number, result.has_value(), held);
    });
}

SealEvent JobCoordinator::seal_of(const JobRun& run, bool is_final) const {
    SealEvent event;
    event.time = now();
    event.is_final = is_final;
    event.heads = run.log_heads();
    if (is_final) event.previous = final_seal_;
    return event;
}

/// What the job that ends next has to name.
void JobCoordinator::put_final_seal(const Active& job) {
    FinalSeal seal;
    seal.job = job.entry->number();
    seal.kept_until = now().plus_s(job.run->control.rollout().keep_s);
    seal.hash = job.run->chain->newest().hash;
    final_seal_ = seal;
    shard_.committer().batch().put(Table::jobs, std::string(final_seal_key), encode_final_seal(seal));
    shard_.committer().on_durable([this, alive = alive_, seal](const Result<>& result) {
        if (*alive && result) durable_final_seal_ = seal;
    });
}

void JobCoordinator::logged(std::uint64_t number, bool is_durable, const std::vector<JobLogEvent>& events) {
    auto* job = find(number);
    if (!job) return;
    auto& run = *job->run;
    run.is_writing = false;
    run.is_stopping = false;
    if (!is_durable) {
        // What follows by itself follows again; a person is told.
        return after(retry_delay, [this, number] { go_on(number); });
    }
    for (const auto& event : events) {
        run.control.apply(event);
        count(event);
    }
    if (std::holds_alternative<SealEvent>(events.back())) run.seal = run.chain->durable().hash;
    if (job->life.phase() == JobPhase::queued) {
        // A paused job stands in no line.
        schedule_.leave(job->entry->definition().start, number);
        happen(number, [this](Active& held) { return held.life.place(is_due(held)); });
    }
    job = find(number);
    if (!job) return;
    if (job->life.phase() == JobPhase::approval) renew_approval(*job);
    if (job->run->has_begun) give_orders(*job);
    show(*job);
    go_on(number);
}

void JobCoordinator::count(const JobLogEvent& event) {
    if (const auto* wave = std::get_if<WaveJudgedEvent>(&event)) {
        if (wave->what == WaveJudgedEvent::passed) ++metrics_.waves_passed;
        if (wave->what == WaveJudgedEvent::failed) ++metrics_.waves_failed;
    } else if (std::holds_alternative<RuleTrippedEvent>(event)) {
        ++metrics_.rules_tripped;
    } else if (const auto* directed = std::get_if<DirectedEvent>(&event)) {
        if (directed->what == DirectedEvent::resumed) ++metrics_.resumed;
        if (directed->what == DirectedEvent::promoted) ++metrics_.promoted;
        if (directed->what != DirectedEvent::paused) return;
        ++(directed->cause == DirectedEvent::by_hand ? metrics_.paused_by_hand : metrics_.paused_by_itself);
    }
}

/// Answers whether what the job wrote is to be taken back.
bool JobCoordinator::end_log(Active& job, const JobRecord& record) {
    std::vector<JobLogEvent> events;
    const auto counts = record.counts.value_or(JobCounts());
    const auto& control = job.run->control;
    bool wants_undo = control.wants_undo();
    if (record.status == JobStatus::completed) {
        // Nothing comes after the last wave but an undo.
        events = control.judge_open(job.run->counts(), now());
        for (const auto& event : events) {
            const auto* judged = std::get_if<WaveJudgedEvent>(&event);
            wants_undo |= judged != nullptr && control.asks_for_undo(*judged);
        }
    }
    const auto& success = control.rollout().success;
    if (success.succeeded || success.all) {
        const GateCounts sum{counts.succeeded, counts.failed, counts.canceled};
        events.emplace_back(
            control.judge(sum, job.run->must_missed(), record.status != JobStatus::completed, now()));
    }
    events.emplace_back(JobEndedEvent{now(), record.status, counts});
    put_log(job, std::move(events));
    return wants_undo && record.started.ticks != 0;
}

// --- what people want ----------------------------------------------------------------------------

Result<std::vector<JobLogEvent>> JobCoordinator::events_of(Active& job, const JobWish& wish) const {
    const auto& run = *job.run;
    const auto& control = run.control;
    if (wish.revision && *wish.revision != control.revision()) {
        return fail(Errc::precondition_failed,
                    fmt::format("The job's revision is {}, not {}.", control.revision(), *wish.revision));
    }
    switch (wish.what) {
        case JobWish::pause:
            return control.pause_by(wish.by, wish.why, run.counts().totals(), now());
        case JobWish::resume:
            return control.resume_by(wish.by, wish.why, run.counts().totals(), now());
        case JobWish::promote:
            if (job.life.phase() != JobPhase::running) break;
            return control.promote_by(wish.by, wish.wave, wish.why, run.counts(), now());
        case JobWish::close:
            if (job.life.phase() != JobPhase::running) break;
            return control.close_by(wish.by, wish.why, run.counts().totals(), now());
        case JobWish::change: {
            if (job.approving && job.approving->asked && job.life.phase() != JobPhase::approval) {
                return fail(Errc::operation_not_allowed_in_current_state,
                            "The job was approved as it is; it can be paused or cancelled, but not changed.");
            }
            const auto json = JsonDocument::parse(wish.changes);
            if (!json) return fail(json.error());
            const auto& definition = job.entry->definition();
            const auto changed = control.rollout().patched(json->root(), definition.type);
            if (!changed) return fail(changed.error());
            if (auto known = check_windows(definition, *changed); !known) return fail(known.error());
            return control.change_by(wish.by, json->root(), job.entry->definition().start, now());
        }
    }
    return fail(Errc::operation_not_allowed_in_current_state, "The job does not run.");
}

Task<Result<>> JobCoordinator::direct(std::string id, JobWish wish) {
    const auto entry = board_.find(id);
    if (!entry) co_return fail(Errc::job_not_found, fmt::format("There is no job with id '{}'.", id));
    if (!entry->definition().rollout) {
        co_return fail(Errc::operation_not_allowed_in_current_state,
                       fmt::format("Job '{}' was made without a rollout.", id));
    }
    const auto number = entry->number();
    while (auto* job = find(number)) {
        const auto phase = job->life.phase();
        if (phase == JobPhase::cancelling || phase == JobPhase::ending || phase == JobPhase::ended) break;
        if (job->run->is_writing) {
            (void)co_await shard_.committer().durable();
            continue;
        }
        auto events = events_of(*job, wish);
        if (!events) co_return fail(std::move(events).error());
        if (!events->empty()) {
            put_log(*job, *std::move(events));
            // Told to the run before this goes on.
            const auto written = co_await shard_.committer().durable();
            if (!written) co_return fail(unavailable(written.error()));
            log.info("job directed job={} what={} by={}", id, static_cast<int>(wish.what), wish.by.policy);
        }
        if (wish.what == JobWish::pause) co_return co_await quiet(number);
        co_return Result<>{};
    }
    co_return fail(Errc::operation_not_allowed_in_current_state,
                   fmt::format("Job '{}' is over or is being cancelled.", id));
}

/// Until no device of a paused job begins any more.
Task<Result<>> JobCoordinator::quiet(std::uint64_t number) {
    const auto* paused = find(number);
    const auto orders = paused ? paused->run->orders() : 0;
    const auto until = shard_.clock().now() + quiet_max;
    for (;;) {
        auto* job = find(number);
        if (!job || !job->run->has_begun || job->run->gate.is_obeyed(orders)) co_return Result<>{};
        if (shard_.clock().now() >= until) break;
        auto wait = [this, job, until](UniqueFunction<void(bool)> done) {
            // Whichever comes first.
            auto once = std::make_shared<UniqueFunction<void(bool)>>(std::move(done));
            auto fire = [once] {
                if (auto held = std::exchange(*once, {})) held(true);
            };
            job->run->watchers.emplace_back(fire);
            shard_.timers().at(until, fire);
        };
        co_await from_callback<bool>(wait);
    }
    co_return fail(
        Errc::service_unavailable,
        "The pause stands, but not every part of the job has said yet that nothing begins any more.");
}

// --- going on ------------------------------------------------------------------------------------

void JobCoordinator::give_orders(Active& job) {
    auto& run = *job.run;
    if (run.control.is_continuous() && !run.sources) run.sources = member_sources_of(job.entry->definition());
    run.renew_orders();
    run.gate.set_rate(run.control.rollout().pace.rate, shard_.clock().now());
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        wish(job, i, PartWish::Obey{run.orders_for(i, job.life.started(), deadline_of(job))});
    }
}

void JobCoordinator::reported(std::uint64_t number, const GateReport& report) {
    auto* job = find(number);
    if (!job || !job->run) return;
    const auto tested = job->run->counts().test;
    const auto members = job->run->control.targets();
    job->run->report(report);
    if (job->run->counts().test != tested || job->run->control.targets() != members) show(*job);
    for (auto& watcher : std::exchange(job->run->watchers, {})) watcher();
    go_on(number);
}

void JobCoordinator::go_on(std::uint64_t number) {
    auto* job = find(number);
    if (!job || !job->run->has_begun || !is_open_) return;
    auto& run = *job->run;
    const bool is_running = job->life.phase() == JobPhase::running;
    if (is_running && !run.is_writing && run.gate.has_heard_all()) {
        auto events = run.control.decide(run.counts(), now());
        if (events.empty()) events = close_behind(*job);
        const auto cancels = [](const JobLogEvent& event) {
            const auto* directed = std::get_if<DirectedEvent>(&event);
            return directed && directed->what == DirectedEvent::cancelling;
        };
        const bool is_cancelling = std::any_of(events.begin(), events.end(), cancels);
        for (const auto& event : events) {
            const auto* directed = std::get_if<DirectedEvent>(&event);
            if (directed && directed->what != DirectedEvent::closed)
                log.warn("job stopped by its own rules job={} why={}", job->entry->definition().id,
                         directed->why);
        }
        const bool is_seal_due = run.chain && now() >= run.sealed_at.plus_s(seal_interval_s);
        if (events.empty() && is_seal_due && run.events() > run.sealed_events)
            events.emplace_back(seal_of(run, false));
        put_log(*job, std::move(events));
        if (is_cancelling) {
            // In one batch with the reason.
            happen(number, [this](Active& held) { return held.life.cancel(now()); });
            job = find(number);
            if (!job) return;
        }
    }
    keep_place(*job);
    job = find(number);
    if (!job) return;
    const bool may_begin = job->life.phase() == JobPhase::running && !job->run->control.is_paused() &&
                           !job->run->is_stopping && job->run->has_place;
    if (may_begin) {
        job->run->gate.open(shard_.clock().now());
        give_permits(*job);
    } else {
        job->run->gate.close();
    }
    arm_run(*job);
}

void JobCoordinator::give_permits(Active& job) {
    auto& gate = job.run->gate;
    gate.set_cap(job.run->control.in_flight_max());
    for (const auto& permit : gate.give(shard_.clock().now())) {
        wish(job, permit.part, PartWish::Permit{permit.granted});
    }
}

/// A job counts among `running_max` only while a device of it is begun or could begin.
void JobCoordinator::keep_place(Active& job) {
    auto& run = *job.run;
    const auto number = job.entry->number();
    const auto start = job.entry->definition().start;
    const bool is_idle = run.is_idle();
    const bool was_in_line = run.is_in_line;
    if (run.has_place && is_idle) {
        run.has_place = false;
        schedule_.free_place();
        pump();
    } else if (!run.has_place && is_idle && std::exchange(run.is_in_line, false)) {
        schedule_.leave(start, number);
    } else if (!run.has_place && !is_idle && !std::exchange(run.is_in_line, true)) {
        schedule_.queue(start, number);
        pump();
    }
    if (auto* held = find(number); held && held->run->is_in_line != was_in_line) show(*held);
}

/// A job that is paused before it begins stands in line at its deadline after all, which then ends its
/// devices.
void JobCoordinator::arm_late_start(Active& job) {
    shard_.timers().cancel(job.run->timer);
    const auto left = std::clamp<std::int64_t>(deadline_of(job).ticks - now().ticks, 0,
                                               std::int64_t{60} * WallTime::ticks_per_second);
    job.run->timer =
        shard_.timers().at(shard_.clock().now() + std::chrono::nanoseconds(left * 100),
                           [this, alive = alive_, number = job.entry->number()] {
                               if (!*alive) return;
                               happen(number, [this](Active& late) { return late.life.place(is_due(late)); });
                           });
}

void JobCoordinator::arm_run(Active& job) {
    auto& run = *job.run;
    shard_.timers().cancel(run.timer);
    const auto now_steady = shard_.clock().now();
    auto at = now_steady + timer_distance_max;
    bool is_due = false;
    if (const auto token = run.gate.next(now_steady)) {
        at = std::min<TimePoint>(at, *token);
        is_due = true;
    }
    if (const auto wall = run.control.next(run.counts(), now())) {
        const auto ticks = std::clamp<std::int64_t>(wall->ticks - now().ticks, 0,
                                                    std::int64_t{60} * WallTime::ticks_per_second);
        at = std::min<TimePoint>(at, now_steady + std::chrono::nanoseconds(ticks * 100));
        is_due = true;
    }
    if (!is_due) return;
    run.timer = shard_.timers().at(at, [this, alive = alive_, number = job.entry->number()] {
        if (*alive) go_on(number);
    });
}

void JobCoordinator::recall(const std::shared_ptr<JobEntry>& entry, const JobRecord& record,
                            const Stored& stored) {
    if (!entry->definition().rollout) return;
    Active job{entry, JobLifecycle(job_shards_.size()), {}, make_run(entry->definition()), {}, {}};
    last_start_ = std::max(last_start_, stored.start_number());
    auto& control = job.run->control;
    // Waves are cut from the devices that were there at the start.
    if (record.counts)
        control.set_targets(control.is_continuous() ? stored.targets() : record.counts->device);
    for (const auto& event : stored.log) control.apply(event);
    if (record.counts && control.is_continuous()) control.set_members(record.counts->device);
    job.run->next_sequence = job.run->durable_sequence = stored.next_sequence;
    job.run->seal = stored.seal;
    // Of a job that waited for another one the deadline counts from its start; it may have had none.
    job.run->released = record.started.ticks != 0 ? record.started : entry->definition().start;
    show(job);
}

void JobCoordinator::show(Active& job) {
    const auto& run = *job.run;
    auto view = std::make_shared<RolloutView>();
    view->pause = run.control.pause();
    view->revision = run.control.revision();
    view->rollout = run.control.shared_rollout();
    view->waves = run.control.waves();
    view->open_waves = run.control.open_waves();
    view->tests = run.tests();
    view->verdict = run.control.verdict();
    view->in_flight_max = run.control.in_flight_max();
    view->deadline = deadline_of(job);
    const auto phase = job.life.phase();
    view->waits_in_line = run.is_in_line;
    view->waits_for_job = waiting_.contains(job.entry->number());
    view->takes_members = run.control.members() != MemberTaking::none;
    view->is_cancelling = phase == JobPhase::cancelling;
    view->is_evaluating = phase == JobPhase::evaluating || phase == JobPhase::starting;
    view->sequence = run.durable_sequence;
    view->seal = run.seal;
    job.entry->show(std::move(view));
}

}  // namespace carillon
