#include "core/messages/feedback.hpp"

#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using testing::TestHub;
using namespace std::chrono_literals;

constexpr WallTime noon = WallTime::from_unix_s(1'790'000'000);

struct FeedbackTest : ::testing::Test {
    ManualClock clock{noon};
    MemoryStore store;
    std::optional<TestHub> hub{std::in_place, store, clock};

    FeedbackTest() {
        for (int i = 0; i < 8; ++i) hub->add_device(device(i));
    }
    static std::string device(int number) { return "d" + std::to_string(number % 8); }
    void restart() {
        hub.reset();
        hub.emplace(store, clock);
    }
    /// A message that is purged at once, and whose sender wants to know.
    void end(int number) {
        const auto key = *IdentityKey::parse(device(number));
        CloudMessage message;
        message.ack = Ack::full;
        message.system = {{"message-id", "m" + std::to_string(number)}};
        ASSERT_TRUE(hub->run((*hub)->messages().send(key, message)));
        ASSERT_EQ(*hub->run((*hub)->messages().purge(key)), 1U);
    }
    Feedback& feedback() { return (*hub)->messages().feedback(); }
    std::optional<FeedbackBatch> receive(Duration lock_time = 60s) {
        auto received = hub->run(feedback().receive(lock_time));
        return *std::move(received);
    }
    std::size_t received_records() {
        const auto batch = receive();
        return batch ? batch->records.size() : 0;
    }
    Errc settle(const LockToken& token, Settlement how) {
        const auto settled = hub->run(feedback().settle(token, how));
        return settled ? Errc{} : settled.error().code;
    }
};

TEST_F(FeedbackTest, OfDifferentShardsIsOneBatchThatClosesFifteenSecondsAfterTheLast) {
    for (int i = 0; i < 5; ++i) end(i);
    hub->advance(14s);
    EXPECT_FALSE(receive());
    hub->advance(1s);
    const auto batch = receive();
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->records.size(), 5U);
    EXPECT_EQ(batch->records[3].original_message_id, "m3");
    EXPECT_EQ(batch->records[3].device_id, "d3");
    EXPECT_EQ(batch->records[3].outcome, MessageOutcome::purged);
    EXPECT_EQ(batch->records[3].time, noon);
    EXPECT_EQ(batch->enqueued, noon.plus_s(15));
    hub->advance(30s);
    end(9);  // long after the last batch it waits for its like no more than a moment
    EXPECT_FALSE(receive());
    hub->advance(1s);
    EXPECT_EQ(received_records(), 1U);
}

TEST_F(FeedbackTest, OfSixtyFourMessagesIsABatchAtOnce) {
    for (int i = 0; i < 63; ++i) end(i);
    EXPECT_FALSE(receive());
    end(63);
    EXPECT_EQ(received_records(), 64U);
    for (int i = 0; i < 70; ++i) end(i);
    EXPECT_EQ(received_records(), 64U);
    hub->advance(15s);
    EXPECT_EQ(received_records(), 6U);
}

TEST_F(FeedbackTest, IsLockedByWhoReceivesItUntilItIsCompleted) {
    end(1);
    hub->advance(15s);
    const auto batch = receive();
    ASSERT_TRUE(batch);
    EXPECT_FALSE(receive());
    EXPECT_EQ(settle(batch->lock, Settlement::complete), Errc{});
    EXPECT_EQ(settle(batch->lock, Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_FALSE(receive());
    EXPECT_EQ(store.size(Table::cloud_messages), 0U);
}

TEST_F(FeedbackTest, ComesBackWhenItIsAbandonedOrItsLockIsOver) {
    end(1);
    hub->advance(15s);
    const auto first = receive(5s);
    hub->advance(5s);
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc::device_message_lock_lost);
    for (int i = 0; i < 10; ++i) {
        const auto batch = receive();
        ASSERT_TRUE(batch) << i;
        EXPECT_EQ(batch->delivery_count, i);
        EXPECT_EQ(settle(batch->lock, Settlement::abandon), Errc{});
    }
    EXPECT_FALSE(receive());  // often enough
    EXPECT_EQ(store.size(Table::cloud_messages), 0U);
}

TEST_F(FeedbackTest, IsNotLostByARestartGatheredOrInBatches) {
    for (int i = 0; i < 64; ++i) end(i);
    const auto batch = receive();
    for (int i = 0; i < 3; ++i) end(i);
    restart();
    EXPECT_EQ(settle(batch->lock, Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(received_records(), 64U);
    hub->advance(15s);
    EXPECT_EQ(received_records(), 3U);
    EXPECT_EQ(store.size(Table::cloud_messages), 2U);
}

TEST_F(FeedbackTest, ThatCannotBeStoredAsABatchIsTriedAgain) {
    end(1);
    store.fail_commits(1);
    hub->advance(15s);
    EXPECT_FALSE(receive());
    hub->advance(1s);
    EXPECT_EQ(received_records(), 1U);
}

TEST_F(FeedbackTest, GoesAfterAnHour) {
    end(1);
    hub->advance(15s);
    clock.advance(3600s);
    EXPECT_FALSE(receive());
    hub->advance(10s);
    EXPECT_EQ(store.size(Table::cloud_messages), 0U);
}

TEST_F(FeedbackTest, IsBoundedWhileNoBackEndReceivesIt) {
    end(1);
    hub->advance(15s);
    const auto stored = store.get(Table::cloud_messages, std::string("b\0\0\0\0\0\0\0\1", 9));
    ASSERT_TRUE(stored && *stored);
    Batch batch;
    for (unsigned number = 2; number <= LockedQueue::items_max + 3; ++number) {
        std::string key = "b";
        for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(std::uint64_t{number} >> shift);
        batch.put(Table::cloud_messages, std::move(key), **stored);
    }
    ASSERT_TRUE(store.commit(batch));
    restart();
    hub->settle();
    EXPECT_EQ(store.size(Table::cloud_messages), LockedQueue::items_max);
    EXPECT_EQ(receive()->sequence, 4U);  // the oldest went
}

TEST_F(FeedbackTest, TellsThoseWhoWatch) {
    int told = 0;
    const auto watcher = feedback().queue().watch([&told] { ++told; });
    end(1);
    EXPECT_EQ(told, 0);
    hub->advance(15s);
    EXPECT_EQ(told, 1);
    const auto batch = receive(5s);
    hub->advance(5s);
    EXPECT_EQ(told, 2);
    feedback().queue().unwatch(watcher);
    EXPECT_TRUE(receive(5s));
    hub->advance(5s);
    EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace carillon
