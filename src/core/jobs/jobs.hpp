#pragma once

#include "base/task.hpp"
#include "core/jobs/job_limits.hpp"
#include "core/jobs/job_pages.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct JobDeviceMetrics;
struct JobMetrics;
struct PlannedJob;
struct ApprovalRule;
struct JobBudget;
struct JobProgress;
struct JobWish;
struct DeviceReportFilter;
class DeviceReports;
class JobWatcher;
class MailCarrier;
class Shards;
class Throttles;
namespace query {
struct QueryOptions;
}

/// Fleet jobs over all shards: accepts, schedules, runs, cancels, answers. Any thread may call;
/// the engine itself works on the shards' threads. A job accepted reaches an end whatever happens to
/// the process: its state is the fold of its log in the store (docs/jobs.md has the state machines
/// and the stored events).
class Jobs {
public:
    /// `options` say what conditions may hold.
    Jobs(Shards& shards, Throttles& throttles, JobEngineLimits limits, const query::QueryOptions& options);
    ~Jobs();

    /// Wishes and news for shards on other nodes go by `carrier`, and come from there to the two below: false
    /// for bytes that are none. Before `load`; it outlives the engine.
    void use(MailCarrier& carrier);
    bool deliver_wish(std::size_t part, std::string_view wish);
    bool deliver_news(std::string_view news);

    /// Reads jobs and their logs and resumes what was unfinished. Before the threads run.
    Result<> load();
    /// Begins work; on the way up, when the threads run.
    void start();
    /// Sends no methods any more, for good: those that are out may end before `stop`, so that no device of a
    /// job fails because the hub goes down.
    Task<> rest();
    /// Requests of method jobs that are on their way to devices or back.
    std::size_t methods_in_flight() const;
    /// Stops dispatching and waits for nothing; what is unfinished resumes at the next start.
    Task<> stop();

    /// Accepts a job, durably. Fails with `job_already_exists`,
    /// `throttling_max_active_job_count_exceeded`.
    Task<Result<JobSnapshot>> create(JobDefinition definition);
    /// Nothing for an id that is not known.
    Task<std::optional<JobSnapshot>> find(std::string id);
    /// The same at once: reading a job never waits for the engine.
    std::optional<JobSnapshot> snapshot(const std::string& id) const;
    /// How far a job has come, with the reasons of failures; nothing for an id that is not known.
    std::optional<JobProgress> progress(const std::string& id) const;
    /// The job's own log, a line of JSON for each event behind number `after`, oldest first: none if it has
    /// no rollout, and so many at once as `JobEngineLimits` says; none are left when there are none. Fails
    /// with `job_not_found`, `service_unavailable`.
    Task<Result<std::vector<std::string>>> history(std::string id, std::uint64_t after);
    /// To follow a job. Fails with `job_not_found`, and with `throttling_exception` beyond
    /// `JobWatcher::count_max`.
    Result<std::unique_ptr<JobWatcher>> watch(const std::string& id);
    /// To read what became of each device of a job, in whatever state that is. Fails with `job_not_found`,
    /// and with `throttling_exception` beyond `DeviceReports::open_max`.
    Result<std::unique_ptr<DeviceReports>> report(const std::string& id, const DeviceReportFilter& filter);
    /// Queued, scheduled or running jobs end as cancelled: devices in flight finish or are marked
    /// canceled, pending ones are canceled. Fails with `job_not_found`,
    /// `operation_not_allowed_in_current_state`. Ours: see docs/jobs.md.
    Task<Result<JobSnapshot>> cancel(std::string id, JobActor by = {});
    /// Directs a job with a rollout, see `JobCoordinator::direct`.
    Task<Result<>> direct(std::string id, JobWish wish);

    /// Begins to look what a job would do, see `JobCoordinator::plan`; answers with the plan's id.
    Task<Result<std::string>> plan(JobDefinition definition, std::string document);
    /// Null if there is none.
    Task<std::shared_ptr<const PlannedJob>> find_plan(std::string id);
    /// False if there is none. Fails with `operation_not_allowed_in_current_state` while a job carries it
    /// out.
    Task<Result<bool>> remove_plan(std::string id);

    /// Approves or denies a job that waits for it, see `JobCoordinator::decide`. `hash` says for what.
    Task<Result<>> decide(std::string id, bool is_approval, std::string hash, JobActor by, std::string why);
    Task<std::vector<ApprovalRule>> approval_rules();
    /// Fails with `argument_invalid`, `service_unavailable`.
    Task<Result<>> put_approval_rule(ApprovalRule rule);
    /// False if there is none.
    Task<Result<bool>> remove_approval_rule(std::string name);

    // Budgets, see `JobBudgets`.
    Task<std::vector<JobBudget>> budgets();
    Task<Result<>> put_budget(JobBudget budget);
    Task<Result<bool>> remove_budget(std::string name);

    // Templates, see `JobTemplates`.
    Task<std::vector<std::string>> templates();
    Task<std::optional<std::string>> find_template(std::string name);
    Task<Result<std::string>> put_template(std::string name, std::string text, JobActor by);
    Task<Result<bool>> remove_template(std::string name);
    Task<Result<std::vector<JobSnapshot>>> run_template(std::string name, std::string id,
                                                        std::string parameters, JobActor by);

    /// Of all shards together; any thread.
    const JobMetrics& metrics() const;
    JobDeviceMetrics device_metrics(JobType type) const;

    /// Newest first. `position` is that of the page before, or empty.
    Task<JobListPage> list(JobFilter filter, std::string position, std::size_t page_size);

    /// Rows of `devices.jobs` that `keep` accepts, by creation of the job, then device id. `job_ids`,
    /// `device_ids` and `states` narrow the search where the caller knows; jobs whose counters say that
    /// no device is in one of the states are passed over unread, but `keep` still decides. Rows are read from
    /// the log, so finished jobs cost no memory. Looks at no more than `device_job_scan_max` rows a call, and
    /// stops when `keep` took `device_job_scan_steps_max`, so a page may be short or empty with a position.
    /// Fails with `argument_invalid` where `keep` is over its meter's limits.
    Task<Result<DeviceJobPage>> device_jobs(std::optional<std::vector<std::string>> job_ids,
                                            std::optional<std::vector<std::string>> device_ids,
                                            DeviceJobKeep keep, std::string position, std::size_t page_size,
                                            std::optional<std::vector<DeviceJobStatus>> states = {});

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace carillon
