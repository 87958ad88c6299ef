#pragma once

#include "core/jobs/job_ordinal_index.hpp"
#include "core/jobs/job_part.hpp"
#include "core/jobs/job_window.hpp"

#include <deque>
#include <functional>
#include <queue>
#include <vector>

namespace carillon {

/// A method job on one shard. Its cursor walks the pending devices once and dispatches those that
/// are online; others wait, at the cost of an index entry, until they say that they are ready. The
/// intent to send is durable before the first byte leaves, and answers are durable before they
/// count; both in batches of whatever is ready while the batch before is on its way. A request is
/// never sent twice.
class MethodPart final : public JobPart {
public:
    /// Ours: devices in one intent, sent in one turn, and looked at in one turn.
    static constexpr std::size_t dispatch_batch_max = 512;
    static constexpr std::size_t send_slice_max = 32;
    static constexpr std::size_t look_slice_max = 1024;
    /// Ours: requests of all method jobs of the hub that may be in flight.
    static constexpr std::size_t hub_in_flight_max = 65'536;
    /// Ours: bytes of answers on their way to disk beyond which nothing new is dispatched.
    static constexpr std::size_t outcome_bytes_max = 16 * 1024 * 1024;
    /// Ours: when devices are looked at again whose link was full.
    static constexpr std::chrono::milliseconds held_delay{50};

    MethodPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets);
    ~MethodPart() override;

    bool step() override;
    void device_ready(Record& record) override;
    void device_removed(Record& record) override;

private:
    enum class Look { gone, shut, zoneless, offline, held, online };
    /// A device that waits for its next attempt.
    struct Waiting {
        WallTime until;
        std::uint32_t index;
        bool operator>(const Waiting& o) const { return until > o.until; }
    };

    const MethodCall& call() const { return *definition().method; }
    Look look(std::uint32_t index) const;
    bool has_room() const;
    bool fill();
    void begin(std::vector<std::uint32_t> picked);
    void consider(std::uint32_t index, std::vector<std::uint32_t>& picked);
    void leave_behind(std::uint32_t index);
    void hold();
    void send_some();
    void send(std::uint32_t index, Duration timeout);
    void answered(std::uint32_t index, TimePoint sent, Result<MethodAnswer>&& result);
    void record(Outcome&& outcome);
    void fail_missing(std::uint32_t index);
    void put_outcomes();
    void returned(std::uint32_t index);
    void unburden(std::size_t count);

    // --- with a rollout ---
    bool step_gated();
    std::size_t window_room() const;
    void look_ahead();
    void consider_gated(std::uint32_t index);
    void stand_in_line(std::uint32_t index);
    void begin_some();
    void give_up(std::uint32_t index);
    void judge(Outcome& outcome) const;
    void wait_for_next(std::uint32_t index, WallTime until);
    void arm_waiting();
    void end_waiting();
    void expire() override;
    void unpark(std::uint32_t index) override;
    bool expire_some();
    void ordered(bool is_first) override;
    void fill(GateReport& report) const override;
    void add_places(GateReport& report) const override;
    bool is_quiet() const override;
    bool is_still() const override { return !is_intent_under_way_ && unsent_.empty(); }

    void applied(const JobEvent& event) override;
    void refused(JobEvent event) override;
    void flush() override;
    void closed() override;

    const std::shared_ptr<std::atomic<std::size_t>> hub_in_flight_;
    MethodWindow window_;
    std::uint32_t cursor_ = 0;
    OrdinalIndex left_behind_;            ///< Devices that were not online when their turn came.
    std::deque<std::uint32_t> ready_;     ///< Pending and claimed: to be dispatched next.
    std::vector<std::uint32_t> held_;     ///< Pending and claimed: their link is full.
    std::deque<std::uint32_t> unsent_;    ///< Running: the intent is durable, nothing sent yet.
    std::vector<Outcome> outcomes_;       ///< Known and not yet in a batch; their devices are claimed.
    std::size_t outcome_bytes_ = 0;       ///< Known and not yet durable.
    std::size_t outcomes_under_way_ = 0;  ///< Events.
    std::size_t busy_ = 0;                ///< Devices dispatched and not answered.
    std::size_t held_at_once_ = 0;        ///< Of those just looked at.
    bool is_intent_under_way_ = false;
    bool is_hold_armed_ = false;
    // With a rollout:
    std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;  ///< Claimed.
    std::size_t intent_devices_ = 0;       ///< Of the intent under way.
    std::uint64_t armed_wait_ = 0;         ///< Counts the timers for the next attempts.
    std::uint32_t expiring_ = UINT32_MAX;  ///< Position up to which who is not there was looked at again.
};

}  // namespace carillon
