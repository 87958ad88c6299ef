#include "core/jobs/job_coordinator.hpp"

#include "base/await.hpp"
#include "base/log.hpp"
#include "core/jobs/notices/ended_device.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <optional>
#include <utility>

namespace carillon {
namespace {

constexpr std::int64_t ns_per_tick = 100;

/// A job that is over, as the service puts it.
Error not_in_this_state(JobStatus status) {
    std::string name(job_status_text(status));
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return {Errc::operation_not_allowed_in_current_state,
            fmt::format("Job cannot be cancelled in '{}' status.", name)};
}

/// How long a job that has ended is remembered, unless those take too much.
WallTime kept_until(const JobEntry& entry) {
    const auto& rollout = entry.definition().rollout;
    return entry.ended().plus_s(rollout ? rollout->keep_s : JobLimits::history_kept_s);
}

}  // namespace

JobCoordinator::JobCoordinator(Shards& shards, const JobEngineLimits& limits,
                               const query::QueryOptions& options, JobBoard& board,
                               std::vector<std::unique_ptr<JobShard>>& job_shards, JobMail& mail,
                               Zones& zones)
    : shards_(shards),
      shard_(shards.first()),
      limits_(limits),
      options_(options),
      board_(board),
      job_shards_(job_shards),
      mail_(mail),
      zones_(zones),
      plans_(shards, job_shards),
      rules_(shards),
      schedule_(limits.running_max) {}

JobCoordinator::~JobCoordinator() {
    *alive_ = false;
}

JobCoordinator::Active* JobCoordinator::find(std::uint64_t job) {
    const auto found = active_.find(job);
    return found == active_.end() ? nullptr : &found->second;
}

WallTime JobCoordinator::now() const {
    return shard_.clock().wall_now();
}

void JobCoordinator::after(Duration delay, UniqueFunction<void()> fire) {
    shard_.timers().at(shard_.clock().now() + delay, [alive = alive_, held = std::move(fire)]() mutable {
        if (*alive) held();
    });
}

// --- accepting -----------------------------------------------------------------------------------

Result<> JobCoordinator::check_room(std::size_t bytes) const {
    if (active_.size() + accepting_.size() >= limits_.active_max) {
        return fail(
            Errc::throttling_max_active_job_count_exceeded,
            fmt::format("The number of active jobs has reached its maximum of {}.", limits_.active_max));
    }
    if (bytes > limits_.active_bytes_max || active_bytes_ > limits_.active_bytes_max - bytes) {
        return fail(Errc::throttling_max_active_job_count_exceeded,
                    fmt::format("The active jobs take {} bytes and this one {}, of {} they may have in all.",
                                active_bytes_, bytes, limits_.active_bytes_max));
    }
    return {};
}

Task<Result<JobSnapshot>> JobCoordinator::create(std::shared_ptr<JobDefinition> definition) {
    // That an id is taken may be said only once that is durable.
    while (accepting_.contains(definition->id)) {
        const auto settled = co_await shard_.committer().durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    if (board_.find(definition->id)) {
        co_return fail(Errc::job_already_exists,
                       fmt::format("A job with id '{}' already exists.", definition->id));
    }
    if (auto allowed = check_rollout(*definition); !allowed) co_return fail(std::move(allowed).error());
    if (auto room = check_room(definition->bytes()); !room) {
        ++metrics_.refused[place_of(definition->type)];
        co_return fail(std::move(room).error());
    }
    auto job = put_job(std::move(definition));
    const auto written = co_await shard_.committer().durable();
    if (!written) {
        take_back(job);
        co_return fail(unavailable(written.error()));
    }
    co_return accepted(std::move(job));
}

/// Puts it into the batch, for which its place is kept meanwhile.
JobCoordinator::Accepting JobCoordinator::put_job(std::shared_ptr<JobDefinition> definition) {
    active_bytes_ += definition->bytes();
    name_source(*definition, 1);
    draw_seed(*definition);
    accepting_.insert(definition->id);
    Accepting job{std::move(definition), ++last_number_, {}, {}};
    auto& batch = shard_.committer().batch();
    batch.put(Table::jobs, job_definition_key(job.number), encode_job_definition(*job.definition));
    batch.put(Table::jobs, job_record_key(job.number), encode_job_record(JobRecord{}));
    job.run = make_run(*job.definition);
    if (job.run) put_created(*job.run, job.number, *job.definition);
    job.approving = make_approving(job.number, *job.definition);
    return job;
}

void JobCoordinator::take_back(const Accepting& job) {
    accepting_.erase(job.definition->id);
    active_bytes_ -= job.definition->bytes();
    name_source(*job.definition, -1);
}

JobSnapshot JobCoordinator::accepted(Accepting job) {
    accepting_.erase(job.definition->id);
    if (job.run) {
        job.run->durable_sequence = job.run->next_sequence;
        if (job.run->chain) job.run->chain->settled(job.run->next_sequence - 1, true);
    }
    const auto number = job.number;
    const auto entry = std::make_shared<JobEntry>(number, job.definition, job_shards_.size());
    CARILLON_ASSERT(board_.add(entry));
    ++metrics_.accepted[place_of(job.definition->type)];
    log.info("job accepted job={} type={}", entry->definition().id, job_type_text(entry->definition().type));
    auto answer = entry->snapshot();
    active_.emplace(
        number,
        Active{
            entry, JobLifecycle(job_shards_.size()), {}, std::move(job.run), {}, std::move(job.approving)});
    if (auto* held = find(number); held && held->run && held->run->control.is_continuous())
        held->life.take_members();
    happen(number, [this](Active& held) { return held.life.place(is_due(held)); });
    if (auto* held = find(number); held && held->run) show(*held);
    return answer;
}

// --- what a job's life asks for ------------------------------------------------------------------

void JobCoordinator::take(Active& job, JobPhase before, const JobActions& actions) {
    const auto number = job.entry->number();
    const auto start = job.entry->definition().start;
    std::vector<UniqueFunction<void()>> watchers;
    if (job.life.phase() != before) watchers.swap(job.watchers);
    bool may_be_next = false;  // A place or the line has changed.
    for (const auto& action : actions) {
        switch (action.kind) {
            case JobAction::schedule:
                job.entry->set_status(JobStatus::scheduled);
                schedule_.hold(start, number);
                arm_schedule();
                break;
            case JobAction::queue:
                if (!is_released(job)) break;
                job.entry->set_status(JobStatus::queued);
                if (job.run && job.run->control.is_paused() && now() < deadline_of(job)) {
                    arm_late_start(job);
                    break;
                }
                schedule_.queue(start, number);
                may_be_next = true;
                break;
            case JobAction::leave:
                schedule_.leave(start, number);
                waiting_.erase(number);
                break;
            case JobAction::prepare:
                prepare(job);
                break;
            case JobAction::discard:
                discard(job);
                break;
            case JobAction::ask:
                ask(job);
                break;
            case JobAction::begin:
                begin(job);
                break;
            case JobAction::cancel:
                wish(job, PartWish::Cancel{});
                break;
            case JobAction::write:
                write(job, action.step, action.record);
                break;
            case JobAction::retry:
                log.warn("job tried again soon, the store refused job={}", job.entry->definition().id);
                after(retry_delay, [this, number] {
                    happen(number, [this](Active& late) { return late.life.retry(now(), is_due(late)); });
                });
                break;
            case JobAction::take_place:
                schedule_.take_place();
                if (job.run) job.run->has_place = true;
                break;
            case JobAction::free_place:
                if (job.run && !std::exchange(job.run->has_place, false)) break;
                schedule_.free_place();
                may_be_next = true;
                break;
            case JobAction::finish:
                finish(number);  // The last of its actions: `job` is gone.
                break;
        }
    }
    for (auto& watcher : watchers) watcher();
    if (may_be_next) pump();
}

void JobCoordinator::prepare(Active& job) {
    job.placing = job.run || job.approving ? make_placing(job) : nullptr;
    Preparing preparing;
    preparing.what.started = job.life.started();
    preparing.what.sources = sources_of(job.entry->definition());
    if (job.run && job.run->plan) {
        // It is kept as long as the job is active; a plan that is gone has no devices, so all of them came.
        const auto plan = plans_.find(job.run->plan->id);
        preparing.planned = plan && plan->targets
                                ? plan->targets
                                : std::make_shared<std::vector<PlanTargets>>(job_shards_.size());
    }
    preparing.what.sources.wants_digest = job.approving != nullptr;
    for (std::size_t i = 0; i < job_shards_.size(); ++i) wish(job, i, preparing.for_part(i));
    if (mail_.may_lose()) job.preparing = std::move(preparing);
}

PartWish::Prepare JobCoordinator::Preparing::for_part(std::size_t part) const {
    auto wish = what;
    if (planned) wish.sources.planned = {planned, &(*planned)[part]};
    return wish;
}

void JobCoordinator::write(Active& job, JobWrite step, JobRecord record) {
    const auto number = job.entry->number();
    std::shared_ptr<JobDefinition> undo;
    if (step == JobWrite::end) {
        if (record.started.ticks != 0) {
            record.counts = job.entry->counts();
            record.tally = job.entry->tally();
        }
        job.end = record;
        tell_job_end(shard_, job.entry->definition(), record);
        if (job.run && end_log(job, record)) undo = undo_of(job);
    }
    if (step == JobWrite::start && job.run) {
        std::vector<JobLogEvent> events;
        if (job.run->plan_checked) events.emplace_back(*job.run->plan_checked);
        events.emplace_back(PreparedEvent{now(), job.life.targets(), job.run->digest});
        events.emplace_back(StartedEvent{now(), ++last_start_});
        put_log(job, std::move(events));
    }
    shard_.committer().batch().put(Table::jobs, job_record_key(number), encode_job_record(record));
    watch_batch();
    // In one batch with the end, so that neither is there without the other.
    auto following = undo ? std::make_shared<Accepting>(put_job(std::move(undo))) : nullptr;
    shard_.committer().on_durable([this, alive = alive_, number, step, following](const Result<>& result) {
        if (!*alive) return;
        if (following && !result) take_back(*following);
        happen(number,
               [&](Active& found) { return found.life.written(step, result.has_value(), is_due(found)); });
        if (following && result) accepted(std::move(*following));
    });
}

void JobCoordinator::begin(Active& job) {
    const auto number = job.entry->number();
    job.entry->set_running(job.life.started());
    board_.add_started(job.entry);
    const JobDefinition& definition = job.entry->definition();
    const std::int64_t due = std::max(definition.start.ticks, definition.created.ticks);
    metrics_.start_lag.add(std::max<std::int64_t>(0, now().ticks - due) * ns_per_tick);
    log.info("job started job={} devices={}", job.entry->definition().id, job.life.targets());
    if (!is_open_) return;
    if (job.run) {
        job.run->has_begun = true;
        give_orders(job);
    }
    wish(job, PartWish::Begin{});
    if (job.run) go_on(number);
}

void JobCoordinator::finish(std::uint64_t number) {
    const auto found = active_.find(number);
    auto job = std::move(found->second);
    active_.erase(found);
    if (job.approving) shard_.timers().cancel(job.approving->timer);
    if (job.run) {
        shard_.timers().cancel(job.run->timer);
        schedule_.leave(job.entry->definition().start, number);
        waiting_.erase(number);
        show(job);
    }
    job.entry->set_terminal(job.end);
    if (job.end.started.ticks != 0) board_.add_started(job.entry);
    switch (job.end.status) {
        case JobStatus::completed:
            ++metrics_.completed;
            break;
        case JobStatus::cancelled:
            ++metrics_.cancelled;
            break;
        default:
            ++metrics_.failed;
            break;
    }
    log.info("job ended job={} status={}", job.entry->definition().id, job_status_text(job.end.status));
    active_bytes_ -= job.entry->definition().bytes();
    name_source(job.entry->definition(), -1);
    remember(job.entry);
    forget_oldest();
    if (!waiting_.empty()) after(Duration::zero(), [this] { look_at_waiting(); });
    go_on_behind(job.entry->definition().id);
}

// --- the schedule --------------------------------------------------------------------------------

void JobCoordinator::start() {
    is_open_ = true;
    patient_until_ = now().plus_s(limits_.reconnect_grace_s);
    std::vector<std::uint64_t> begun;
    for (auto& [number, job] : active_) {
        if (!job.run) continue;
        job.run->patient_until = patient_until_;
        if (job.run->has_begun) begun.push_back(number);
    }
    for (const auto number : begun) {
        give_orders(*find(number));
        go_on(number);
    }
    pump();
    arm_schedule();
    look_at_waiting();
    purge();
    wish_again();
}

void JobCoordinator::arm_schedule() {
    shard_.timers().cancel(schedule_timer_);
    const auto next = schedule_.next_start();
    if (!next || !is_open_) return;
    constexpr auto most =
        std::chrono::duration_cast<std::chrono::nanoseconds>(timer_distance_max).count() / 100;
    const auto ticks = std::clamp<std::int64_t>(*next - now().ticks, 0, most);
    schedule_timer_ = shard_.timers().at(shard_.clock().now() + std::chrono::nanoseconds(ticks * 100),
                                         [this, alive = alive_] {
                                             if (*alive) start_due();
                                         });
}

void JobCoordinator::start_due() {
    while (const auto number = schedule_.take_due(now())) {
        happen(*number, [](Active& job) { return job.life.place(true); });
    }
    arm_schedule();
}

void JobCoordinator::pump() {
    while (is_open_) {
        const auto number = schedule_.take_turn();
        if (!number) return;
        if (auto* job = find(*number); job && job->run && job->run->has_begun) {
            schedule_.take_place();
            job->run->has_place = true;
            job->run->is_in_line = false;
            go_on(*number);
            continue;
        }
        happen(*number, [this](Active& job) {
            const auto& definition = job.entry->definition();
            if (definition.device_ids || !definition.condition) return job.life.turn(now(), {});
            auto parsed = query::parse_job_condition(*definition.condition, options_);
            if (!parsed) return job.life.turn(now(), fail(std::move(parsed).error()));
            return job.life.turn(now(), {});
        });
    }
}

Task<> JobCoordinator::changed(std::uint64_t number) {
    auto watch = [this, number](UniqueFunction<void(bool)> done) {
        auto* job = find(number);
        if (!job) return done(true);
        job->watchers.emplace_back([held = std::move(done)]() mutable { held(true); });
    };
    co_await from_callback<bool>(watch);
}

// --- cancelling ----------------------------------------------------------------------------------

Task<Result<JobSnapshot>> JobCoordinator::cancel(std::string id, JobActor by) {
    const auto entry = board_.find(id);
    if (!entry) co_return fail(Errc::job_not_found, fmt::format("There is no job with id '{}'.", id));
    const auto number = entry->number();
    bool is_ours = false;  // The job's end was asked for while it could be.
    while (auto* job = find(number)) {
        const auto phase = job->life.phase();
        if (phase == JobPhase::running && limits_.strict_cancel) {
            co_return fail(not_in_this_state(JobStatus::running));
        }
        if (job->run && job->run->is_writing) {
            (void)co_await shard_.committer().durable();
            continue;
        }
        const auto actions = job->life.cancel(now());
        if (actions.empty()) {  // It is on its way from one phase to the next, or somebody else cancels it.
            if (phase == JobPhase::cancelling) is_ours = true;
            co_await changed(number);
            continue;
        }
        if (job->run) {
            DirectedEvent event;
            event.time = now();
            event.what = DirectedEvent::cancelling;
            event.by = by;
            event.totals = job->run->counts().totals();
            put_log(*job, {event});
        }
        take(*job, phase, actions);
        // What the job's life asked for is in the batch, and has been told to it before this goes on.
        const auto written = co_await shard_.committer().durable();
        if (!written) co_return fail(unavailable(written.error()));
        if (phase != JobPhase::running) co_return entry->snapshot();
        is_ours = true;
    }
    if (is_ours && entry->status() == JobStatus::cancelled) co_return entry->snapshot();
    co_return fail(not_in_this_state(entry->status()));
}

// --- history -------------------------------------------------------------------------------------

void JobCoordinator::remember(const std::shared_ptr<JobEntry>& entry) {
    if (history_.emplace(Place{kept_until(*entry).ticks, entry->number()}, entry).second)
        history_bytes_ += entry->definition().bytes();
}

void JobCoordinator::purge() {
    if (!is_open_) return;
    forget_oldest();
    after(purge_interval, [this] { purge(); });
}

/// What ended too long ago, and what is too much.
void JobCoordinator::forget_oldest() {
    const auto oldest = now().ticks;
    for (int forgotten = 0; !history_.empty(); ++forgotten) {
        const auto first = history_.begin();
        if (first->first.first >= oldest && history_bytes_ <= limits_.history_bytes_max) return;
        if (forgotten == forgotten_max) return after(retry_delay, [this] { forget_oldest(); });
        const auto entry = first->second;
        history_.erase(first);
        if (named_.contains(entry->definition().id)) {
            // Looked at again when the next purge is.
            history_.emplace(
                Place{now().ticks + purge_interval / std::chrono::nanoseconds(100), entry->number()}, entry);
            continue;
        }
        history_bytes_ -= entry->definition().bytes();
        forget(entry);
    }
}

void JobCoordinator::forget(const std::shared_ptr<JobEntry>& entry) {
    const auto number = entry->number();
    auto& batch = shard_.committer().batch();
    batch.erase(Table::jobs, job_definition_key(number));
    batch.erase(Table::jobs, job_record_key(number));
    batch.erase(Table::jobs, job_approval_key(number));
    batch.erase_range(Table::job_events, job_event_key(number), job_event_key(number + 1));
    shard_.committer().on_durable([this, alive = alive_, entry](const Result<>& result) {
        if (!*alive) return;
        if (result) return board_.remove(*entry);
        remember(entry);  // The next purge tries again.
    });
}

// --- at the start --------------------------------------------------------------------------------

std::uint64_t JobCoordinator::Stored::start_number() const {
    std::uint64_t number = 0;
    for (const auto& event : log) {
        if (const auto* started = std::get_if<StartedEvent>(&event)) number = started->number;
    }
    return number;
}

std::uint64_t JobCoordinator::Stored::targets() const {
    std::uint64_t devices = 0;
    for (const auto& event : log) {
        if (const auto* prepared = std::get_if<PreparedEvent>(&event)) devices = prepared->targets;
    }
    return devices;
}

void JobCoordinator::resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record,
                            const Stored& stored) {
    const auto number = entry->number();
    active_bytes_ += entry->definition().bytes();
    name_source(entry->definition(), 1);
    auto run = make_run(entry->definition());
    const bool is_running = record.status == JobStatus::running;
    if (run) {
        if (is_running) {
            run->set_parts(stored.part_sizes,
                           entry->definition().rollout->order.kind != RolloutOrderKind::as_stored);
        }
        for (const auto& event : stored.log) run->control.apply(event);
        if (is_running && run->control.is_continuous()) run->control.set_members(stored.members);
        last_start_ = std::max(last_start_, stored.start_number());
        run->next_sequence = run->durable_sequence = stored.next_sequence;
        run->chain = stored.chain;
        run->seal = stored.seal;
        run->has_begun = run->has_place = is_running;
    }
    std::unique_ptr<Approving> approving;
    if (stored.approval) {
        approving = std::make_unique<Approving>();
        approving->stored = *stored.approval;
    }
    auto life =
        is_running ? JobLifecycle::resumed(job_shards_.size(), record) : JobLifecycle(job_shards_.size());
    auto& job =
        active_.emplace(number, Active{entry, std::move(life), {}, std::move(run), {}, std::move(approving)})
            .first->second;
    if (job.run && job.run->control.is_continuous()) job.life.take_members();
    if (job.run) show(job);
    if (is_running) return schedule_.take_place();
    happen(number, [this](Active& held) { return held.life.place(is_due(held)); });
}

}  // namespace carillon
