#include "core/jobs/job_coordinator.hpp"

#include "base/await.hpp"
#include "base/log.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

namespace carillon {
namespace {

/// A job that is over, as the service puts it.
Error not_in_this_state(JobStatus status) {
    std::string name(job_status_text(status));
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return {Errc::operation_not_allowed_in_current_state,
            fmt::format("Job cannot be cancelled in '{}' status.", name)};
}

}  // namespace

JobCoordinator::JobCoordinator(Shards& shards, const JobEngineLimits& limits,
                               const query::QueryOptions& options, JobBoard& board,
                               std::vector<std::unique_ptr<JobShard>>& job_shards)
    : shards_(shards),
      shard_(shards.first()),
      limits_(limits),
      options_(options),
      board_(board),
      job_shards_(job_shards),
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

template <class F>
void JobCoordinator::on_shards(F function) {
    for (std::size_t i = 0; i < job_shards_.size(); ++i) {
        Shards::post(shards_[i], [part = job_shards_[i].get(), function] { function(*part); });
    }
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

Task<Result<JobSnapshot>> JobCoordinator::create(JobDefinition definition) {
    // That an id is taken may be said only once that is durable.
    while (accepting_.contains(definition.id)) {
        const auto settled = co_await shard_.committer().durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    if (board_.find(definition.id)) {
        co_return fail(Errc::job_already_exists,
                       fmt::format("A job with id '{}' already exists.", definition.id));
    }
    const std::size_t bytes = definition.bytes();
    if (auto room = check_room(bytes); !room) co_return fail(std::move(room).error());
    active_bytes_ += bytes;
    const auto number = ++last_number_;
    const auto shared = std::make_shared<const JobDefinition>(std::move(definition));
    accepting_.insert(shared->id);
    auto& batch = shard_.committer().batch();
    batch.put(Table::jobs, job_definition_key(number), encode_job_definition(*shared));
    batch.put(Table::jobs, job_record_key(number), encode_job_record(JobRecord{}));
    const auto written = co_await shard_.committer().durable();
    accepting_.erase(shared->id);
    if (!written) {
        active_bytes_ -= bytes;
        co_return fail(unavailable(written.error()));
    }

    const auto entry = std::make_shared<JobEntry>(number, shared, job_shards_.size());
    CARILLON_ASSERT(board_.add(entry));
    log.info("job accepted job={} type={}", shared->id, job_type_text(shared->type));
    auto answer = entry->snapshot();
    active_.emplace(number, Active{entry, JobLifecycle(job_shards_.size()), {}, {}, {}});
    happen(number, [this](Active& job) { return job.life.place(is_due(job)); });
    co_return answer;
}

// --- what a job's life asks for ------------------------------------------------------------------

template <class Event>
void JobCoordinator::happen(std::uint64_t number, Event event) {
    auto* job = find(number);
    if (!job) return;
    const auto before = job->life.phase();
    const JobActions actions = event(*job);
    take(*job, before, actions);
}

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
                job.entry->set_status(JobStatus::queued);
                schedule_.queue(start, number);
                may_be_next = true;
                break;
            case JobAction::leave:
                schedule_.leave(start, number);
                break;
            case JobAction::prepare:
                prepare(job);
                break;
            case JobAction::discard:
                on_shards([number](JobShard& shard) { shard.discard(number); });
                break;
            case JobAction::begin:
                begin(job);
                break;
            case JobAction::cancel:
                on_shards([number](JobShard& shard) { shard.cancel(number); });
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
                break;
            case JobAction::free_place:
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
    on_shards([this, alive = alive_, entry = job.entry, condition = std::move(job.condition),
               started = job.life.started(), attempt = job.life.attempt(),
               home = shard_.executor()](JobShard& shard) {
        auto done = [this, alive, home, number = entry->number(), attempt](Result<std::uint64_t> targets) {
            boost::asio::post(home, [this, alive, number, attempt, targets] {
                if (!*alive) return;
                happen(number,
                       [&](Active& found) { return found.life.part_prepared(attempt, targets, now()); });
            });
        };
        shard.prepare(entry, condition, started, std::move(done));
    });
}

void JobCoordinator::write(Active& job, JobWrite step, JobRecord record) {
    const auto number = job.entry->number();
    if (step == JobWrite::end) {
        if (record.started.ticks != 0) {
            record.counts = job.entry->counts();
            record.tally = job.entry->tally();
        }
        job.end = record;
    }
    shard_.committer().batch().put(Table::jobs, job_record_key(number), encode_job_record(record));
    shard_.committer().on_durable([this, alive = alive_, number, step](const Result<>& result) {
        if (!*alive) return;
        happen(number,
               [&](Active& found) { return found.life.written(step, result.has_value(), is_due(found)); });
    });
}

void JobCoordinator::begin(Active& job) {
    const auto number = job.entry->number();
    job.entry->set_running(job.life.started());
    board_.add_started(job.entry);
    log.info("job started job={} devices={}", job.entry->definition().id, job.life.targets());
    if (is_open_) on_shards([number](JobShard& shard) { shard.begin(number); });
}

void JobCoordinator::finish(std::uint64_t number) {
    const auto found = active_.find(number);
    const auto job = std::move(found->second);
    active_.erase(found);
    job.entry->set_terminal(job.end);
    if (job.end.started.ticks != 0) board_.add_started(job.entry);
    log.info("job ended job={} status={}", job.entry->definition().id, job_status_text(job.end.status));
    active_bytes_ -= job.entry->definition().bytes();
    remember(job.entry);
    forget_oldest();
}

void JobCoordinator::part_finished(std::uint64_t number) {
    happen(number, [this](Active& job) { return job.life.part_finished(now()); });
}

// --- the schedule --------------------------------------------------------------------------------

void JobCoordinator::start() {
    is_open_ = true;
    pump();
    arm_schedule();
    purge();
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
        happen(*number, [this](Active& job) {
            const auto& definition = job.entry->definition();
            if (definition.device_ids) return job.life.turn(now(), {});
            auto parsed = query::parse_job_condition(definition.condition.value_or(""), options_);
            if (!parsed) return job.life.turn(now(), fail(std::move(parsed).error()));
            job.condition = *std::move(parsed);
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

Task<Result<JobSnapshot>> JobCoordinator::cancel(std::string id) {
    const auto entry = board_.find(id);
    if (!entry) co_return fail(Errc::job_not_found, fmt::format("There is no job with id '{}'.", id));
    const auto number = entry->number();
    bool is_ours = false;  // The job's end was asked for while it could be.
    while (auto* job = find(number)) {
        const auto phase = job->life.phase();
        if (phase == JobPhase::running && limits_.strict_cancel) {
            co_return fail(not_in_this_state(JobStatus::running));
        }
        const auto actions = job->life.cancel(now());
        if (actions.empty()) {  // It is on its way from one phase to the next, or somebody else cancels it.
            if (phase == JobPhase::cancelling) is_ours = true;
            co_await changed(number);
            continue;
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
    if (history_.emplace(Place{entry->ended().ticks, entry->number()}, entry).second)
        history_bytes_ += entry->definition().bytes();
}

void JobCoordinator::purge() {
    if (!is_open_) return;
    forget_oldest();
    after(purge_interval, [this] { purge(); });
}

/// What ended too long ago, and what is too much.
void JobCoordinator::forget_oldest() {
    const auto oldest = now().plus_s(-JobLimits::history_kept_s).ticks;
    for (int forgotten = 0; !history_.empty(); ++forgotten) {
        const auto first = history_.begin();
        if (first->first.first >= oldest && history_bytes_ <= limits_.history_bytes_max) return;
        if (forgotten == forgotten_max) return after(retry_delay, [this] { forget_oldest(); });
        const auto entry = first->second;
        history_.erase(first);
        history_bytes_ -= entry->definition().bytes();
        forget(entry);
    }
}

void JobCoordinator::forget(const std::shared_ptr<JobEntry>& entry) {
    const auto number = entry->number();
    auto& batch = shard_.committer().batch();
    batch.erase(Table::jobs, job_definition_key(number));
    batch.erase(Table::jobs, job_record_key(number));
    batch.erase_range(Table::job_events, job_event_key(number), job_event_key(number + 1));
    shard_.committer().on_durable([this, alive = alive_, entry](const Result<>& result) {
        if (!*alive) return;
        if (result) return board_.remove(*entry);
        remember(entry);  // The next purge tries again.
    });
}

// --- at the start --------------------------------------------------------------------------------

void JobCoordinator::resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record) {
    const auto number = entry->number();
    active_bytes_ += entry->definition().bytes();
    if (record.status == JobStatus::running) {
        active_.emplace(number, Active{entry, JobLifecycle::resumed(job_shards_.size(), record), {}, {}, {}});
        schedule_.take_place();
        return;
    }
    active_.emplace(number, Active{entry, JobLifecycle(job_shards_.size()), {}, {}, {}});
    happen(number, [this](Active& job) { return job.life.place(is_due(job)); });
}

}  // namespace carillon
