#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_fold.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/shard.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Tells of the devices of a shard that have ended in jobs: an event in the log of messages for each, while a
/// route wants them. Reads what happened from the jobs' own logs, so that the end of a million devices, which
/// is one event there, is told in pieces. How far a part is told is on disk: noted in the batch of the first
/// event that is to be told, moved in the batches that tell, and removed behind the last. So each end is told
/// once, whatever happens to the process. Shard's thread only. Format: docs/storage.md.
class JobNotices final : public BackgroundWork {
public:
    static constexpr std::size_t piece_devices_max = 64;       ///< Ours: told in one turn.
    static constexpr std::size_t read_bytes_max = 256 * 1024;  ///< Ours: of a log, read in one go.
    /// Ours: devices of folded logs that are kept for the next events, some 20 bytes each.
    static constexpr std::size_t folded_devices_max = 1'000'000;
    /// Ours: after the store refused, how long until the same is tried again.
    static constexpr std::chrono::milliseconds retry_delay{1000};

    JobNotices(Shard& shard, BackgroundTurns& turns);

    /// Finds what was not told to its end. Before the threads run, with all jobs on the board. Fails with
    /// `store_failed`, `store_corrupt`.
    Result<> load(const JobBoard& board);
    void start();

    /// An event of the job's part is in the batch being gathered, and later durable or refused.
    void written(const std::shared_ptr<JobEntry>& entry, std::uint64_t sequence);
    void settled(std::uint64_t job, std::uint64_t sequence, bool is_durable);

    bool step() override;

private:
    /// The first that is to be told: an event of the part's log, and how many of its devices are told.
    struct Place {
        std::uint64_t sequence = 0;
        std::uint64_t told = 0;
    };
    using Event = std::pair<std::uint64_t, JobEvent>;
    struct Part {
        std::shared_ptr<JobEntry> entry;
        Place place;                ///< With all that is in the batch,
        Place durable;              ///< and without.
        std::uint64_t noted = 0;    ///< The event in whose batch the place was first put.
        std::uint64_t written = 0;  ///< The newest event,
        std::uint64_t settled = 0;  ///< and the newest that is durable or refused.
        bool is_stored = false;     ///< The place is on disk.
        bool has_news = true;       ///< Its log may hold more than was read.
        bool is_reading = false;
        bool is_ending = false;     ///< All is told, and the place is being removed.
        std::uint64_t attempt = 0;  ///< What is answered to an earlier one counts no more.
        std::optional<JobFold> fold;
        std::vector<Event> events;         ///< Read, oldest last.
        std::vector<std::uint32_t> ended;  ///< By the newest event that is folded.
        std::optional<JobEvent> newest;

        bool is_under_way() const { return settled < written; }
    };
    std::string row_key(std::uint64_t job) const;
    void put_place(const Part& part);
    void forget_all();
    bool work(Part& part);
    bool take_event(Part& part);
    bool tell(Part& part);
    void read(Part& part);
    void have_read(std::uint64_t job, std::uint64_t attempt, Result<std::vector<Event>> events);
    void end(Part& part);
    void put_off(Part& part);
    void drop_folds(const Part& kept);
    void wait_for_disk();
    std::weak_ptr<JobNotices> self() { return std::static_pointer_cast<JobNotices>(shared_from_this()); }

    Shard& shard_;
    BackgroundTurns& turns_;
    std::map<std::uint64_t, Part> parts_;  ///< By job. Bound: jobs of the hub
    std::uint64_t last_ = 0;               ///< The job that had the last turn.
    std::uint64_t last_attempt_ = 0;
    bool is_waiting_ = false;  ///< For the disk, or for time.
};

}  // namespace carillon
