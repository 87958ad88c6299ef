#pragma once

#include "core/jobs/approvals/approval_rules.hpp"
#include "core/jobs/job_board.hpp"
#include "core/jobs/job_lifecycle.hpp"
#include "core/jobs/job_mail.hpp"
#include "core/jobs/job_metrics.hpp"
#include "core/jobs/job_run.hpp"
#include "core/jobs/job_schedule.hpp"
#include "core/jobs/job_shard.hpp"
#include "core/jobs/job_wish.hpp"
#include "core/jobs/plans/job_plans.hpp"
#include "core/shard/shards.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
    /// How long a pause waits for its parts to say that nothing begins any more.
    static constexpr std::chrono::seconds quiet_max{10};
    /// Jobs that leave the history in one turn; more follow after `retry_delay`.
    static constexpr int forgotten_max = 1000;
    /// Ours: how often a job that waits for another looks at it.
    static constexpr std::chrono::seconds waiting_interval{1};
    /// Ours: after how long what may have been lost is sent to parts again.
    static constexpr std::chrono::seconds again_interval{1};
    /// Ours: active jobs that take devices from each other.
    static constexpr int superseding_max = 64;

    JobCoordinator(Shards& shards, const JobEngineLimits& limits, const query::QueryOptions& options,
                   JobBoard& board, std::vector<std::unique_ptr<JobShard>>& job_shards, JobMail& mail,
                   Zones& zones);
    ~JobCoordinator();
    JobCoordinator(const JobCoordinator&) = delete;
    JobCoordinator& operator=(const JobCoordinator&) = delete;

    /// What the store knows of a job with a rollout: its log, and of a running one what its parts have.
    struct Stored {
        std::vector<JobLogEvent> log;
        std::uint64_t next_sequence = 1;
        std::optional<LogChain> chain;
        std::optional<Sha256Digest> seal;
        std::vector<std::uint64_t> part_sizes;  ///< At its start.
        std::uint64_t members = 0;              ///< In all of them, with those that have joined since.
        std::optional<StoredApproval> approval;
        /// Of the start in `log`; 0 if there is none.
        std::uint64_t start_number() const;
        /// The same: devices that it began with.
        std::uint64_t targets() const;
    };
    /// Jobs found in the store that have not ended. Before the threads run.
    void resume(const std::shared_ptr<JobEntry>& entry, const JobRecord& record, const Stored& stored);
    /// Jobs found in the store that have. Before the threads run.
    void remember(const std::shared_ptr<JobEntry>& entry);
    /// What a job with a rollout that has ended shows of its log. Before the threads run.
    void recall(const std::shared_ptr<JobEntry>& entry, const JobRecord& record, const Stored& stored);
    /// Numbers given so far.
    void set_last_number(std::uint64_t number) { last_number_ = number; }
    /// The newest final seal that is stored.
    void set_final_seal(const FinalSeal& seal) { final_seal_ = durable_final_seal_ = seal; }
    void start();
    void stop() { is_open_ = false; }

    Task<Result<JobSnapshot>> create(std::shared_ptr<JobDefinition> definition);
    /// All of them or none; each may name those before it. Fails as `create` does, and with
    /// `argument_invalid`.
    Task<Result<std::vector<JobSnapshot>>> create_all(
        std::vector<std::shared_ptr<JobDefinition>> definitions);
    Task<Result<JobSnapshot>> cancel(std::string id, JobActor by);
    /// Answers when the wish is durable; a pause also when no device begins any more. Fails with
    /// `job_not_found`, `operation_not_allowed_in_current_state`, `precondition_failed`, `argument_invalid`,
    /// and `service_unavailable`, after which the wish may stand.
    Task<Result<>> direct(std::string id, JobWish wish);

    /// Begins to look what a job would do; answers with the plan's id. `document` is the request as it was
    /// sent. Fails with `argument_invalid`, and as `JobPlans::begin`.
    Task<Result<std::string>> plan(std::shared_ptr<JobDefinition> definition, std::string document);
    JobPlans& plans() { return plans_; }
    ApprovalRules& approval_rules() { return rules_; }
    /// What somebody with the right to approve decides on a job that waits for it, and for what.
    struct Decision {
        bool is_approval = true;
        std::string hash;
        JobActor by;
        std::string why;
    };
    /// Answers when the decision is durable. Fails with `job_not_found`,
    /// `operation_not_allowed_in_current_state`, `precondition_failed` where the job has another hash,
    /// `iot_hub_unauthorized_access` for who made the job or is not asked, and `service_unavailable`.
    Task<Result<>> decide(std::string id, Decision decision);

    /// A part tells something.
    void receive(PartNews news);

    /// Any thread.
    const JobMetrics& metrics() const { return metrics_; }

private:
    /// Who agrees that a job begins.
    struct Approving {
        StoredApproval stored;
        std::string digest;                ///< Of its devices, once they are found.
        std::optional<JobApproval> asked;  ///< Once they are, if any rule demands one.
        Timers::Id timer;                  ///< Of the deadline until which somebody has to agree.
    };
    struct Placing;
    /// What the parts of a job are asked to prepare.
    struct Preparing {
        PartWish::Prepare what;
        std::shared_ptr<const std::vector<PlanTargets>> planned;  ///< By part; null without a plan.

        PartWish::Prepare for_part(std::size_t part) const;
    };
    struct Active {
        std::shared_ptr<JobEntry> entry;
        JobLifecycle life;
        JobRecord end;                                 ///< As it is on its way to disk.
        std::unique_ptr<JobRun> run;                   ///< Of a job with a rollout.
        std::vector<UniqueFunction<void()>> watchers;  ///< Called, and forgotten, at each change of phase.
        std::unique_ptr<Approving> approving;  ///< Of one that was accepted while the hub had approval rules.
        std::shared_ptr<Placing> placing{};    ///< Of its start, if it has a rollout or waits for approval.
        std::optional<Preparing> preparing{};  ///< What its parts were asked, where that may get lost.
    };

    Active* find(std::uint64_t job);
    WallTime now() const;
    bool is_due(const Active& job) const { return job.entry->definition().start <= now(); }
    /// To all parts.
    void wish(const Active& job, const decltype(PartWish::what)& what);
    void wish(const Active& job, std::size_t part, decltype(PartWish::what) what);
    /// Where something may get lost: says again, now and each second, what is not answered.
    void wish_again();
    void wish_again(const Active& job, std::size_t part);
    void discard(const Active& job);
    /// A part of a job with a rollout tells how it stands.
    void reported(std::uint64_t job, const GateReport& report);
    void after(Duration delay, UniqueFunction<void()> fire);

    /// Does what the job's life asks for. The job may be gone afterwards.
    void take(Active& job, JobPhase before, const JobActions& actions);
    /// Gives the job's life an event; nothing if the job has ended.
    template <class Event>
    void happen(std::uint64_t number, Event event) {
        auto* job = find(number);
        if (!job) return;
        const auto before = job->life.phase();
        const JobActions actions = event(*job);
        take(*job, before, actions);
    }
    void prepare(Active& job);
    void write(Active& job, JobWrite step, JobRecord record);
    void begin(Active& job);
    void finish(std::uint64_t job);

    // --- jobs with a rollout, job_rollout.cpp ---
    std::shared_ptr<Placing> make_placing(const Active& job) const;
    std::unique_ptr<JobRun> make_run(const JobDefinition& definition) const;
    void prepared(std::uint64_t number, std::uint64_t attempt, std::size_t part,
                  Result<PreparedPart> prepared);
    void place(const std::shared_ptr<Placing>& placing);
    void placed(std::uint64_t number, std::uint64_t attempt, std::size_t part, const Result<>& stored);
    WallTime deadline_of(const Active& job) const;
    JobSources sources_of(const JobDefinition& definition) const;
    /// One more, or one less, of those that have not ended takes its devices from other jobs.
    void name_source(const JobDefinition& definition, int change);
    Result<> check_undo(const std::string& id, bool is_while_it_runs) const;
    Result<> check_confirm(const JobDefinition& definition) const;
    Result<> check_rollout(const JobDefinition& definition);
    void draw_seed(JobDefinition& definition) const;
    void put_log_event(JobRun& run, std::uint64_t number, const JobLogEvent& event);
    SealEvent seal_of(const JobRun& run, bool is_final) const;
    void put_final_seal(const Active& job);
    void watch_batch();
    void put_created(JobRun& run, std::uint64_t number, const JobDefinition& definition);
    /// A job on its way to disk.
    struct Accepting {
        std::shared_ptr<const JobDefinition> definition;
        std::uint64_t number = 0;
        std::unique_ptr<JobRun> run;
        std::unique_ptr<Approving> approving;
    };
    Accepting put_job(std::shared_ptr<JobDefinition> definition);
    void take_back(const Accepting& job);
    JobSnapshot accepted(Accepting job);
    std::shared_ptr<JobDefinition> undo_of(const Active& job) const;
    /// Puts events into the batch. When they are durable the run moves, and what follows is done.
    void put_log(Active& job, std::vector<JobLogEvent> events);
    void logged(std::uint64_t job, bool is_durable, const std::vector<JobLogEvent>& events);
    Result<std::vector<JobLogEvent>> events_of(Active& job, const JobWish& wish) const;
    Task<Result<>> quiet(std::uint64_t job);
    void give_orders(Active& job);
    /// Decides what comes next, gives permits, and wakes when time alone may let more follow.
    void go_on(std::uint64_t job);
    void give_permits(Active& job);
    void keep_place(Active& job);
    void arm_run(Active& job);
    void arm_late_start(Active& job);
    // approvals/approving.cpp: jobs that somebody has to approve.
    std::unique_ptr<Approving> make_approving(std::uint64_t number, const JobDefinition& definition);
    std::string hash_of(const Active& job) const;
    /// Before the last part's answer is told: which approvals the job needs over these devices.
    void demand_approval(Active& job, const Placing& placing);
    void ask(Active& job);
    void renew_approval(Active& job);
    void show_approval(Active& job);
    void arm_approval(std::uint64_t number);
    WallTime last_moment(const Active& job) const;
    Result<> check_windows(const JobDefinition& definition, const Rollout& rollout) const;
    Result<> check_superseding(const Rollout& rollout) const;
    // members/continuous_jobs.cpp: jobs that go on taking devices.
    Result<> check_members(const Rollout& rollout) const;
    std::shared_ptr<const MemberSources> member_sources_of(const JobDefinition& definition) const;
    std::vector<JobLogEvent> close_behind(const Active& job) const;
    void go_on_behind(const std::string& source);
    // templates/created_jobs.cpp: jobs that are accepted together.
    Result<> check_all(const std::vector<std::shared_ptr<JobDefinition>>& definitions);
    bool is_known(const std::string& id) const { return siblings_.contains(id) || board_.find(id); }
    // plans/planned_jobs.cpp: jobs that carry out a plan.
    Result<> check_plan(const Rollout& rollout);
    /// False if the job's devices are not those of its plan; it then ends.
    bool is_as_planned(Active& job, const Placing& placing);
    // starts/start_after.cpp: jobs that wait for another one.
    enum class Release : std::uint8_t { now, later, never };
    Release release_of(const Active& job, std::string& why) const;
    /// True if the job may stand in line; else it is looked at again, or ends as it never will.
    bool is_released(Active& job);
    void arm_waiting();
    void look_at_waiting();
    void give_up_waiting(std::uint64_t number, const std::string& why);
    void show(Active& job);
    void count(const JobLogEvent& event);
    bool end_log(Active& job, const JobRecord& record);

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
    JobMail& mail_;
    Zones& zones_;
    JobPlans plans_;
    ApprovalRules rules_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    std::map<std::uint64_t, Active> active_;  ///< Jobs that have not ended.
    /// Attempts that parts are to discard and have not said so, where that may get lost.
    struct Discarding {
        std::uint64_t attempt = 0;
        std::set<std::size_t> parts;
    };
    std::map<std::uint64_t, Discarding> discarding_;  ///< By job.  Bound: until the parts have answered
    std::unordered_set<std::string> accepting_;       ///< Ids on their way to disk.
    /// While jobs are checked, those accepted with them, by id.  Bound: the jobs of a template
    std::map<std::string, std::shared_ptr<const JobDefinition>> siblings_;
    std::size_t active_bytes_ = 0;      ///< Of `active_`, and of those on their way to disk.
    std::map<std::string, int> named_;  ///< Jobs that these take their devices from.
    int superseding_ = 0;               ///< Of them, that take part in that,
    int continuous_ = 0;                ///< and that go on taking devices.
    using Place = std::pair<std::int64_t, std::uint64_t>;  ///< Until when it is kept, in ticks; job number.
    std::map<Place, std::shared_ptr<JobEntry>> history_;   ///< Jobs that have ended.
    std::size_t history_bytes_ = 0;
    JobSchedule schedule_;
    std::set<std::uint64_t> waiting_;  ///< Due, and waiting for another job.  Bound: active_max
    Timers::Id waiting_timer_;
    JobMetrics metrics_;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_start_ = 0;                 ///< Starts of jobs with a rollout, counted.
    std::optional<FinalSeal> final_seal_;          ///< Of the job that ended last,
    std::optional<FinalSeal> durable_final_seal_;  ///< and of the last whose end is on disk.
    std::uint64_t watched_batch_ = 0;              ///< The batch whose refusal is heard of.
    std::uint64_t seal_epoch_ = 0;                 ///< Refusals that took final seals back.
    WallTime patient_until_;
    Timers::Id schedule_timer_;
    bool is_open_ = false;  ///< Between `start` and `stop`.
};

}  // namespace carillon
