#pragma once

#include "base/clock.hpp"
#include "core/jobs/chain/log_chain.hpp"
#include "model/rollouts/rollout_confirm.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Whether devices join a continuous job: `until_known` only those that were there before the source of its
/// devices ended.
enum class MemberTaking : std::uint8_t { none, open, until_known };

/// Devices of a job, or of one of its waves, that have ended.
struct GateCounts {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t canceled = 0;  ///< Not in any measure.

    std::uint64_t ended() const { return succeeded + failed; }
    GateCounts& operator+=(const GateCounts& o);
    bool operator==(const GateCounts&) const = default;
};

/// Failed devices by kind.
using KindCounts = std::array<std::uint64_t, all_failure_kinds>;

/// What a part of a job tells its gate: all of it is a state, never a step, so a report may come twice, and
/// one that is lost is made good by the next.
struct GateReport {
    std::uint32_t part = 0;
    std::uint64_t number = 0;     ///< Rises with each report of the part; of two the newer counts.
    std::uint64_t used = 0;       ///< Permits with which devices began, since the part was made.
    std::uint64_t returned = 0;   ///< Permits given back.
    std::uint64_t in_flight = 0;  ///< Devices begun and not ended, intents under way included.
    std::uint64_t wanted = 0;     ///< Devices that could begin at once, at most `Gate::outstanding_max`.
    std::vector<std::uint32_t> places;  ///< Of those, ascending; empty if the job has no order.
    std::uint64_t backing_off = 0;      ///< Devices that wait for their next attempt,
    std::uint64_t waits_offline = 0;    ///< and those that were not there at their turn,
    std::uint64_t waits_window = 0;     ///< or in no window of theirs.
    std::uint64_t devices = 0;          ///< All that it has; of a continuous job this rises.
    std::vector<GateCounts> waves;      ///< One for a job without waves.
    KindCounts kinds{};
    LogHead log;                    ///< Of the part's own log, as far as it is durable.
    std::uint64_t must_missed = 0;  ///< Once all have ended: devices of `success.all` without success.
    std::optional<std::uint32_t> tested_wave;  ///< As `PartOrders::tested_wave`, of which:
    /// In the order in which they began: what became of each device, see `PartGate::tested`.
    std::string tested;
    WallTime last_begun;  ///< When the last of them began, so far.
    // Of its lost connections: `w` for each device of the wave and `k` for each of the control group that
    // lost its own, in that order,
    std::string lost;
    std::uint64_t watched_in_wave = 0;  ///< and those that have not, or of which it is not on disk yet.
    std::uint64_t watched_in_control = 0;
    std::uint64_t control = 0;  ///< Devices of the control group that were watched at any time.
    std::uint64_t obeyed =
        0;  ///< The newest `PartOrders::number` that holds: if that is a pause, nothing begins.
};

/// Permits for one part.
struct GatePermit {
    std::uint32_t part = 0;
    std::uint64_t granted = 0;  ///< All that it was ever given.
};

/// The only way from pending to work in a job with a rollout: parts ask, the gate gives permits as cap and
/// rate allow, the lowest places first. Counts what it has given and not seen used as in flight, so the cap
/// holds at any instant whatever messages are under way. Has no clock, thread or store; lives with the
/// coordinator.
class Gate {
public:
    /// Ours: permits in one message, and given to a part and not used yet.
    static constexpr std::size_t batch_max = 512;
    static constexpr std::size_t outstanding_max = 1024;
    /// Permits not used within this time are given back by the part.
    static constexpr std::chrono::milliseconds lapse{100};

    explicit Gate(std::size_t parts) : parts_(parts) {}

    /// Takes effect at once; a lower cap interrupts nothing.
    void set_cap(std::optional<std::uint64_t> cap) { cap_ = cap; }
    /// A bucket that holds one second's worth, at least one device. Source: docs/rollout-reference.md, pace.
    void set_rate(const std::optional<RolloutRate>& rate, TimePoint now);
    /// While closed nothing is given. Opening begins with one token.
    void open(TimePoint now);
    void close() { is_open_ = false; }
    bool is_open() const { return is_open_; }

    void report(const GateReport& report);
    /// What may begin now, not told before.
    std::vector<GatePermit> give(TimePoint now);
    /// When more may begin, if it is only the rate that holds devices back.
    std::optional<TimePoint> next(TimePoint now) const;

    /// Nothing is given before every part has told its counts.
    bool has_heard_all() const { return heard_ == parts_.size(); }
    /// Devices begun and not ended, and permits that may become such.
    std::uint64_t in_flight() const;
    /// Devices that could begin, beyond those.
    std::uint64_t wanted() const;
    /// All that a part was ever given.
    std::uint64_t granted(std::size_t part) const { return parts_[part].granted; }
    /// True if every part has obeyed the orders of this number.
    bool is_obeyed(std::uint64_t number) const;

private:
    struct Part {
        bool has_told = false;
        std::uint64_t granted = 0;
        std::uint64_t used = 0;
        std::uint64_t returned = 0;
        std::uint64_t in_flight = 0;
        std::uint64_t wanted = 0;
        std::uint64_t obeyed = 0;
        std::vector<std::uint32_t> places;

        std::uint64_t outstanding() const { return granted - used - returned; }
        /// Wanted and not given.
        std::uint64_t open() const { return wanted > outstanding() ? wanted - outstanding() : 0; }
    };
    void refill(TimePoint now);
    std::uint64_t room() const;
    std::uint64_t tokens() const;
    void give_by_place(std::uint64_t count, std::vector<std::uint64_t>& given) const;
    void give_in_turn(std::uint64_t count, std::vector<std::uint64_t>& given);

    std::vector<Part> parts_;
    std::size_t heard_ = 0;
    bool is_open_ = false;
    std::optional<std::uint64_t> cap_;
    std::optional<RolloutRate> rate_;
    // The bucket: in each nanosecond `rate_count_` units flow in, and a device costs `cost_`.
    std::uint64_t rate_count_ = 0;  ///< 0: no rate.
    std::uint64_t cost_ = 1;
    std::uint64_t units_ = 0;
    TimePoint filled_at_{};
    std::size_t turn_ = 0;  ///< The part that is served first.
};

}  // namespace carillon
