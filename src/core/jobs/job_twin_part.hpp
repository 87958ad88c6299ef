#pragma once

#include "core/jobs/job_part.hpp"
#include "core/rollouts/undo_writer.hpp"
#include "core/shard/row_prefetch.hpp"

#include <deque>
#include <unordered_map>
#include <vector>

namespace carillon {

/// A twin job on one shard: a cursor over its devices, one atomic chunk at a time. The next chunk is
/// computed while those before are on their way to disk. A device that is gone, or whose twin would
/// grow over its size, fails alone.
class TwinPart final : public JobPart {
public:
    /// Ours: chunks on their way to disk, and bytes of notifications that wait with them.
    static constexpr std::size_t chunks_under_way_max = 48;
    static constexpr std::size_t notice_bytes_max = 8 * 1024 * 1024;
    /// Ours: a chunk ends early with so much that an undo would need.
    static constexpr std::size_t reversal_bytes_max = 128 * 1024;
    /// Ours: connected devices in a chunk, and in the chunks under way. They are notified in one go
    /// when their chunk is durable, which must not keep the loop for long.
    static constexpr std::size_t chunk_connected_max = 64;
    static constexpr std::size_t connected_under_way_max = 512;
    /// Ours: a chunk ends early after this long, as everything else on the shard waits for it.
    static constexpr std::chrono::microseconds slice_max{300};
    /// Ours: of a job with an order, how far ahead it asks for what the part itself knows of a device.
    static constexpr std::uint32_t target_ahead = 32;
    /// Ours: devices looked at in one turn; and of those that are waited for, how soon they are looked at
    /// again and how many in a second.
    static constexpr std::size_t look_slice_max = 1024;
    static constexpr std::chrono::milliseconds look_delay{500};
    static constexpr std::uint64_t looked_each_second = 50'000;
    /// Ours: when a strict hub is asked again for devices that may go on.
    static constexpr std::chrono::milliseconds pace_delay{50};

    /// Ours: confirmations in one event, and how long the first of them waits for others.
    static constexpr std::size_t confirmed_max = 512;
    static constexpr std::chrono::milliseconds confirmed_delay{50};
    /// Ours: how often devices are looked at that are to confirm, and how many of them in one go that are
    /// connected; so 50,000 in a second, and others as far as they leave room.
    static constexpr std::chrono::milliseconds confirm_look_delay{50};
    static constexpr std::size_t confirm_looks_max = 2500;

    TwinPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets);
    ~TwinPart() override;

    bool step() override;
    void device_ready(Record& record) override;
    void device_removed(Record& record) override;

private:
    /// What a device is told when the chunk is durable, if it is connected and subscribed then.
    struct Notice {
        Ordinal ordinal;
        std::int64_t version;
        std::string body;
    };
    /// Devices of an undo that get the same patch.
    struct Restored {
        std::shared_ptr<const TwinPatch> patch;
        std::vector<Ordinal> ordinals;
    };
    struct Chunk {
        TwinChunkEvent event;
        WrittenEvent written;            ///< Of a job with a rollout.
        std::size_t reversal_bytes = 0;  ///< In it.
        std::uint32_t last_kept = 0;     ///< Which reversal the last one was; 0: none yet.
        /// Numbers of its reversals by their hash.  Bound: the devices of the chunk
        std::unordered_multimap<std::size_t, std::uint32_t> kept;
        std::vector<Ordinal> patched;
        std::vector<Restored> restored;  ///< Of an undo, which patches nothing else.
        std::vector<Notice> notices;
        std::size_t notice_bytes = 0;
        std::size_t connected = 0;
    };

    bool has_room() const;
    void ask_again();
    void fetch_ahead(std::size_t index) const;
    void patch(std::uint32_t index, Chunk& chunk);
    void write(std::uint32_t index, Record& record, const TwinPatch& patch, UndoWriter::Write restored,
               Chunk& chunk);
    static std::uint32_t keep(std::string_view wrote, std::string_view before, Chunk& chunk);
    std::size_t put_log(WallTime time, const TwinPatch& patch, std::vector<Ordinal> ordinals);
    void fail(std::uint32_t index, Failure failure, Chunk& chunk) const;
    void put(Chunk chunk);
    void notify(const std::vector<Notice>& notices) const;
    bool step_gated();
    bool has_next() const {
        return !again_.empty() || (!waits_for_devices() && cursor_ < gate()->open_end());
    }
    // Where twins of devices that are not connected are not written:
    bool waits_for_devices() const {
        return has_windows() || gate()->rollout().offline.then != OfflineThen::write;
    }
    bool is_there(std::uint32_t index) const;
    bool is_writable(std::uint32_t index) const;
    /// True if the device has ended, or was written and is to confirm.
    bool is_done_with(std::uint32_t index) const {
        return is_terminal(state().at(index)) || state().at(index) == TargetState::running;
    }
    void look_ahead();
    void consider(std::uint32_t index);
    void give_up(std::uint32_t index);
    void put_expired();
    void stand_in_line(std::uint32_t index);
    void look_later();
    bool expire_some();
    void expire() override;
    void unpark(std::uint32_t index) override;
    std::uint32_t take_next();
    std::uint32_t peek_next() const { return again_.empty() ? gate()->at(cursor_) : again_.front(); }
    void wait_for_room();
    void ordered(bool is_first) override;
    void fill(GateReport& report) const override;
    void add_places(GateReport& report) const override;
    bool is_still() const override { return chunks_under_way_ == 0; }
    bool is_quiet() const override { return gate()->balance() == 0 && chunks_under_way_ == 0; }

    // --- of an undo: undo/twin_undo.cpp ---
    bool knows_how_to_undo(std::uint32_t index) const;
    Result<UndoWriter::Write> restoring(std::uint32_t index, const Twin& twin);
    std::vector<std::uint32_t> next_in_line() const;
    void fetch_undone();
    void fetch_undone_ahead();

    // --- where devices confirm what was written: confirm/twin_confirm.cpp ---
    void await_again(const std::vector<Awaited>& awaited);
    void await(const WrittenEvent& event);
    void look_at(Ordinal ordinal);
    void conclude(Ordinal ordinal, Failure failure);
    void put_confirmed_soon();
    void put_confirmed();
    void settle_confirmed(const JobEvent& event);
    void take_back(const JobEvent& event);
    Failure missing(Ordinal ordinal) const;
    void arm_confirm();
    void end_due();
    void look_again_later();
    std::size_t awaited_in_flight() const;
    void flush() override;

    void applied(const JobEvent& event) override;
    void refused(JobEvent event) override;

    RowPrefetch prefetch_;
    std::uint32_t cursor_ = 0;
    std::size_t chunks_under_way_ = 0;
    std::size_t notice_bytes_ = 0;
    std::size_t connected_ = 0;
    // With a rollout, where `cursor_` is a position:
    /// As they are to begin: devices whose chunk the store refused and, where the job waits for devices, all
    /// that are there and claimed.
    std::deque<std::uint32_t> again_;
    std::vector<std::uint32_t> expired_;   ///< Claimed: waited for long enough, and to fail.
    std::uint32_t expiring_ = UINT32_MAX;  ///< Position up to which who is not there was looked at again.
    std::size_t devices_under_way_ = 0;
    std::optional<OverwrittenReader> overwritten_;  ///< Of the job's own patch.
    OverwrittenReader::Seen now_there_;             ///< What it said last.
    std::string undone_there_;                      ///< The same of an undo.
    UndoWriter undo_;
    bool is_fetching_ = false;      ///< Of what it writes next.
    std::size_t looked_ahead_ = 0;  ///< Devices written since what comes next was looked at.
    struct Confirming;
    std::unique_ptr<Confirming> confirming_;  ///< Null where a device succeeds when it is written.
    bool is_look_armed_ = false;
    bool is_asking_ = false;  ///< A timer will ask the throttle again.
};

}  // namespace carillon
