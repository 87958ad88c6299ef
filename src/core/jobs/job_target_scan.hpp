#pragma once

#include "core/jobs/job_fold.hpp"
#include "core/jobs/job_part.hpp"
#include "core/scan/candidate_scan.hpp"
#include "core/shard/key_list.hpp"
#include "model/id_list.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon {

/// Finds a job's devices on one shard, in key order, a slice at a time, and stores them. It reads
/// committed documents, so every write that was acknowledged counts. What an interrupted start left
/// in the log goes first. The shard's thread only.
class JobTargetScan final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    static constexpr std::size_t slice_records_max = 4096;
    /// Groups of a spread in one part; who comes later stands in the group of those without a value.
    static constexpr std::size_t spread_groups_max = 65'536;

    /// Given the targets once they are durable, or what hindered.
    using Done = UniqueFunction<void(Result<JobPart::Targets>)>;

    /// `condition` is absent for a job that lists its devices. `started` is the job's.
    /// `source` is the number of the job whose devices are the targets, or 0.
    JobTargetScan(JobSite& site, std::shared_ptr<JobEntry> entry,
                  std::optional<query::JobCondition> condition, WallTime started, std::uint64_t source,
                  Done done);

    bool step() override;
    /// `done` is not called any more.
    void abandon() { is_over_ = true; }

private:
    bool step_all(TimePoint enough);
    bool step_candidates(TimePoint enough);
    bool step_listed(TimePoint enough);
    void read_source();
    bool step_source(TimePoint enough);
    bool is_chosen(std::uint32_t index) const;
    void examine(const Record& record);
    void examine_listed(std::string_view id);
    void add(Ordinal ordinal, std::string_view key, const Record* record);
    std::uint32_t group_of(const Record* record);
    void put_chunk();
    void finish();
    bool is_slice_over(std::size_t looked, TimePoint enough);

    JobSite& site_;
    const std::shared_ptr<JobEntry> entry_;
    const std::optional<query::JobCondition> condition_;
    const WallTime started_;
    const std::uint64_t source_;
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

    std::optional<JobFold> fold_;     ///< This part of the source, once it is read.
    std::uint32_t source_index_ = 0;  ///< The next device of it.
    bool is_reading_ = false;

    query::Meter meter_;        ///< Of the condition.
    std::uint64_t enough_ = 0;  ///< Steps of it at which the clock is looked at.

    JobPart::Targets targets_;
    std::unordered_map<std::string, std::uint32_t>
        groups_;  ///< Of a spread, by name.  Bound: spread_groups_max
    TargetsEvent chunk_;
    KeyList keys_;
};

}  // namespace carillon
