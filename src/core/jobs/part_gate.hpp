#pragma once

#include "base/prefetch.hpp"
#include "core/jobs/gate.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_state.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {

/// Where a continuous job takes devices from that come later, beside its condition.
struct MemberSources {
    std::uint64_t from = 0;     ///< The job whose devices it takes in a state, by number; 0: none.
    std::uint64_t undo_of = 0;  ///< The job whose writes it takes back; 0: none.
    std::string wrote;          ///< What that wrote to all of them, as `Reversal::wrote`.
};

/// What the coordinator wants of one part of a job with a rollout: a state, never a step, so that the newest
/// says it all.
struct PartOrders {
    std::uint64_t number = 0;  ///< Rises with each change.
    bool is_held = false;      ///< Nothing begins: the job is paused or may not go on.
    /// In a job with an order, places of the whole job; else positions of this part: where each wave ends,
    /// and up to where waves are open.
    std::vector<std::uint32_t> wave_ends;
    std::uint32_t open_to = 0;
    std::vector<WallTime> opened;            ///< When each open wave was opened.
    JobType type = JobType::update_twin;     ///< Of the job, as its rollout is read by.
    std::shared_ptr<const Rollout> rollout;  ///< With all changes made since.
    WallTime deadline;
    std::optional<std::uint32_t> tested_wave;  ///< The wave that is judged by a test now, if one is.
    // Of that:
    std::int64_t slower_than_ms = 0;  ///< An answer that takes longer is slow; 0: nobody asks.
    std::int64_t watch_ms = 0;        ///< For how long lost connections count; 0: they do not.
    std::uint32_t control = 0;        ///< Devices of this part in the control group.
    WallTime patient_until;  ///< Before this nobody who is not there is given up: the hub has just started.
    // Of a continuous job:
    MemberTaking members = MemberTaking::none;
    std::shared_ptr<const MemberSources> sources;
};

/// When a device of a wave with a test began, and answered if it has.
struct BegunTimes {
    WallTime begun;
    WallTime answered;
};

/// A part's side of its job's gate: which devices are next, which of them may begin, and what the gate is
/// told. A *position* counts the part's devices in the order in which they begin. Of one part, on its shard's
/// thread.
class PartGate {
public:
    /// `places` are those of the part's devices in the whole job, or none if they begin as they are stored.
    /// `order` has the indexes by place; if it is empty it is made of `places`. Those of `state` that have no
    /// place in a job that `is_ordered` have joined it since.
    PartGate(std::uint32_t part, bool is_ordered, std::vector<std::uint32_t> places,
             std::vector<std::uint32_t> order, const PartState& state);
    /// Ours: the place of the first device of a part that joined; those after it stand behind it.
    static constexpr std::uint32_t joined_place = std::uint32_t{1} << 31;
    /// Devices have joined; there are so many now.
    void grow(std::size_t size);

    bool has_orders() const { return orders_.number > 0; }
    const PartOrders& orders() const { return orders_; }
    const Rollout& rollout() const { return *orders_.rollout; }
    void obey(PartOrders orders, const PartState& state);
    bool is_held() const { return !has_orders() || orders_.is_held; }

    // --- order ---------------------------------------------------------------------------------
    bool has_order() const { return is_ordered_; }
    /// The device at a position.
    std::uint32_t at(std::uint32_t position) const { return has_order() ? order_[position] : position; }
    /// Orders devices as they are to begin.
    std::uint32_t place(std::uint32_t index) const { return has_order() ? places_[index] : index; }
    /// Positions before this one are open.
    std::uint32_t open_end() const { return open_end_; }
    bool is_open(std::uint32_t index) const { return place(index) < orders_.open_to; }
    std::size_t wave_of(std::uint32_t index) const;
    /// Of a part with an order: brings a device's place into the caches.
    void prefetch(std::uint32_t index) const { carillon::prefetch(&places_[index], sizeof(std::uint32_t)); }

    // --- permits -------------------------------------------------------------------------------
    /// All permits ever given.
    void granted(std::uint64_t all) { granted_ = std::max(granted_, all); }
    std::uint64_t all_granted() const { return granted_; }
    std::uint64_t balance() const { return granted_ - used_ - returned_; }
    /// True if some of the first `count` permits are neither used nor given back.
    bool is_unspent(std::uint64_t count) const { return used_ + returned_ < count; }
    void use(std::uint64_t count) { used_ += count; }
    void give_back(std::uint64_t count) { returned_ += count; }

    // --- counts --------------------------------------------------------------------------------
    /// A device has changed its state, durably.
    void note(std::uint32_t index, const PartState& state);
    /// The event is durable, and `state` not changed by it yet: who begins and who answers by it.
    void follow(const JobEvent& event, const PartState& state);
    /// The same of devices that had begun before a restart, in that order. `times` by index; none if no test
    /// asks for them.
    void remember_begun(std::vector<std::uint32_t> indexes, std::vector<BegunTimes> times);
    /// Those, and when each began, once the first orders are there; then they are forgotten here.
    std::vector<std::pair<std::uint32_t, WallTime>> take_begun();
    /// Positions of the devices of wave `wave`, which is open,
    std::pair<std::uint32_t, std::uint32_t> positions_of(std::uint32_t wave) const;
    /// and of the last `count` of those that the job started with and that are not open.
    std::pair<std::uint32_t, std::uint32_t> last_positions(std::uint32_t count) const;
    const std::vector<GateCounts>& waves() const { return waves_; }
    const KindCounts& kinds() const { return kinds_; }

    /// The report without what is wanted and in flight.
    GateReport report() const;

private:
    /// Ours: devices of a wave with a test that count in one part; a test is decided long before.
    static constexpr std::size_t tested_max = 16'384;
    void count_all(const PartState& state);
    void note_tested(std::uint32_t index, const PartState& state);
    void begun(std::uint32_t index, WallTime at);
    void begun_again(std::uint32_t index, WallTime at);
    void answered(std::uint32_t index, WallTime at);

    const std::uint32_t part_;
    void add_joined(std::size_t size);
    void open_up();

    const bool is_ordered_;
    std::vector<std::uint32_t> places_;
    const std::size_t started_;  ///< Devices that have a place of the whole job.
    std::uint32_t size_;
    std::vector<std::uint32_t> order_;  ///< Indexes by place; none without an order.
    PartOrders orders_;
    std::uint32_t open_end_ = 0;
    std::uint64_t granted_ = 0;
    std::uint64_t used_ = 0;
    std::uint64_t returned_ = 0;
    std::vector<GateCounts> waves_{1};
    KindCounts kinds_{};
    std::vector<std::uint32_t> begun_before_;  ///< Until the first orders.  Bound: the part's devices
    std::vector<BegunTimes> times_before_;     ///< The same, by index.  Bound: the part's devices
    /// Of the wave that is tested, in the order in which they began: `0` as long as it has not ended; `s`
    /// succeeded and `f` failed; of those that were slow to answer `S` and `F`, and `r` of one that failed
    /// with a quick answer; `x` canceled or not begun after all.  Bound: tested_max
    std::string tested_;
    /// The same, where slow answers count: how long the answer took, in ticks, or when it began, below
    /// zero.  Bound: tested_max
    std::vector<std::int64_t> tested_took_;
    WallTime last_begun_;                                           ///< Of that wave.
    std::unordered_map<std::uint32_t, std::size_t> tested_places_;  ///< By index.  Bound: tested_max
};

}  // namespace carillon
