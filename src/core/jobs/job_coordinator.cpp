#include "core/jobs/job_coordinator.hpp"

#include "base/await.hpp"
#include "base/log.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>

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
      job_shards_(job_shards) {}

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

void JobCoordinator::enter(Active& job, Phase phase) {
    job.phase = phase;
    for (auto& watcher : std::exchange(job.watchers, {})) watcher();
}

void JobCoordinator::put_record(const Active& job, const JobRecord& record) {
    shard_.committer().batch().put(Table::jobs, job_record_key(job.entry->number()),
                                   encode_job_record(record));
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
    if (active_.size() + accepting_.size() >= limits_.active_max) {
        co_return fail(
            Errc::throttling_max_active_job_count_exceeded,
            fmt::format("The number of active jobs has reached its maximum of {}.", limits_.active_max));
    }
    const auto number = ++last_number_;
    const auto shared = std::make_shared<const JobDefinition>(std::move(definition));
    accepting_.insert(shared->id);
    auto& batch = shard_.committer().batch();
    batch.put(Table::jobs, job_definition_key(number), encode_job_definition(*shared));
    batch.put(Table::jobs, job_record_key(number), encode_job_record(JobRecord{}));
    const auto written = co_await shard_.committer().durable();
    accepting_.erase(shared->id);
    if (!written) co_return fail(unavailable(written.error()));

    const auto entry = std::make_shared<JobEntry>(number, shared, job_shards_.size());
    CARILLON_ASSERT(board_.add(entry));
    log.info("job accepted job={} type={}", shared->id, job_type_text(shared->type));
    auto answer = entry->snapshot();
    auto& job = active_[number];
    job.entry = entry;
    enqueue(job);
    pump();
    co_return answer;
}

void JobCoordinator::enqueue(Active& job) {
    const Place place{job.entry->definition().start.ticks, job.entry->number()};
    if (job.entry->definition().start > now()) {
        job.entry->set_status(JobStatus::scheduled);
        scheduled_.insert(place);
        arm_schedule();
        enter(job, Phase::scheduled);
    } else {
        job.entry->set_status(JobStatus::queued);
        queue_.insert(place);
        enter(job, Phase::queued);
    }
}

// --- the schedule --------------------------------------------------------------------------------

void JobCoordinator::start() {
    pump();
    arm_schedule();
    purge();
}

void JobCoordinator::arm_schedule() {
    shard_.timers().cancel(schedule_timer_);
    if (scheduled_.empty() || is_stopped_) return;
    constexpr auto most =
        std::chrono::duration_cast<std::chrono::nanoseconds>(timer_distance_max).count() / 100;
    const auto ticks = std::clamp<std::int64_t>(scheduled_.begin()->first - now().ticks, 0, most);
    schedule_timer_ = shard_.timers().at(shard_.clock().now() + std::chrono::nanoseconds(ticks * 100),
                                         [this, alive = alive_] {
                                             if (*alive) start_due();
                                         });
}

void JobCoordinator::start_due() {
    while (!scheduled_.empty() && scheduled_.begin()->first <= now().ticks) {
        const auto number = scheduled_.begin()->second;
        scheduled_.erase(scheduled_.begin());
        if (auto* job = find(number)) enqueue(*job);
    }
    arm_schedule();
    pump();
}

void JobCoordinator::pump() {
    while (!is_stopped_ && at_work_ < limits_.running_max && !queue_.empty()) {
        auto* job = find(queue_.begin()->second);
        queue_.erase(queue_.begin());
        CARILLON_ASSERT(job);
        evaluate(*job);
    }
}

// --- starting ------------------------------------------------------------------------------------

void JobCoordinator::evaluate(Active& job) {
    const auto& definition = job.entry->definition();
    std::optional<query::JobCondition> condition;
    if (!definition.device_ids) {
        auto parsed = query::parse_job_condition(definition.condition.value_or(""), options_);
        if (!parsed) return end(job, JobStatus::failed, std::move(parsed).error().detail);
        condition = *std::move(parsed);
    }
    ++at_work_;
    job.is_at_work = true;
    job.attempt = ++last_attempt_;
    job.parts_left = job_shards_.size();
    job.targets = 0;
    job.has_refusal = false;
    job.started = now();
    enter(job, Phase::evaluating);
    on_shards([this, alive = alive_, entry = job.entry, condition, started = job.started,
               attempt = job.attempt, home = shard_.executor()](JobShard& shard) {
        auto done = [this, alive, home, number = entry->number(), attempt](Result<std::uint64_t> targets) {
            boost::asio::post(home, [this, alive, number, attempt, targets] {
                if (*alive) prepared(number, attempt, targets);
            });
        };
        shard.prepare(entry, condition, started, std::move(done));
    });
}

void JobCoordinator::prepared(std::uint64_t number, std::uint64_t attempt, Result<std::uint64_t> targets) {
    auto* job = find(number);
    if (!job || job->phase != Phase::evaluating || job->attempt != attempt) return;
    if (targets) {
        job->targets += *targets;
    } else {
        job->has_refusal = true;
    }
    if (--job->parts_left > 0) return;
    if (job->has_refusal) return give_back(*job);
    if (job->targets == 0) {
        on_shards([number](JobShard& shard) { shard.discard(number); });
        return end(*job, JobStatus::completed);
    }
    run(*job);
}

void JobCoordinator::give_back(Active& job) {
    const auto number = job.entry->number();
    log.warn("job could not start job={}", job.entry->definition().id);
    on_shards([number](JobShard& shard) { shard.discard(number); });
    job.is_at_work = false;
    --at_work_;
    job.started = {};
    enter(job, Phase::queued);
    // Out of the queue for a while; a cancel finds it in its phase all the same.
    after(retry_delay, [this, number] {
        auto* found = find(number);
        if (found && found->phase == Phase::queued) enqueue(*found);
        pump();
    });
    pump();
}

void JobCoordinator::run(Active& job) {
    const auto number = job.entry->number();
    JobRecord record;
    record.status = JobStatus::running;
    record.started = job.started;
    put_record(job, record);
    enter(job, Phase::starting);
    shard_.committer().on_durable([this, alive = alive_, number](const Result<>& result) {
        auto* started = *alive ? find(number) : nullptr;
        if (!started) return;
        if (!result) return give_back(*started);
        started->parts_left = job_shards_.size();
        started->entry->set_running(started->started);
        board_.add_started(started->entry);
        log.info("job started job={} devices={}", started->entry->definition().id, started->targets);
        enter(*started, Phase::running);
        if (!is_stopped_) on_shards([number](JobShard& shard) { shard.begin(number); });
    });
}

// --- ending --------------------------------------------------------------------------------------

void JobCoordinator::part_finished(std::uint64_t number) {
    auto* job = find(number);
    if (!job || (job->phase != Phase::running && job->phase != Phase::cancelling)) return;
    CARILLON_ASSERT(job->parts_left > 0);
    if (--job->parts_left > 0) return;
    end(*job, job->phase == Phase::cancelling ? JobStatus::cancelled : JobStatus::completed);
}

void JobCoordinator::end(Active& job, JobStatus status, std::string failure_reason) {
    enter(job, Phase::ending);
    put_end(job.entry->number(), status, failure_reason);
}

void JobCoordinator::put_end(std::uint64_t number, JobStatus status, const std::string& failure_reason) {
    auto* job = find(number);
    if (!job) return;
    JobRecord record;
    record.status = status;
    record.started = job->started;
    record.ended = now();
    record.failure_reason = failure_reason;
    if (job->started.ticks != 0) {
        record.counts = job->entry->counts();
        record.tally = job->entry->tally();
    }
    put_record(*job, record);
    shard_.committer().on_durable([this, alive = alive_, number, record](const Result<>& result) {
        if (!*alive) return;
        if (result) return ended(number, record);
        after(retry_delay, [this, number, record] { put_end(number, record.status, record.failure_reason); });
    });
}

void JobCoordinator::ended(std::uint64_t number, const JobRecord& record) {
    const auto found = active_.find(number);
    CARILLON_ASSERT(found != active_.end());
    auto job = std::move(found->second);
    active_.erase(found);
    job.entry->set_terminal(record);
    if (record.started.ticks != 0) board_.add_started(job.entry);
    if (job.is_at_work) --at_work_;
    log.info("job ended job={} status={}", job.entry->definition().id, job_status_text(record.status));
    for (auto& watcher : job.watchers) watcher();
    pump();
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
        switch (job->phase) {
            case Phase::scheduled:
            case Phase::queued:
            case Phase::evaluating: {
                const auto cancelled = co_await cancel_unstarted(number);
                if (!cancelled) co_return fail(cancelled.error());
                co_return entry->snapshot();
            }
            case Phase::running: {
                if (limits_.strict_cancel) co_return fail(not_in_this_state(JobStatus::running));
                JobRecord record;
                record.status = JobStatus::running;
                record.is_cancelling = true;
                record.started = job->started;
                put_record(*job, record);
                const auto written = co_await shard_.committer().durable();
                if (!written) co_return fail(unavailable(written.error()));
                job = find(number);
                if (!job || job->phase != Phase::running) break;
                is_ours = true;
                enter(*job, Phase::cancelling);
                on_shards([number](JobShard& shard) { shard.cancel(number); });
                break;
            }
            case Phase::cancelling:
                is_ours = true;
                co_await changed(number);
                break;
            case Phase::starting:
            case Phase::ending:
                co_await changed(number);
                break;
        }
    }
    if (is_ours && entry->status() == JobStatus::cancelled) co_return entry->snapshot();
    co_return fail(not_in_this_state(entry->status()));
}

Task<Result<>> JobCoordinator::cancel_unstarted(std::uint64_t number) {
    auto* job = find(number);
    const Place place{job->entry->definition().start.ticks, number};
    scheduled_.erase(place);
    queue_.erase(place);
    if (job->phase == Phase::evaluating) on_shards([number](JobShard& shard) { shard.discard(number); });
    if (std::exchange(job->is_at_work, false)) --at_work_;
    job->started = {};
    enter(*job, Phase::ending);
    JobRecord record;
    record.status = JobStatus::cancelled;
    record.ended = now();
    put_record(*job, record);
    const auto written = co_await shard_.committer().durable();
    if (written) {
        ended(number, record);
        co_return written;
    }
    enqueue(*find(number));
    pump();
    co_return fail(unavailable(written.error()));
}

// --- history -------------------------------------------------------------------------------------

void JobCoordinator::purge() {
    if (is_stopped_) return;
    const auto oldest = now().plus_s(-JobLimits::history_kept_s);
    board_.newest_first(UINT64_MAX, [&](const std::shared_ptr<JobEntry>& entry) {
        if (!is_terminal(entry->status()) || entry->ended() >= oldest) return true;
        const auto number = entry->number();
        auto& batch = shard_.committer().batch();
        batch.erase(Table::jobs, job_definition_key(number));
        batch.erase(Table::jobs, job_record_key(number));
        batch.erase_range(Table::job_events, job_event_key(number), job_event_key(number + 1));
        shard_.committer().on_durable([this, alive = alive_, entry](const Result<>& result) {
            if (*alive && result) board_.remove(*entry);
        });
        return true;
    });
    after(purge_interval, [this] { purge(); });
}

// --- at the start --------------------------------------------------------------------------------

void JobCoordinator::resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record) {
    auto& job = active_[entry->number()];
    job.entry = entry;
    if (record.status != JobStatus::running) return enqueue(job);
    job.started = record.started;
    job.is_at_work = true;
    ++at_work_;
    job.parts_left = job_shards_.size();
    job.phase = record.is_cancelling ? Phase::cancelling : Phase::running;
}

}  // namespace carillon
