#pragma once

#include "core/jobs/budgets/shard_budgets.hpp"
#include "core/jobs/job_mail.hpp"
#include "core/jobs/job_part.hpp"
#include "core/jobs/job_target_scan.hpp"
#include "core/jobs/loaded_job.hpp"
#include "core/jobs/members/member_watch.hpp"
#include "core/jobs/notices/job_notices.hpp"
#include "core/jobs/plans/plan_part.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/twin_log_folder.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace carillon {

class Superseding;

/// The job engine on one shard: the parts of running jobs, their turns, and the shard's news for
/// them. The coordinator's wishes arrive here on the shard's thread.
class JobShard final : public ShardObserver {
public:
    /// `options` say what conditions may hold; `board` has the jobs that wishes name.
    JobShard(Shard& shard, const JobBoard& board, const query::QueryOptions& options,
             const JobEngineLimits& limits, Throttles& throttles, Zones& zones,
             std::shared_ptr<std::atomic<std::size_t>> methods_in_flight, JobMail& mail);
    ~JobShard() override;

    TwinLogFolder& folder() { return folder_; }
    JobNotices& notices() { return *notices_; }
    std::uint32_t number() const { return shard_.number(); }
    /// Any thread.
    const ByJobType<JobDeviceMetrics>& metrics() const { return metrics_; }

    /// Takes its parts of those jobs that run, as their logs say, and notes in each how large the part is. On
    /// any one thread, before the shard's own runs. Fails as `read_part` does.
    Result<> load(std::vector<LoadedJob>& jobs);
    /// Begins what was adopted.
    void start();
    /// See `Jobs::rest`.
    void rest();
    /// What budgets of the hub let nothing begin of.
    void hold(bool methods, bool twins);
    ShardBudgets& budgets() { return budgets_; }
    /// Budgets that count devices are others now.
    void renew_budgets(std::shared_ptr<const BudgetSet> set, std::uint64_t epoch);
    /// Any thread: a budget has room that was exhausted.
    void call();
    /// True if nothing is on its way to a device or twin, of jobs that are held so, that has not left.
    bool is_still() const;
    void stop();

    /// The coordinator wants something.
    void receive(PartWish wish);
    /// Finds what a job like `entry` would have to do here, and stores nothing. `plan` numbers the plan.
    void plan(std::uint64_t plan, const std::shared_ptr<JobEntry>& entry, std::uint64_t seed,
              std::optional<query::JobCondition> condition, JobSources sources,
              UniqueFunction<void(Result<PlanPart>)> done);
    /// Forgets a plan that is on its way.
    void drop_plan(std::uint64_t plan);

    void method_ready(Record& record) override;
    void removed(Record& record) override;

private:
    void adopt(const LoadedJob& job, JobPart::Targets targets);
    /// Ours: jobs of which is remembered that they ended here. A wish that is later than so many more is
    /// taken for a new one.
    static constexpr std::size_t ended_max = 4096;
    /// How far a job has come here.
    struct Known {
        std::uint64_t attempt = 0;
        bool is_placing = false;  ///< Its places are on their way to disk, or there.
        bool is_over = false;     ///< That attempt was discarded, or its part has ended.
        // Where answers may get lost, what was answered.
        std::unique_ptr<Result<PreparedPart>> prepared;
        std::unique_ptr<Result<>> placed;
        std::unique_ptr<GateReport> last;
    };
    void prepare(std::uint64_t job, std::uint64_t attempt, PartWish::Prepare wish);
    void prepared(const std::shared_ptr<JobEntry>& entry, std::uint64_t attempt,
                  Result<JobPart::Targets> found);
    void place(std::uint64_t job, std::uint64_t attempt, PartWish::Place wish);
    void tell_placed(std::uint64_t job, std::uint64_t attempt, const Result<>& stored);
    void begin(std::uint64_t job);
    void cancel(std::uint64_t job);
    void discard(std::uint64_t job, std::uint64_t attempt);
    void forget(std::uint64_t job);
    void report(std::uint64_t job, GateReport report);
    void part_finished(std::uint64_t job);
    void tell_budgets();
    void tell_finished(std::uint64_t job);
    void set_over(std::uint64_t job);
    void tell(std::uint64_t job, decltype(PartNews::what) what);
    std::shared_ptr<Superseding> supersede(const std::shared_ptr<JobPart>& part);

    Shard& shard_;
    const JobBoard& board_;
    BackgroundTurns turns_;
    TwinLogFolder folder_;
    ByJobType<JobDeviceMetrics> metrics_;
    const std::shared_ptr<JobNotices> notices_;
    ShardBudgets budgets_;
    MemberWatch members_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::atomic<bool> is_called_ = false;
    JobSite site_;
    JobMail& mail_;
    std::map<std::uint64_t, Known> known_;  ///< By job.  Bound: active jobs, and ended_max
    std::deque<std::uint64_t> ended_;       ///< Of them, those that are over, the oldest first.
    std::set<std::uint64_t> begun_;         ///< Of `parts_`.
    std::uint64_t reports_ = 0;             ///< Numbers of reports given so far.
    std::map<std::uint64_t, std::shared_ptr<JobTargetScan>> scans_;
    std::map<std::uint64_t, std::shared_ptr<JobTargetScan>>
        plan_scans_;  ///< Bound: PlanLimits::under_way_max
    struct Unplaced {
        std::shared_ptr<JobEntry> entry;
        JobPart::Targets targets;
    };
    std::map<std::uint64_t, Unplaced> unplaced_;  ///< Prepared, and waiting for their places.
    std::map<std::uint64_t, std::shared_ptr<JobPart>> parts_;
    std::vector<std::uint64_t> cancelling_;  ///< Adopted parts to cancel at the start.
    std::vector<std::pair<std::uint64_t, std::uint64_t>>
        adopted_;  ///< Numbers of start and job of adopted parts.  Bound: emptied at the start
    std::vector<std::shared_ptr<JobPart>>
        takers_;  ///< That take devices from others, as they began.  Bound: JobCoordinator::superseding_max
};

}  // namespace carillon
