#include "server/storage_thread.hpp"

#include <gtest/gtest.h>
#include <chrono>
#include <future>
#include <vector>

namespace carillon {
namespace {

TEST(StorageThread, RunsInOrderAndEverythingBeforeItEnds) {
    std::vector<int> seen;
    const auto here = std::this_thread::get_id();
    {
        StorageThread thread(0);
        for (int i = 0; i < 1000; ++i) {
            thread.run([&seen, here, i] {
                EXPECT_NE(std::this_thread::get_id(), here);
                seen.push_back(i);
            });
        }
    }
    ASSERT_EQ(seen.size(), 1000U);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(StorageThread, OfSeveralThreadsWaitsForNoSlowOne) {
    std::promise<void> quick;
    std::promise<void> slow;
    StorageThread threads(0, 2);
    threads.run([&] {
        quick.get_future().wait_for(std::chrono::seconds(90));
        slow.set_value();
    });
    threads.run([&] { quick.set_value(); });
    // With one thread this would never come, however long one waits.
    EXPECT_EQ(slow.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

}  // namespace
}  // namespace carillon
