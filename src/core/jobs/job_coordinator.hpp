#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_lifecycle.hpp"
#include "core/jobs/job_schedule.hpp"
#include "core/jobs/job_shard.hpp"
#include "core/shard/shards.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace carillon {

/// Takes every job from its acceptance to its end: what comes next is decided by its `JobLifecycle` and
/// by `JobSchedule`; here their actions meet the store, the clock and the shards. Lives on shard 0; all
/// members are for its thread. State machine: docs/jobs.md.
class JobCoordinator {
public:
    /// Ours: how long after a refused commit a step is tried again.
    static constexpr std::chrono::seconds retry_delay{1};
    /// Wall clocks jump, so no timer trusts a longer distance.
    static constexpr std::chrono::seconds timer_distance_max{60};
    static constexpr std::chrono::hours purge_interval{1};
    /// Jobs that leave the history in one turn; more follow after `retry_delay`.
    static constexpr int forgotten_max = 1000;

    JobCoordinator(Shards& shards, const JobEngineLimits& limits, const query::QueryOptions& options,
                   JobBoard& board, std::vector<std::unique_ptr<JobShard>>& job_shards);
    ~JobCoordinator();
    JobCoordinator(const JobCoordinator&) = delete;
    JobCoordinator& operator=(const JobCoordinator&) = delete;

    /// Jobs found in the store that have not ended. Before the threads run.
    void resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record);
    /// Jobs found in the store that have. Before the threads run.
    void remember(const std::shared_ptr<JobEntry>& entry);
    /// Numbers given so far.
    void set_last_number(std::uint64_t number) { last_number_ = number; }
    void start();
    void stop() { is_open_ = false; }

    Task<Result<JobSnapshot>> create(JobDefinition definition);
    Task<Result<JobSnapshot>> cancel(std::string id);

    /// One shard's part of a running job has ended.
    void part_finished(std::uint64_t job);

private:
    struct Active {
        std::shared_ptr<JobEntry> entry;
        JobLifecycle life;
        std::optional<query::JobCondition> condition;  ///< From its turn until its parts are asked.
        JobRecord end;                                 ///< As it is on its way to disk.
        std::vector<UniqueFunction<void()>> watchers;  ///< Called, and forgotten, at each change of phase.
    };

    Active* find(std::uint64_t job);
    WallTime now() const;
    bool is_due(const Active& job) const { return job.entry->definition().start <= now(); }
    template <class F>
    void on_shards(F function);
    void after(Duration delay, UniqueFunction<void()> fire);

    /// Does what the job's life asks for. The job may be gone afterwards.
    void take(Active& job, JobPhase before, const JobActions& actions);
    /// Gives the job's life an event; nothing if the job has ended.
    template <class Event>
    void happen(std::uint64_t job, Event event);
    void prepare(Active& job);
    void write(Active& job, JobWrite step, JobRecord record);
    void begin(Active& job);
    void finish(std::uint64_t job);

    void arm_schedule();
    void start_due();
    void pump();
    Task<> changed(std::uint64_t job);
    Result<> check_room(std::size_t bytes) const;
    void purge();
    void forget_oldest();
    void forget(const std::shared_ptr<JobEntry>& entry);

    Shards& shards_;
    Shard& shard_;
    const JobEngineLimits& limits_;
    const query::QueryOptions options_;  ///< What conditions may hold.
    JobBoard& board_;
    std::vector<std::unique_ptr<JobShard>>& job_shards_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    std::map<std::uint64_t, Active> active_;     ///< Jobs that have not ended.
    std::unordered_set<std::string> accepting_;  ///< Ids on their way to disk.
    std::size_t active_bytes_ = 0;               ///< Of `active_`, and of those on their way to disk.
    using Place = std::pair<std::int64_t, std::uint64_t>;  ///< End in ticks, job number.
    std::map<Place, std::shared_ptr<JobEntry>> history_;   ///< Jobs that have ended, oldest end first.
    std::size_t history_bytes_ = 0;
    JobSchedule schedule_;
    std::uint64_t last_number_ = 0;
    Timers::Id schedule_timer_;
    bool is_open_ = false;  ///< Between `start` and `stop`.
};

}  // namespace carillon
