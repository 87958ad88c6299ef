#pragma once

#include "core/jobs/job_fold.hpp"
#include "core/jobs/job_part.hpp"
#include "core/jobs/plans/plan_targets.hpp"
#include "core/scan/candidate_scan.hpp"
#include "model/id_list.hpp"
#include "model/key_list.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon {

/// The jobs that a job takes its devices from, by number: 0 is none. Jobs with a rollout only, as all here.
/// Of one part.
struct JobSources {
    std::uint64_t from = 0;                      ///< Those of them that stand in a state.
    std::uint64_t undo_of = 0;                   ///< Those that it wrote.
    std::string wrote;                           ///< What that wrote to all of them, as `Reversal::wrote`.
    std::shared_ptr<const PlanTargets> planned;  ///< What the job's plan has found; null without a plan.
    bool wants_digest = false;                   ///< Of the devices, though the job has no rollout.
};

/// Is shown each device that a scan finds, which then stores nothing.
class TargetLooker {
public:
    virtual ~TargetLooker() = default;
    virtual void look(Ordinal ordinal, std::string_view key, const Record* record) = 0;
};

/// Finds a job's devices on one shard, in key order, a slice at a time, and stores them. It reads
/// committed documents, so every write that was acknowledged counts. What an interrupted start left
/// in the log goes first. The shard's thread only.
class JobTargetScan final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    static constexpr std::size_t slice_records_max = 4096;
    /// Ours: of a plan, which nobody waits for as for a job; and after how many records the clock is looked at.
    static constexpr std::chrono::microseconds plan_slice_max{50};
    static constexpr std::size_t plan_records_a_look = 16;
    /// Groups of a spread in one part; who comes later stands in the group of those without a value.
    static constexpr std::size_t spread_groups_max = 65'536;
    /// Ours: devices of an undo whose overwritten values are read at once.
    static constexpr std::size_t piece_devices_max = 65'536;

    /// Given the targets once they are durable, or what hindered.
    using Done = UniqueFunction<void(Result<JobPart::Targets>)>;

    /// `condition` is absent for a job that lists its devices. `started` is the job's.
    JobTargetScan(JobSite& site, std::shared_ptr<JobEntry> entry,
                  std::optional<query::JobCondition> condition, WallTime started, JobSources sources,
                  Done done);

    ~JobTargetScan() override;

    /// Before its first step: the devices are only shown to `looker`, and of the targets there is the digest.
    void show_to(std::shared_ptr<TargetLooker> looker) { looker_ = std::move(looker); }

    bool step() override;
    /// `done` is not called any more.
    void abandon() { is_over_ = true; }

private:
    bool step_all(TimePoint enough);
    bool step_candidates(TimePoint enough);
    bool step_listed(TimePoint enough);
    struct Source;
    void read_sources();
    static Result<> read(Store& store, std::uint32_t shard, const JobSources& sources, Source& source);
    template <class Work, class Then>
    void on_storage(Work work, Then then);
    bool step_source(TimePoint enough);
    bool is_chosen(std::uint32_t index) const;
    void read_piece();
    bool find_reversal(std::uint32_t index, const std::string& key);
    void examine_of_source(std::uint32_t index, const std::string& text);
    void put_reversals();
    MustSucceedEvent musts_of_chunk();
    bool must_succeed(const Record* record);
    void examine(const Record& record);
    void examine_listed(std::string_view id);
    void add(Ordinal ordinal, std::string_view key, const Record* record);
    std::uint64_t put(const JobEvent& event);
    std::uint32_t group_of(const Record* record);
    void put_chunk();
    void finish();
    bool is_slice_over(std::size_t looked, TimePoint enough);

    JobSite& site_;
    const std::shared_ptr<JobEntry> entry_;
    const std::optional<query::JobCondition> condition_;
    const WallTime started_;
    const JobSources sources_;
    std::optional<query::JobCondition> must_succeed_;  ///< `success.all`
    std::shared_ptr<TargetLooker> looker_;
    Done done_;
    bool is_over_ = false;
    bool has_begun_ = false;
    std::optional<Error> refused_;

    std::optional<query::ColumnPlan> columns_;  ///< The condition, for a scan of all.
    std::optional<CandidateScan> candidates_;   ///< The rows a scan of all need look at.
    bool knows_candidates_ = false;             ///< All of them, or that columns are no help.
    std::optional<IdentityKey> after_;          ///< Where a scan of all goes on.
    std::optional<IdList> hinted_;              ///< The only ids the condition can hold for.
    std::optional<IdList::Reader> listed_;      ///< Ids to look up instead of a scan of all.

    std::shared_ptr<Source> source_;  ///< These parts of the sources, once they are read.
    std::uint32_t source_index_ = 0;  ///< The next device.
    std::uint32_t reversal_ = 0;      ///< Of the device that is examined, in the table of `source_`.
    bool is_reading_ = false;

    query::Meter meter_;        ///< Of the condition.
    std::uint64_t enough_ = 0;  ///< Steps of it at which the clock is looked at.

    JobPart::Targets targets_;
    std::unordered_map<std::string, std::uint32_t>
        groups_;  ///< Of a spread, by name.  Bound: spread_groups_max
    TargetsEvent chunk_;
    KeyList keys_;
    std::size_t chunk_musts_ = 0;  ///< `targets_.must_succeed` from where `chunk_` begins.
    ReversalsWriter reversals_;    ///< Of an undo: of the newest targets.
};

}  // namespace carillon
