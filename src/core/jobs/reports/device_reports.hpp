#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/jobs/job_board.hpp"
#include "core/jobs/reports/open_reports.hpp"
#include "core/jobs/reports/part_report.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace carillon {

/// Which devices a report has; all that is given must hold.
struct DeviceReportFilter {
    std::optional<DeviceJobStatus> status;
    std::optional<FailureKind> kind;
    std::optional<std::uint32_t> wave;
};

/// What became of the devices of a job, read from its log one part after the other: in each part by key. Of a
/// job that runs it is each part at the moment in which that is read. Any thread, one call at a time; may
/// outlive the job, but not the hub.
class DeviceReports {
public:
    /// Ours: reports of one hub that are read at a time, as each holds a part in memory.
    static constexpr std::size_t open_max = 4;
    static constexpr std::size_t rows_max = 128;               ///< Ours: of one answer.
    static constexpr std::size_t looked_max = 4096;            ///< Ours: devices looked at in one turn.
    static constexpr std::size_t read_bytes_max = 256 * 1024;  ///< Ours: read from the store in one go.
    /// How many there are, of one hub.
    using Count = std::shared_ptr<OpenReports>;

    /// Fails with `throttling_exception`.
    static Result<std::unique_ptr<DeviceReports>> open(Shards& shards, const JobBoard& board,
                                                       std::shared_ptr<JobEntry> entry, JobProgress progress,
                                                       DeviceReportFilter filter, Count count);
    ~DeviceReports();
    DeviceReports(const DeviceReports&) = delete;
    DeviceReports& operator=(const DeviceReports&) = delete;

    const std::shared_ptr<JobEntry>& entry() const { return entry_; }
    Shards& shards() const { return shards_; }
    const Count& open_reports() const { return count_; }
    /// The next ones; none at the end. Fails with `service_unavailable`, `store_corrupt`.
    Task<Result<std::vector<DeviceReport>>> next();

private:
    DeviceReports(Shards& shards, const JobBoard& board, std::shared_ptr<JobEntry> entry,
                  JobProgress progress, DeviceReportFilter filter, Count count);
    Task<Result<std::vector<DeviceReport>>> step();
    Task<Result<>> read_part();
    Task<Result<>> cut_waves();
    bool is_wanted(const DeviceReport& report) const;

    Shards& shards_;
    const JobBoard& board_;
    const std::shared_ptr<JobEntry> entry_;
    const JobProgress progress_;
    const DeviceReportFilter filter_;
    const Count count_;
    std::uint32_t part_ = 0;
    std::optional<PartReport> report_;                   ///< Of this part, once it is read.
    std::uint32_t index_ = 0;                            ///< The next device of it.
    bool has_waves_ = false;                             ///< They are cut.
    std::vector<std::vector<std::uint64_t>> wave_ends_;  ///< By part.  Bound: fixed.
};

}  // namespace carillon
