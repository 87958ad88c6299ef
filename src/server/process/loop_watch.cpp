#include "server/process/loop_watch.hpp"

#include "net/io_thread.hpp"

namespace carillon {

LoopWatch::LoopWatch(IoThreads& threads, Clock& clock) : threads_(threads), clock_(clock) {
    for (std::size_t i = 0; i < threads.size(); ++i) loops_.push_back(std::make_unique<Loop>());
}

void LoopWatch::ask() {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        Loop& loop = *loops_[i];
        const TimePoint now = clock_.now();
        TimePoint::rep came = 0;
        if (!loop.asked.compare_exchange_strong(came, now.time_since_epoch().count())) continue;
        threads_[i].post([this, &loop, now] {
            loop.lag.add(clock_.now() - now);
            loop.asked = 0;
        });
    }
}

std::vector<std::size_t> LoopWatch::stuck() const {
    std::vector<std::size_t> found;
    const auto now = clock_.now().time_since_epoch();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        const auto asked = loops_[i]->asked.load();
        if (asked != 0 && now - TimePoint::duration(asked) >= stuck_after) found.push_back(i);
    }
    return found;
}

}  // namespace carillon
