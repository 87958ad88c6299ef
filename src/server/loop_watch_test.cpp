#include "server/loop_watch.hpp"

#include "net/io_thread.hpp"

#include <gtest/gtest.h>
#include <future>
#include <thread>

namespace carillon {
namespace {

TEST(LoopWatch, NoticesOneLoopOfSeveralThatDoesNotTurn) {
    SystemClock clock;
    IoThreads threads(3, clock);
    threads.start();
    LoopWatch watch(threads);
    for (int turns = 0; turns < 3;) {
        if (watch.all_turn()) ++turns;
    }
    std::promise<void> hangs;
    std::promise<void> goes_on;
    threads[1].post([&] {
        hangs.set_value();
        goes_on.get_future().wait();
    });
    hangs.get_future().wait();
    while (!watch.all_turn()) std::this_thread::yield();  // What was asked before it hung.
    for (int looks = 0; looks < 100; ++looks) {
        ASSERT_FALSE(watch.all_turn());
        std::this_thread::yield();
    }
    goes_on.set_value();
    while (!watch.all_turn()) std::this_thread::yield();
    threads.stop();
}

}  // namespace
}  // namespace carillon
