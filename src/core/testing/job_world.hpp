#pragma once

// A hub with jobs, devices, a store that fails and a process that dies, in one thread, and the
// promises that must hold throughout; for the tests of crashes and the simulation. No part of the
// product.

#include "core/jobs/budgets/job_budget.hpp"
#include "core/jobs/job_progress.hpp"
#include "core/jobs/job_wish.hpp"
#include "core/testing/job_testing.hpp"
#include "core/testing/lossy_mail.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// What the world remembers of a job, as a client that looks now and then.
struct WatchedJob {
    std::string id;
    JobType type = JobType::update_twin;
    bool is_acknowledged = false;
    bool is_cancel_acknowledged = false;
    int rank = 0;  ///< 0 waiting, 1 running, 2 over.
    JobStatus last_status = JobStatus::queued;
    JobCounts last_counts;
    JobRevision last_revision;
    std::shared_ptr<std::optional<Result<JobSnapshot>>> creating;
    std::shared_ptr<std::optional<Result<JobSnapshot>>> cancelling;
    // Of a job with a rollout:
    bool has_rollout = false;
    bool confirms = false;  ///< A device succeeds when it reports what was written.
    int attempts_max = 1;
    std::optional<std::uint64_t> cap;
    bool is_pause_acknowledged = false;   ///< And nobody has asked for anything since.
    std::uint64_t begun_when_paused = 0;  ///< Twin jobs: written by then and not failed.
    std::shared_ptr<std::optional<Result<>>> pausing;
    std::string undoes;               ///< The job that it takes back, if it is an undo,
    bool undoes_itself = false;       ///< or its rules say that it may be taken back.
    std::string after;                ///< The job that it waits for,
    int after_ended = 0;              ///< of whose devices so many in a hundred are to have ended.
    std::uint64_t after_devices = 0;  ///< It had so many when this one was last seen to wait.
    bool is_approval_tried = false;   ///< An approval was sent.
    bool is_planned = false;
    bool is_continuous = false;  ///< It goes on taking devices,
    bool takes_all = false;      ///< all that there are.
    bool is_closed = false;      ///< Somebody has asked for that.
    bool supersedes =
        false;  ///< It takes devices from jobs that started before, and gives them to later ones.
};

/// A plan, and the job that may carry it out.
struct WatchedPlan {
    std::string job;
    JobType type = JobType::update_twin;
    std::shared_ptr<std::optional<Result<std::string>>> planning;
    bool is_used = false;
};

/// A hub with its job engine, devices and a store that can crash, in one thread and by one seed.
class JobWorld {
public:
    struct Crash {};  ///< Thrown when the commits are used up.

    /// With a seed, what coordinator and parts of a job tell each other may be lost, repeated or late.
    explicit JobWorld(JobEngineLimits limits, std::size_t shards = 2,
                      std::optional<std::uint64_t> lossy_seed = {});

    // --- the process -------------------------------------------------------------------------
    /// Dies with all that is not on disk, and starts again on what is.
    void crash();
    /// After so many commits more the process dies: as the store has written and before anybody
    /// hears of it, or when all that follows from it is done.
    void die_after(std::size_t commits, bool is_heard);
    void poll();
    bool step_storage();
    void settle();
    void advance(std::chrono::milliseconds by);

    // --- devices -----------------------------------------------------------------------------
    enum class Manner { answers, answers_later, keeps_silent };
    void add_device(const std::string& id);
    void remove_device(const std::string& id);
    void connect(const std::string& id, Manner manner, int status = 200);
    void disconnect(const std::string& id);
    bool is_connected(const std::string& id) const { return links_.contains(id); }
    bool exists(const std::string& id) { return hub->find(id) != nullptr && hub->find(id)->exists(); }
    /// Lets the device answer the oldest request it has put off.
    bool answer_one();

    /// Somebody else writes a tag, or the device a reported property; each of its own name.
    void write_tag(const std::string& id);
    void report(const std::string& id);
    /// The device reports what this twin job writes, or something else; once.
    void comply(const std::string& id, const std::string& job, bool is_right);

    // --- jobs --------------------------------------------------------------------------------
    /// A method whose payload names the job, or a patch of a property named by the job.
    void create(const std::string& id, JobType type, const std::string& choice, std::int64_t start_in_s,
                std::int64_t execution_s, int timeout_s = 10, const std::string& rollout = {});
    void cancel(const std::string& id);
    /// Takes back what a twin job wrote, if it is over and nobody has done so.
    void undo(const std::string& id, const std::string& source);
    /// Plans a job, and makes it.
    void plan(const std::string& id, JobType type, const std::string& choice, const std::string& rollout);
    void apply(WatchedPlan& plan, const std::string& drift);
    /// From now on jobs over more devices wait for an approval.
    void demand_approval(int devices_above);
    void decide(const std::string& id, bool is_approval, const std::string& policy);
    /// Holds all jobs of the hub, or lets them go.
    void freeze(bool is_frozen);
    /// Lets all method jobs have no more devices at risk, or takes that back where it is 0.
    void cap(std::uint32_t max);
    /// Directs a job with a rollout; others refuse it.
    void direct(const std::string& id, JobWish wish);

    /// What must hold at any moment.
    void check();
    /// Heals everything, waits until every job is over, and checks what must hold then.
    void finish();

    ManualClock clock{ten_o_clock};
    std::optional<LossyMail> mail;
    MemoryStore store;
    std::optional<TestHub> hub;
    std::vector<WatchedJob> jobs;
    std::vector<WatchedPlan> plans;
    /// Nothing of a job with a rollout begins but in these: from, and up to.
    std::vector<std::pair<WallTime, WallTime>> windows;
    std::set<std::string> devices;
    std::set<std::string> recreated;  ///< Device ids that were removed at some time.
    /// Of the tests of waves, when all is over: lost connections that were told, and waves that were watched
    /// for them and went on, or had too many slow answers.
    struct Signals {
        std::uint64_t lost = 0;
        std::uint64_t watched = 0;
        std::uint64_t slow = 0;
    };
    Signals signals;

private:
    struct Request {
        std::string device;
        std::uint64_t connection;
        std::uint16_t id;
        int status;
    };
    /// A write that was not by a job.
    struct OtherWrite {
        std::string device;
        std::string name;
        bool is_reported = false;
        std::shared_ptr<bool> is_acknowledged;
    };
    void start();
    void asked(const std::string& device, std::uint64_t connection, Manner manner, int status,
               const FakeLink::Call& call);
    void reply(const std::string& device, std::uint16_t request, int status);
    void note_answers();
    std::uint64_t begun_twins();
    std::uint64_t devices_at_work();
    void check_cap();
    std::string request_of(const std::string& id, JobType type, const std::string& choice,
                           std::int64_t start_in_s, std::int64_t execution_s, int timeout_s,
                           const std::string& rollout);
    void watch_job(const std::string& id, const JobDefinition& definition);
    void watch_undos();
    void check_start(WatchedJob& job, const JobProgress& progress);
    void check_windows();
    void check_progress(WatchedJob& job, const JobCounts& counts);
    void check_rollout(const WatchedJob& job, const JobProgress& progress) const;
    WatchedJob* find_job(const std::string& id);
    std::vector<DeviceJob> rows(const std::string& job);
    void check_chain(const WatchedJob& job);
    void check_told();
    void check_members();
    void check_superseding();
    void check_tests(const WatchedJob& job);
    std::string tests_text(const std::string& id);
    bool is_written(const WatchedJob& job, const DeviceJob& row, const std::set<std::string>& undone);
    void write_reported(const std::string& id, const std::string& name, int value);
    void check_method_row(const DeviceJob& row);
    void check_twins(const std::map<std::string, std::set<std::string>>& patched_by,
                     const std::map<std::string, std::set<std::string>>& undone);
    std::size_t count_other_writes(const std::string& id, bool is_reported);
    std::map<std::string, std::string> twins();

    JobEngineLimits limits_;
    const std::size_t shards_;
    std::map<std::string, std::unique_ptr<FakeLink>> links_;
    std::vector<std::unique_ptr<FakeLink>> dead_links_;  ///< A hub may still name them.
    std::map<std::string, std::uint64_t> connections_;
    std::uint64_t last_connection_ = 0;
    std::deque<Request> put_off_;
    std::map<std::pair<std::string, std::string>, int> sent_;     ///< Job and device: requests.
    std::map<std::pair<std::string, std::string>, int> answers_;  ///< Job and device: status answered.
    std::map<std::string, std::vector<std::string>>
        calls_;  ///< Of jobs that supersede, by device: as they were sent.
    std::vector<OtherWrite> other_writes_;
    std::set<std::uint64_t> followed_;  ///< Jobs that a final seal names as the one before.
    std::shared_ptr<std::optional<Result<>>> freezing_;
    std::shared_ptr<std::optional<Result<bool>>> thawing_;
    std::shared_ptr<std::optional<Result<>>> capping_;
    std::shared_ptr<std::optional<Result<bool>>> uncapping_;
    std::shared_ptr<std::optional<std::vector<JobBudget>>> counting_;
    std::uint32_t wanted_cap_ = 0;
    /// That no more devices of method jobs are at work, as acknowledged; more may have been before.
    std::optional<std::uint64_t> cap_;
    bool is_frozen_ = false;               ///< That is acknowledged, and nobody has asked for anything since.
    std::uint64_t begun_when_frozen_ = 0;  ///< Of twin jobs.
    std::size_t commits_left_ = SIZE_MAX;
    bool is_heard_ = false;
};

}  // namespace carillon::testing
