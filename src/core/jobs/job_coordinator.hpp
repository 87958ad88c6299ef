#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_shard.hpp"
#include "core/shard/shards.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace carillon {

/// Decides every state of every job: accepts, schedules, starts, cancels and ends them, each
/// durably. Lives on shard 0; all members are for its thread. State machine: docs/jobs.md.
class JobCoordinator {
public:
    /// Ours: how long after a refused commit a step is tried again.
    static constexpr std::chrono::seconds retry_delay{1};
    /// Wall clocks jump, so no timer trusts a longer distance.
    static constexpr std::chrono::seconds timer_distance_max{60};
    static constexpr std::chrono::hours purge_interval{1};

    JobCoordinator(Shards& shards, const JobEngineLimits& limits, const query::QueryOptions& options,
                   JobBoard& board, std::vector<std::unique_ptr<JobShard>>& job_shards);
    ~JobCoordinator();
    JobCoordinator(const JobCoordinator&) = delete;
    JobCoordinator& operator=(const JobCoordinator&) = delete;

    /// Jobs found in the store that have not ended. Before the threads run.
    void resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record);
    /// Numbers given so far.
    void set_last_number(std::uint64_t number) { last_number_ = number; }
    void start();
    void stop() { is_stopped_ = true; }

    Task<Result<JobSnapshot>> create(JobDefinition definition);
    Task<Result<JobSnapshot>> cancel(std::string id);

    /// One shard's part of a running job has ended.
    void part_finished(std::uint64_t job);

private:
    enum class Phase { scheduled, queued, evaluating, starting, running, cancelling, ending };
    struct Active {
        std::shared_ptr<JobEntry> entry;
        Phase phase = Phase::queued;
        std::uint64_t attempt = 0;   ///< Of evaluating; answers to an earlier one are void.
        std::size_t parts_left = 0;  ///< Parts whose word is outstanding.
        std::uint64_t targets = 0;
        bool has_refusal = false;
        bool is_at_work = false;  ///< Counts against `running_max`.
        WallTime started;
        std::vector<UniqueFunction<void()>> watchers;  ///< Called, and forgotten, at each change of phase.
    };
    using Place =
        std::pair<std::int64_t, std::uint64_t>;  ///< Start in ticks, job number: the order of starts.

    Active* find(std::uint64_t job);
    WallTime now() const;
    void enter(Active& job, Phase phase);
    void put_record(const Active& job, const JobRecord& record);
    template <class F>
    void on_shards(F function);
    void after(Duration delay, UniqueFunction<void()> fire);

    void enqueue(Active& job);
    void arm_schedule();
    void start_due();
    void pump();
    void evaluate(Active& job);
    void prepared(std::uint64_t job, std::uint64_t attempt, Result<std::uint64_t> targets);
    void give_back(Active& job);
    void run(Active& job);
    void end(Active& job, JobStatus status, std::string failure_reason = {});
    void put_end(std::uint64_t job, JobStatus status, const std::string& failure_reason);
    void ended(std::uint64_t job, const JobRecord& record);
    Task<Result<>> cancel_unstarted(std::uint64_t job);
    Task<> changed(std::uint64_t job);
    void purge();

    Shards& shards_;
    Shard& shard_;
    const JobEngineLimits& limits_;
    const query::QueryOptions options_;  ///< What conditions may hold.
    JobBoard& board_;
    std::vector<std::unique_ptr<JobShard>>& job_shards_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    std::map<std::uint64_t, Active> active_;     ///< Jobs that have not ended.
    std::unordered_set<std::string> accepting_;  ///< Ids on their way to disk.
    std::set<Place> scheduled_;
    std::set<Place> queue_;
    std::size_t at_work_ = 0;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_attempt_ = 0;
    Timers::Id schedule_timer_;
    bool is_stopped_ = false;
};

}  // namespace carillon
