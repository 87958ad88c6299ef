#include "net/io_thread.hpp"

#include "base/task.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <string>

namespace carillon {
namespace {

TEST(IoThread, RunsWhatIsPostedInOrderOnItself) {
    SystemClock clock;
    IoThread thread(0, clock);
    thread.start();
    std::vector<int> seen;
    std::promise<void> done;
    for (int i = 0; i < 1000; ++i) {
        thread.post([&seen, &thread, i] {
            EXPECT_EQ(IoThread::current(), &thread);
            seen.push_back(i);
        });
    }
    thread.post([&done] { done.set_value(); });
    done.get_future().wait();
    ASSERT_EQ(seen.size(), 1000U);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(IoThread::current(), nullptr);
}

TEST(IoThread, LosesNoPostFromThreadsThatRace) {
    SystemClock clock;
    IoThread thread(0, clock);
    thread.start();
    std::atomic<int> ran{0};
    std::promise<void> done;
    constexpr int each = 20'000;
    auto race = [&] {
        for (int i = 0; i < each; ++i) {
            thread.post([&] {
                if (++ran == 2 * each) done.set_value();
            });
        }
    };
    std::thread first(race);
    std::thread second(race);
    first.join();
    second.join();
    EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(IoThread, DoesBackgroundWorkAPieceATurnAndAfterWhatIsReady) {
    SystemClock clock;
    IoThread thread(0, clock);
    std::string seen;
    std::promise<void> done;
    thread.post([&] {
        for (int i = 0; i < 3; ++i) {
            boost::asio::post(thread.background_executor(), [&] {
                seen += 'b';
                if (seen.size() == 4) done.set_value();
            });
        }
        boost::asio::post(thread.executor(), [&] { seen += 'p'; });
    });
    thread.start();
    done.get_future().wait();
    EXPECT_EQ(seen, "pbbb");
}

TEST(IoThread, LetsBackgroundWorkGetOnWhereItIsNeverIdle) {
    SystemClock clock;
    IoThread thread(0, clock);
    std::promise<int> done;
    int turns = 0;
    std::function<void()> busy = [&] {
        if (++turns < 1000) boost::asio::post(thread.executor(), busy);
    };
    int pieces = 0;
    std::function<void()> piece = [&] {
        if (++pieces == 10) return done.set_value(turns);
        boost::asio::post(thread.background_executor(), piece);
    };
    thread.post([&] {
        busy();
        piece();
    });
    thread.start();
    // The first ran at once; each other came after a few turns that were busy.
    EXPECT_LE(done.get_future().get(), 2 + 9 * (IoThread::busy_turns_max + 1));
    thread.stop();
    thread.join();
    EXPECT_GT(turns, 9 * IoThread::busy_turns_max);
}

TEST(IoThread, FiresItsOwnTimersAndThoseItDrives) {
    SystemClock clock;
    Timers shard;
    IoThread thread(0, clock);
    thread.drive(shard);
    std::promise<TimePoint> own;
    std::promise<TimePoint> driven;
    const TimePoint start = clock.now();
    thread.timers().at(start + std::chrono::milliseconds(30), [&] { own.set_value(clock.now()); });
    shard.at(start + std::chrono::milliseconds(5), [&] { driven.set_value(clock.now()); });
    thread.start();
    EXPECT_GE(driven.get_future().get(), start + std::chrono::milliseconds(5));
    EXPECT_GE(own.get_future().get(), start + std::chrono::milliseconds(30));
}

Task<std::uint32_t> where_am_i() {
    co_return IoThread::current()->number();
}

Task<std::string> hop(IoThread& other) {
    std::string path = std::to_string(IoThread::current()->number());
    const std::uint32_t there =
        co_await boost::asio::co_spawn(other.executor(), where_am_i(), boost::asio::use_awaitable);
    path += std::to_string(there);
    path += std::to_string(IoThread::current()->number());
    co_await boost::asio::post(boost::asio::use_awaitable);
    co_return path + std::to_string(IoThread::current()->number());
}

TEST(IoThread, RunsCoroutinesThatReturnToWhereTheyBegan) {
    SystemClock clock;
    IoThreads threads(2, clock);
    threads.start();
    auto path = boost::asio::co_spawn(threads[0].executor(), hop(threads[1]), boost::asio::use_future);
    EXPECT_EQ(path.get(), "0100");
    auto alone = boost::asio::co_spawn(threads[1].executor(), hop(threads[1]), boost::asio::use_future);
    EXPECT_EQ(alone.get(), "1111");
}

TEST(IoThread, DropsWhatItDoesNotRun) {
    SystemClock clock;
    auto held = std::make_shared<int>(1);
    {
        IoThread never_started(0, clock);
        never_started.post([held] { FAIL(); });
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);

    IoThread ended(0, clock);
    ended.start();
    ended.stop();
    ended.join();
    ended.post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 1) << "at once, not when the thread object goes";
}

}  // namespace
}  // namespace carillon
