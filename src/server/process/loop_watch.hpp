#pragma once

#include "base/clock.hpp"
#include "base/metrics.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace carillon {

class IoThreads;

/// Whether every event loop still turns, and how late: asks each loop for a turn now and then. How long that
/// takes is the lag of the loop, and a loop that does not come to it is stuck.
class LoopWatch {
public:
    /// Ours: turns are a fraction of a millisecond, so a loop that is behind by this does not come back.
    static constexpr std::chrono::seconds stuck_after{10};

    /// Both outlive the watch, and the loops have stopped before it goes.
    LoopWatch(IoThreads& threads, Clock& clock);

    /// Asks each loop that has come to what was asked last for another turn. Any thread.
    void ask();
    /// The loops that are stuck, by number. Any thread.
    std::vector<std::size_t> stuck() const;
    std::size_t size() const { return loops_.size(); }
    /// From asking a loop for a turn until it came. Any thread.
    const TimeHistogram& lag(std::size_t loop) const { return loops_[loop]->lag; }

private:
    struct Loop {
        TimeHistogram lag;                     ///< Written by the loop itself.
        std::atomic<TimePoint::rep> asked{0};  ///< When a turn was asked for; 0 if it came.
    };

    IoThreads& threads_;
    Clock& clock_;
    std::vector<std::unique_ptr<Loop>> loops_;  ///< Bound: fixed.
};

}  // namespace carillon
