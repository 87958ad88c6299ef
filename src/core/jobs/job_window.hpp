#pragma once

#include "base/clock.hpp"

#include <cstddef>

namespace carillon {

/// How many devices a method job may have in flight on one shard. Grows while answers come quickly,
/// shrinks when even the quickest answer of a round is slow, since then it is our links that are
/// full; devices that take their time do not count against anyone. A pure rule: no clock inside.
class MethodWindow {
public:
    static constexpr std::size_t start = 256;
    static constexpr std::size_t least = 16;
    /// Ours: a round trip below this is never a sign of full links. Longer queues gain nothing, and
    /// whoever calls a method meanwhile waits behind them.
    static constexpr std::chrono::milliseconds quick{4};
    /// Ours: and above, if it is this many times the quickest ever seen.
    static constexpr int slow_factor = 4;
    /// Ours: losses in a round beyond which, if they outnumber its answers, the window shrinks.
    static constexpr std::size_t losses_tolerated = 4;

    explicit MethodWindow(std::size_t most);

    std::size_t size() const { return size_; }
    /// An answer came after `round_trip`, while `in_flight` others were still out.
    void answered(Duration round_trip, std::size_t in_flight);
    /// Of the devices just looked at, more were congested than could be sent to.
    void congested();
    /// A device lost its connection while it was asked. One or two mean nothing; when many go at once the
    /// network does, and whoever is asked in that moment fails although it did nothing wrong.
    void lost();

private:
    std::size_t round_size() const;
    void shrink();

    std::size_t most_;
    std::size_t size_;
    Duration quickest_ever_ = Duration::max();
    Duration quickest_ = Duration::max();  ///< Of this round.
    std::size_t answers_ = 0;              ///< In this round.
    std::size_t losses_ = 0;               ///< In this round, since it last shrank.
    bool was_full_ = false;                ///< The window held us back in this round.
};

}  // namespace carillon
