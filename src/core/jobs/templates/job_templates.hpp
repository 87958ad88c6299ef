#pragma once

#include "base/timers.hpp"
#include "core/jobs/templates/job_template.hpp"
#include "core/rollouts/time/zones.hpp"
#include "core/shard/shards.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class JobBoard;
class JobCoordinator;

/// What came of one planned time of a template that repeats.
struct TemplateRun {
    WallTime planned;
    std::string job;  ///< Head of the ids of its jobs; empty if it was missed,
    std::string why;  ///< and then why.
    bool operator==(const TemplateRun&) const = default;
};

/// What is stored of a template, in `Table::jobs`.
struct StoredTemplate {
    std::string text;
    JobActor by;                      ///< Who wrote it, and so makes its jobs.
    WallTime considered;              ///< Planned times up to this one have come or were missed.
    std::optional<WallTime> waiting;  ///< A planned time that waits for the end of the run before.
    std::deque<TemplateRun> runs;     ///< Newest last.  Bound: JobTemplates::runs_kept
};
std::string job_template_key(std::string_view name);
std::string encode_template(const StoredTemplate& stored);
/// Fails with `store_corrupt`.
Result<StoredTemplate> decode_template(Bytes bytes);

/// The templates of a hub, and the jobs that they make by the clock. Lives on shard 0; all members are for
/// its thread. Page: docs/rollout-reference.md, templates.
class JobTemplates {
public:
    static constexpr std::size_t runs_kept = 32;
    /// Ours: planned times that are looked at one by one after the hub was down; of more only the newest
    /// ones.
    static constexpr int missed_looked_max = 100;
    /// Ours: how soon a run is tried again that the store refused, and one that waits is looked at.
    static constexpr std::chrono::seconds retry_delay{1};
    /// Wall clocks jump, so no timer trusts a longer distance.
    static constexpr std::chrono::seconds timer_distance_max{60};

    JobTemplates(Shards& shards, Zones& zones, JobCoordinator& coordinator, const JobBoard& board);
    ~JobTemplates();
    JobTemplates(const JobTemplates&) = delete;
    JobTemplates& operator=(const JobTemplates&) = delete;

    /// Reads what is stored. Before the threads run.
    Result<> load();
    void start();
    void stop();

    /// What `GET` shows: JSON. Nothing if there is none.
    std::optional<std::string> show(const std::string& name) const;
    std::vector<std::string> show_all() const;
    /// Makes or replaces a template; answers, when it is durable, with what `show` says. Fails with
    /// `argument_invalid`, and with `service_unavailable`.
    Task<Result<std::string>> put(std::string name, std::string text, JobActor by);
    /// False if there is none. Its jobs go on.
    Task<Result<bool>> remove(std::string name);
    /// Makes its jobs, all or none. Fails with `generic_not_found`, `argument_invalid`, and as
    /// `JobCoordinator::create`.
    Task<Result<std::vector<JobSnapshot>>> run(std::string name, std::string id, std::string parameters,
                                               JobActor by);

private:
    struct Entry {
        JobTemplate made;
        StoredTemplate stored;
        std::shared_ptr<const TimeZone> zone;
        std::optional<WallTime> next;  ///< The planned time that comes next.
        bool is_busy = false;          ///< A run of it is on its way.
        bool is_gone = false;          ///< Replaced or removed.
    };
    using EntryPtr = std::shared_ptr<Entry>;

    WallTime now() const;
    std::string json_of(const Entry& entry) const;
    Result<std::vector<std::shared_ptr<JobDefinition>>> definitions(const JobTemplate& made,
                                                                    std::string_view id, JsonValue values,
                                                                    const JobActor& by) const;
    void plan_next(Entry& entry) const;
    void look();
    void look_at(const EntryPtr& entry);
    void arm();
    bool has_ended(const Entry& entry) const;
    void begin(const EntryPtr& entry, WallTime planned);
    Task<> make(EntryPtr entry, WallTime planned);
    static void note(Entry& entry, WallTime planned, std::string job, std::string why);
    void save(const Entry& entry);

    Shard& shard_;
    Zones& zones_;
    JobCoordinator& coordinator_;
    const JobBoard& board_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::map<std::string, EntryPtr> templates_;  ///< Bound: JobTemplate::count_max
    Timers::Id timer_;
    bool is_open_ = false;  ///< Between `start` and `stop`.
};

}  // namespace carillon
