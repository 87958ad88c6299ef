#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_fold.hpp"
#include "core/jobs/job_pages.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Answers for `devices.jobs`: folds the logs of the parts it needs, keeps some of these folds for
/// the next page, and reads payloads for the rows it returns. Shard 0's thread only; the store is
/// read on its storage executor.
class JobRows {
public:
    /// Ours: memory for folds beside those of the job last asked for.
    static constexpr std::size_t cache_bytes_max = 64 * 1024 * 1024;
    /// Ours: what is read from the store in one go, and rows made in one turn.
    static constexpr std::size_t read_bytes_max = 256 * 1024;
    static constexpr std::size_t slice_rows = 512;
    static constexpr std::size_t details_at_once = 32;  ///< Events read for payloads in one go.
    /// Ours: a fold that had to be read counts against `device_job_scan_max` as one row for so many devices.
    static constexpr std::size_t folded_devices_a_row = 64;

    JobRows(Shards& shards, const JobBoard& board) : shards_(shards), shard_(shards.first()), board_(board) {}

    /// As `Jobs::device_jobs`. Fails with `argument_invalid` for a position that is none, and with
    /// `service_unavailable` if the store cannot be read.
    Task<Result<DeviceJobPage>> page(std::optional<std::vector<std::string>> job_ids,
                                     std::optional<std::vector<std::string>> device_ids, DeviceJobKeep keep,
                                     std::string position, std::size_t page_size,
                                     std::optional<std::vector<DeviceJobStatus>> states);

private:
    struct Position;
    struct Making;
    struct Part {
        std::uint64_t job = 0;
        std::uint32_t shard = 0;
        JobFold fold;
        bool is_final = false;    ///< The job had ended before the last look, so nothing follows.
        bool is_reading = false;  ///< Somebody is at it.
        std::vector<UniqueFunction<void(bool)>> waiting;
    };
    using Event = std::pair<std::uint64_t, JobEvent>;

    std::vector<std::shared_ptr<JobEntry>> chosen(const std::vector<std::string>& job_ids) const;
    Task<Result<std::shared_ptr<Part>>> load(std::shared_ptr<JobEntry> entry, std::uint32_t shard,
                                             std::size_t& cost);
    Task<Result<>> read(std::shared_ptr<Part> part);
    std::shared_ptr<Part> cached(std::uint64_t job, std::uint32_t shard);
    void trim();
    Task<Result<>> scan_job(Making& making, std::shared_ptr<JobEntry> entry, std::string after);
    Task<Result<>> scan_all(Making& making, const JobEntry& entry,
                            const std::vector<std::shared_ptr<Part>>& parts, std::string_view after);
    Task<Result<>> scan_devices(Making& making, const std::shared_ptr<JobEntry>& entry,
                                std::string_view after);
    static bool take(Making& making, const JobEntry& entry, const std::shared_ptr<Part>& part,
                     std::uint32_t index);
    Task<Result<>> fill_details(Making& making);

    Shards& shards_;
    Shard& shard_;
    const JobBoard& board_;
    std::list<std::shared_ptr<Part>> cache_;  ///< The last used first.
};

}  // namespace carillon
