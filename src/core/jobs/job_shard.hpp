#pragma once

#include "core/jobs/budgets/shard_budgets.hpp"
#include "core/jobs/job_order.hpp"
#include "core/jobs/job_part.hpp"
#include "core/jobs/job_target_scan.hpp"
#include "core/jobs/notices/job_notices.hpp"
#include "core/jobs/plans/plan_part.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/twin_log_folder.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace carillon {

class Superseding;

/// The job engine on one shard: the parts of running jobs, their turns, and the shard's news for
/// them. The coordinator's wishes arrive here on the shard's thread.
class JobShard final : public ShardObserver {
public:
    /// `finished` is told, on this shard's thread, of each part whose devices have all ended.
    /// `options` say what conditions may hold.
    JobShard(Shard& shard, const query::QueryOptions& options, const JobEngineLimits& limits,
             Throttles& throttles, Zones& zones, std::shared_ptr<std::atomic<std::size_t>> methods_in_flight,
             std::function<void(std::uint64_t job)> finished,
             std::function<void(std::uint64_t job, GateReport)> report);
    ~JobShard() override;

    TwinLogFolder& folder() { return folder_; }
    JobNotices& notices() { return *notices_; }
    std::uint32_t number() const { return shard_.number(); }
    /// Any thread.
    const ByJobType<JobDeviceMetrics>& metrics() const { return metrics_; }

    /// A job that was running at the restart, with what its log says; `start` numbers its start. Before the
    /// threads run.
    void adopt(const std::shared_ptr<JobEntry>& entry, JobPart::Targets targets, bool is_cancelling,
               std::uint64_t start);
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

    /// What a part has found: how many devices and, where they are to stand in an order, what that is made
    /// of.
    struct Prepared {
        std::uint64_t devices = 0;
        PartKeys keys;
        Sha256Digest digest{};      ///< Of a job with a rollout.
        std::uint64_t planned = 0;  ///< Devices that its plan has found too.
    };
    /// `sources`: see `JobTargetScan`. Finds and stores the job's devices, publishes their number, and tells
    /// `done`; the part then waits for `begin`, and before that for `place` if the job has an order.
    void prepare(const std::shared_ptr<JobEntry>& entry, std::optional<query::JobCondition> condition,
                 WallTime started, JobSources sources, UniqueFunction<void(Result<Prepared>)> done);
    /// Stores where the devices stand.
    void place(const std::shared_ptr<JobEntry>& entry, PartPlaces places,
               UniqueFunction<void(Result<>)> done);
    /// Finds what a job like `entry` would have to do here, and stores nothing. `plan` numbers the plan.
    void plan(std::uint64_t plan, const std::shared_ptr<JobEntry>& entry, std::uint64_t seed,
              std::optional<query::JobCondition> condition, JobSources sources,
              UniqueFunction<void(Result<PlanPart>)> done);
    /// Forgets a plan that is on its way.
    void drop_plan(std::uint64_t plan);
    void begin(std::uint64_t job);
    /// For the part of a job with a rollout, see `JobPart`.
    void obey(std::uint64_t job, PartOrders orders);
    void permit(std::uint64_t job, std::uint64_t granted);
    void cancel(std::uint64_t job);
    /// Forgets a job that is being prepared or was, and its events.
    void discard(std::uint64_t job);

    void method_ready(Record& record) override;
    void removed(Record& record) override;

private:
    void part_finished(std::uint64_t job);
    void tell_budgets();
    std::shared_ptr<Superseding> supersede(const std::shared_ptr<JobPart>& part);

    Shard& shard_;
    BackgroundTurns turns_;
    TwinLogFolder folder_;
    ByJobType<JobDeviceMetrics> metrics_;
    const std::shared_ptr<JobNotices> notices_;
    ShardBudgets budgets_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::atomic<bool> is_called_ = false;
    JobSite site_;
    std::function<void(std::uint64_t)> finished_;
    std::map<std::uint64_t, std::shared_ptr<JobTargetScan>> scans_;
    std::map<std::uint64_t, std::shared_ptr<JobTargetScan>>
        plan_scans_;                                      ///< Bound: PlanLimits::under_way_max
    std::map<std::uint64_t, JobPart::Targets> unplaced_;  ///< Prepared, and waiting for their places.
    std::map<std::uint64_t, std::shared_ptr<JobPart>> parts_;
    std::vector<std::uint64_t> cancelling_;  ///< Adopted parts to cancel at the start.
    std::vector<std::pair<std::uint64_t, std::uint64_t>>
        adopted_;  ///< Numbers of start and job of adopted parts.  Bound: emptied at the start
    std::vector<std::shared_ptr<JobPart>>
        takers_;  ///< That take devices from others, as they began.  Bound: JobCoordinator::superseding_max
};

}  // namespace carillon
