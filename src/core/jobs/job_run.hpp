#pragma once

#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "core/jobs/gate.hpp"
#include "core/jobs/job_control.hpp"
#include "core/jobs/part_gate.hpp"
#include "model/rollouts/plan_ref.hpp"
#include "model/rollouts/start_after.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// A job with a rollout as its coordinator holds it: what its log says, its gate, what its parts told last,
/// and what they are told. No clock, store or thread.
class JobRun {
public:
    JobRun(const JobDefinition& definition, std::size_t parts);

    JobControl control;
    Gate gate;

    /// What each part has of the targets; `has_order` if they have places.
    void set_parts(const std::vector<std::uint64_t>& sizes, bool has_order);
    /// What is older than what is known says nothing.
    void report(const GateReport& report);
    const ControlCounts& counts() const { return counts_; }
    std::uint64_t backing_off() const;
    std::uint64_t waits_offline() const;
    std::uint64_t must_missed() const;
    /// Of a continuous job: where its devices come from, beside its condition.
    std::shared_ptr<const MemberSources> sources;
    /// Where the parts' logs end, as they told last.
    std::vector<LogHead> log_heads() const;

    /// The tests of waves: those that are over, and the one that is not.
    std::vector<std::pair<WaveTest, WaveTestState>> tests() const;

    /// What a part is told. `started` opens a job without waves.
    PartOrders orders_for(std::size_t part, WallTime started, WallTime deadline) const;
    /// The parts are to be told anew.
    std::uint64_t renew_orders() { return ++orders_; }
    std::uint64_t orders() const { return orders_; }

    /// True if no device is begun, and none could be.
    bool is_idle() const {
        return gate.has_heard_all() && gate.in_flight() == 0 && (control.is_paused() || gate.wanted() == 0);
    }

    std::optional<RolloutStartAfter> start_after;  ///< The job it waits for,
    WallTime released;                             ///< and since when it need not; 0 before.
    std::optional<RolloutPlanRef> plan;            ///< What it carries out,
    std::optional<PlanCheckedEvent> plan_checked;  ///< and how that compares with what was found now.
    std::string digest;                            ///< Of its devices, once they are found.

    std::uint64_t next_sequence = 1;   ///< Of its log.
    std::optional<LogChain> chain;     ///< The same; none in a log that an older version began.
    std::optional<Sha256Digest> seal;  ///< The newest that is durable,
    WallTime sealed_at;                ///< when,
    std::uint64_t sealed_events = 0;   ///< and how many events there were then, of the parts and its own.
    std::uint64_t events() const;
    std::uint64_t durable_sequence = 1;  ///< The same, of what is on disk.
    WallTime patient_until;              ///< See `PartOrders`.
    bool is_writing = false;             ///< Events of its log are on their way to disk.
    bool is_stopping = false;            ///< Those will pause or cancel it: nothing begins any more.
    bool has_begun = false;              ///< Its parts have.
    bool has_place = false;              ///< It is one of `running_max`,
    bool is_in_line = false;             ///< or waits for that again.
    Timers::Id timer;
    std::vector<UniqueFunction<void()>> watchers;  ///< Called, and forgotten, at each report.

private:
    struct Part {
        std::uint64_t size = 0;
        GateReport last;
    };
    std::vector<Part> parts_;
    bool has_order_ = false;
    ControlCounts counts_;
    std::uint64_t orders_ = 0;
    /// The wave that is judged by a test now.
    struct Tested {
        WaveTestState state;
        std::vector<std::string> parts;  ///< What they told: `GateReport::tested`.
        /// Part, and place there, of devices in the order in which they count.  Bound: what the parts tell
        std::vector<std::pair<std::uint32_t, std::size_t>> order;
        std::size_t counted = 0;  ///< Of them.
        /// Of a part: who is watched for lost connections, and how many of those it told have been counted.
        struct Watched {
            std::uint64_t in_wave = 0;
            std::uint64_t in_control = 0;
            std::uint64_t control = 0;
            std::size_t counted = 0;
        };
        std::vector<Watched> watched;  ///< By part.  Bound: the hub's shards
    };
    std::optional<Tested> tested_;
    void add_test(PartOrders& orders, std::size_t part) const;
    void look_at_wave(std::uint32_t wave);
    void follow_test(const GateReport& report);
    void follow_lost(const GateReport& report, const WaveTest& test);
};

}  // namespace carillon
