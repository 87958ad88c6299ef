#include "server/process/loop_watch.hpp"

#include "net/io_thread.hpp"

#include <gtest/gtest.h>
#include <future>
#include <thread>

namespace carillon {
namespace {

using Loops = std::vector<std::size_t>;

TEST(LoopWatch, FindsTheOneLoopOfSeveralThatDoesNotTurn) {
    SystemClock loop_clock;
    IoThreads threads(3, loop_clock);
    ManualClock clock(WallTime::from_unix_s(0));
    clock.advance(std::chrono::seconds(1));
    LoopWatch watch(threads, clock);
    threads.start();
    std::promise<void> hangs;
    std::promise<void> goes_on;
    threads[1].post([&] {
        hangs.set_value();
        goes_on.get_future().wait();
    });
    hangs.get_future().wait();
    watch.ask();
    while (watch.lag(0).count() + watch.lag(2).count() < 2) std::this_thread::yield();
    EXPECT_EQ(watch.stuck(), Loops{});
    clock.advance(LoopWatch::stuck_after);
    watch.ask();  // As late as before: what was asked first has not come.
    EXPECT_EQ(watch.stuck(), Loops{1});
    goes_on.set_value();
    while (watch.lag(1).count() < 1) std::this_thread::yield();
    while (!watch.stuck().empty()) std::this_thread::yield();
    EXPECT_EQ(watch.lag(1).sum(), std::chrono::nanoseconds(LoopWatch::stuck_after).count());
    threads.stop();
}

}  // namespace
}  // namespace carillon
