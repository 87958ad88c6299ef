#pragma once

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
#include <vector>

namespace carillon {

/// Finds a job's devices on one shard, in key order, a slice at a time, and stores them. It reads
/// committed documents, so every write that was acknowledged counts. What an interrupted start left
/// in the log goes first. The shard's thread only.
class JobTargetScan final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    static constexpr std::size_t slice_records_max = 4096;

    /// Given the targets once they are durable, or what hindered.
    using Done = UniqueFunction<void(Result<JobPart::Targets>)>;

    /// `condition` is absent for a job that lists its devices. `started` is the job's.
    JobTargetScan(JobSite& site, std::shared_ptr<JobEntry> entry,
                  std::optional<query::JobCondition> condition, WallTime started, Done done);

    bool step() override;
    /// `done` is not called any more.
    void abandon() { is_over_ = true; }

private:
    bool step_all(TimePoint enough);
    bool step_candidates(TimePoint enough);
    bool step_listed(TimePoint enough);
    void examine(const Record& record);
    void examine_listed(std::string_view id);
    void add(Ordinal ordinal, std::string_view key);
    void put_chunk();
    void finish();
    bool is_slice_over(std::size_t looked, TimePoint enough);

    JobSite& site_;
    const std::shared_ptr<JobEntry> entry_;
    const std::optional<query::JobCondition> condition_;
    const WallTime started_;
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

    query::Meter meter_;        ///< Of the condition.
    std::uint64_t enough_ = 0;  ///< Steps of it at which the clock is looked at.

    JobPart::Targets targets_;
    TargetsEvent chunk_;
    KeyList keys_;
};

}  // namespace carillon
