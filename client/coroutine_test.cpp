#include "carillon/coroutine.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace carillon {
namespace {

using Asked = Operation<int>;

Coroutine add_up(std::function<void(Asked::Done)> ask, int times, std::atomic<int>& sum) {
    int own = 0;
    for (int i = 0; i < times; ++i) own += co_await Asked(ask);
    sum += own;
}

TEST(Coroutine, GoesOnAtOnceWithAnAnswerThatIsThere) {
    std::atomic<int> sum{0};
    add_up([](const Asked::Done& done) { done(1); }, 1000, sum);
    EXPECT_EQ(sum, 1000);
}

TEST(Coroutine, WaitsForAnAnswerThatComesLater) {
    std::atomic<int> sum{0};
    Asked::Done waiting;
    add_up([&waiting](Asked::Done done) { waiting = std::move(done); }, 2, sum);
    for (const int answer : {20, 3}) {
        EXPECT_EQ(sum, 0);
        const Asked::Done done = std::move(waiting);
        done(answer);
    }
    EXPECT_EQ(sum, 23);
}

TEST(Coroutine, GoesOnOnceThoughTheAnswerMayOvertakeTheWait) {
    constexpr int rounds = 2000;
    std::atomic<int> sum{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < rounds; ++i) {
        add_up([&](Asked::Done done) { threads.emplace_back([done = std::move(done)] { done(1); }); }, 1,
               sum);
        if (threads.size() < 8) continue;
        for (std::thread& thread : threads) thread.join();
        threads.clear();
    }
    EXPECT_EQ(sum, rounds);
}

}  // namespace
}  // namespace carillon
