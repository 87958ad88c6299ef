#include "core/events/events.hpp"

#include "core/testing/test_hub.hpp"
#include "model/message.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

namespace carillon {
namespace {

using testing::TestHub;
using namespace std::chrono_literals;

constexpr std::size_t shard_count = 2;

struct EventsTest : ::testing::Test {
    void SetUp() override { restart(); }
    void restart() {
        hub.reset();
        hub.emplace(store, clock, shard_count);
    }
    Shard& owner(std::string_view device) { return (*hub)->shards().owner(*DeviceId::parse(device)); }
    static std::uint32_t partition_of(std::string_view device) {
        return static_cast<std::uint32_t>(event_partition(device, shard_count));
    }
    /// Sends without waiting until it is durable; the outcome appears in `outcomes`.
    void send(std::string_view device, std::string body, std::string module = {}) {
        Record* record = hub->find(device);
        if (record == nullptr) record = &hub->add_device(device);
        Message message;
        message.device_id = device;
        message.module_id = std::move(module);
        message.body = std::move(body);
        owner(device).telemetry().append(*record, std::move(message), [this](const Result<>& result) {
            outcomes.push_back(result.has_value());
        });
    }
    void send_durably(std::string_view device, std::string body, std::string module = {}) {
        send(device, std::move(body), std::move(module));
        hub->settle();
    }
    std::unique_ptr<PartitionReader> open(std::uint32_t partition, const EventStart& start) {
        auto reader = (*hub)->events().open(partition, start);
        EXPECT_TRUE(reader) << reader.error().detail;
        return reader ? *std::move(reader) : nullptr;
    }
    /// The bodies from where the reader is to the end, as it gives them.
    std::vector<std::string> read_all(PartitionReader& reader, const EventFilter& filter = {}) {
        std::vector<std::string> bodies;
        for (;;) {
            const auto piece = hub->run(reader.read(filter));
            if (!piece) {
                ADD_FAILURE() << piece.error().detail;
                return bodies;
            }
            for (std::size_t i = 0; i < piece->size(); ++i) {
                const auto message = decode_message((*piece)[i].stored);
                EXPECT_TRUE(message);
                if (message) bodies.push_back(message->body);
            }
            if (piece->next() == reader.extent().next) return bodies;
        }
    }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'800'000'000)};
    std::optional<TestHub> hub;
    std::vector<bool> outcomes;
};

using Bodies = std::vector<std::string>;

TEST_F(EventsTest, AreReadInTheOrderInWhichTheyWereAcknowledged) {
    for (const char* body : {"1", "2", "3"}) send_durably("d", body);
    const auto reader = open(partition_of("d"), EventStart::earliest());
    EXPECT_EQ(read_all(*reader), (Bodies{"1", "2", "3"}));
    EXPECT_EQ(reader->next(), 3U);
    restart();
    EXPECT_EQ(read_all(*open(partition_of("d"), EventStart::at(1))), (Bodies{"2", "3"}));
}

TEST_F(EventsTest, AreNotSeenBeforeTheyAreDurable) {
    send_durably("d", "1");
    send("d", "2");
    hub->poll();
    EXPECT_EQ((*hub)->events().extent(partition_of("d"))->next, 1U);
    hub->settle();
    EXPECT_EQ((*hub)->events().extent(partition_of("d"))->next, 2U);
}

TEST_F(EventsTest, OfARefusedCommitAreNeverSeenAndLeaveNoGap) {
    send_durably("d", "1");
    store.fail_commits(1, 1);
    send("d", "lost");
    hub->poll();
    send("d", "lost as well, as it was gathered on top");
    hub->settle();
    EXPECT_EQ(outcomes, (std::vector<bool>{true, false, false}));
    send_durably("d", "2");
    const auto reader = open(partition_of("d"), EventStart::earliest());
    const auto piece = hub->run(reader->read({}));
    ASSERT_TRUE(piece && piece->size() == 2);
    EXPECT_EQ((*piece)[0].sequence, 0U);
    EXPECT_EQ((*piece)[1].sequence, 1U);
    restart();
    EXPECT_EQ(read_all(*open(partition_of("d"), EventStart::earliest())), (Bodies{"1", "2"}));
}

TEST_F(EventsTest, FromTheLatestAreThoseThatComeLater) {
    send_durably("d", "old");
    const auto reader = open(partition_of("d"), EventStart::latest());
    EXPECT_EQ(read_all(*reader), Bodies());
    send_durably("d", "new");
    EXPECT_EQ(read_all(*reader), (Bodies{"new"}));
}

TEST_F(EventsTest, FromATimeAreThoseEnqueuedThenOrLater) {
    for (int i = 0; i < 3000; ++i) {
        send("d", std::to_string(i));
        clock.advance(1s);
    }
    hub->settle();
    const WallTime start = WallTime::from_unix_s(1'800'000'000);
    for (const int at : {0, 1, 1023, 1024, 1025, 2999}) {
        const auto reader = open(partition_of("d"), EventStart::since(start.plus_s(at)));
        const Bodies bodies = read_all(*reader);
        ASSERT_EQ(bodies.size(), 3000U - static_cast<std::size_t>(at));
        EXPECT_EQ(bodies.front(), std::to_string(at));
    }
    EXPECT_EQ(read_all(*open(partition_of("d"), EventStart::since(start.plus_s(-5)))).size(), 3000U);
    const auto later = open(partition_of("d"), EventStart::since(start.plus_s(3001)));
    EXPECT_EQ(read_all(*later), Bodies());
    clock.advance(60s);
    send_durably("d", "then");
    EXPECT_EQ(read_all(*later), (Bodies{"then"}));
}

TEST_F(EventsTest, ComeInPiecesOfBoundedBytesAndCount) {
    for (int i = 0; i < 2500; ++i) send("d", "x");
    hub->settle();
    const auto many = open(partition_of("d"), EventStart::earliest());
    EXPECT_EQ(hub->run(many->read({}))->size(), PartitionReader::piece_events_max);
    const auto next = (*hub)->events().extent(partition_of("d"))->next;
    for (int i = 0; i < 8; ++i) send("d", std::string(100 * 1024, 'x'));
    hub->settle();
    const auto large = open(partition_of("d"), EventStart::at(next));
    EXPECT_EQ(hub->run(large->read({}))->size(), 3U) << "the third reaches 256 KiB";
    EXPECT_EQ(large->next(), next + 3);
}

TEST_F(EventsTest, ThatDoNotFitTheFilterAreSteppedOverInBoundedPieces) {
    std::string other = "o";
    while (partition_of(other) != partition_of("d")) other += 'o';
    for (std::size_t i = 0; i < PartitionReader::looked_at_max + 10; ++i) send(other, "x");
    send("d", "mine", "");
    send("d", "of a module", "m");
    hub->settle();
    const auto reader = open(partition_of("d"), EventStart::earliest());
    const EventFilter filter{.device = "d*", .module = {}};
    const auto first = hub->run(reader->read(filter));
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->is_empty());
    EXPECT_EQ(first->next(), PartitionReader::looked_at_max);
    EXPECT_EQ(read_all(*reader, filter), (Bodies{"mine", "of a module"}));
    reader->go_to(0);
    EXPECT_EQ(read_all(*reader, {.device = "?", .module = "m*"}), (Bodies{"of a module"}));
}

TEST_F(EventsTest, WakeAReaderAtTheHeadOnceTheyAreDurable) {
    send_durably("d", "1");
    const auto reader = open(partition_of("d"), EventStart::latest());
    int woken = 0;
    ASSERT_TRUE(reader->wake_at_news([&] { ++woken; }));
    send("d", "2");
    hub->poll();
    EXPECT_EQ(woken, 0);
    hub->settle();
    EXPECT_EQ(woken, 1);
    EXPECT_FALSE(reader->wake_at_news([&] { ++woken; })) << "there is something to read already";
    read_all(*reader);
    ASSERT_TRUE(reader->wake_at_news([&] { ++woken; }));
    ASSERT_TRUE(reader->wake_at_news([&] { woken += 10; })) << "in place of the one before";
    send_durably("d", "3");
    EXPECT_EQ(woken, 11);
}

TEST_F(EventsTest, ThatWentForTheirAgeArePassedOver) {
    send_durably("d", "old");
    const auto reader = open(partition_of("d"), EventStart::earliest());
    clock.advance(25h);
    owner("d").telemetry().trim();
    hub->settle();
    auto extent = *(*hub)->events().extent(partition_of("d"));
    EXPECT_TRUE(extent.is_empty());
    EXPECT_EQ(extent.next, 1U);
    EXPECT_EQ(store.size(Table::events), 0U) << "a quiet partition is emptied too";
    restart();
    extent = *(*hub)->events().extent(partition_of("d"));
    EXPECT_TRUE(extent.is_empty());
    EXPECT_EQ(extent.next, 1U) << "numbers are not given again";
    EXPECT_EQ(extent.last_enqueued, WallTime::from_unix_s(1'800'000'000));
    send_durably("d", "new");
    EXPECT_EQ(read_all(*open(partition_of("d"), EventStart::earliest())), (Bodies{"new"}));
    EXPECT_EQ((*hub)->events().extent(partition_of("d"))->first, 1U);
}

TEST_F(EventsTest, BeyondTheEndAreRefused) {
    send_durably("d", "1");
    EXPECT_EQ((*hub)->events().open(partition_of("d"), EventStart::at(2)).error().code,
              Errc::argument_invalid);
    EXPECT_EQ(read_all(*open(partition_of("d"), EventStart::at(1))), Bodies());
}

TEST_F(EventsTest, ThatTheDiskDoesNotGiveAreAnErrorAndNotAGap) {
    send_durably("d", "1");
    const auto reader = open(partition_of("d"), EventStart::earliest());
    store.fail_reads(true);
    EXPECT_EQ(hub->run(reader->read({})).error().code, Errc::service_unavailable);
    store.fail_reads(false);
    EXPECT_EQ(read_all(*reader), (Bodies{"1"}));
}

TEST_F(EventsTest, HaveABoundedNumberOfReaders) {
    EXPECT_EQ((*hub)->events().open(4, EventStart::latest()).error().code, Errc::generic_not_found);
    std::vector<std::unique_ptr<PartitionReader>> readers;
    for (std::size_t i = 0; i < PartitionReader::count_max; ++i)
        readers.push_back(open(0, EventStart::latest()));
    EXPECT_EQ((*hub)->events().open(0, EventStart::latest()).error().code, Errc::throttling_exception);
    readers.pop_back();
    EXPECT_TRUE((*hub)->events().open(0, EventStart::latest()));
}

TEST_F(EventsTest, HaveConsumerGroupsThatOutliveARestart) {
    auto& groups = (*hub)->events().groups();
    ASSERT_TRUE(hub->run(groups.create("Dashboards")));
    clock.advance(1s);
    EXPECT_EQ(hub->run(groups.create("dashboards"))->name, "Dashboards") << "there it is";
    restart();
    auto& again = (*hub)->events().groups();
    ASSERT_EQ(again.all().size(), 2U);
    EXPECT_EQ(again.all()[0].name, "$Default");
    EXPECT_EQ(again.find("DASHBOARDS")->created, WallTime::from_unix_s(1'800'000'000));
    EXPECT_TRUE(again.find("$default"));
    EXPECT_TRUE(hub->run(again.remove("dashBoards")));
    EXPECT_EQ(hub->run(again.remove("dashboards")).error().code, Errc::generic_not_found);
    EXPECT_EQ(hub->run(again.remove("$default")).error().code, Errc::operation_not_allowed_in_current_state);
    restart();
    EXPECT_EQ((*hub)->events().groups().all().size(), 1U);
}

TEST_F(EventsTest, HaveAtMostTwentyConsumerGroupsOfPlainNames) {
    auto& groups = (*hub)->events().groups();
    for (const char* bad : {"", "$x", "a/b", "-a", "a.", "a b"}) {
        EXPECT_EQ(hub->run(groups.create(bad)).error().code, Errc::argument_invalid) << bad;
    }
    EXPECT_FALSE(hub->run(groups.create(std::string(51, 'a'))));
    EXPECT_TRUE(hub->run(groups.create(std::string(50, 'a'))));
    for (int i = 0; i < 18; ++i) EXPECT_TRUE(hub->run(groups.create("g" + std::to_string(i))));
    EXPECT_EQ(hub->run(groups.create("one-too-many")).error().code, Errc::iot_hub_quota_exceeded);
    store.fail_commits(1, 1);
    EXPECT_TRUE(hub->run(groups.remove("g1")).error().code == Errc::service_unavailable);
    EXPECT_TRUE(groups.find("g1"));
}

TEST(Wildcard, StandsForAnyText) {
    EXPECT_TRUE(fits_wildcard("*", ""));
    EXPECT_TRUE(fits_wildcard("door-*", "door-1"));
    EXPECT_TRUE(fits_wildcard("*-*-?", "a-b-c-d"));
    EXPECT_TRUE(fits_wildcard("a**b", "ab"));
    EXPECT_FALSE(fits_wildcard("door-?", "door-"));
    EXPECT_FALSE(fits_wildcard("Door", "door"));
    EXPECT_FALSE(fits_wildcard("", "x"));
    EXPECT_FALSE(fits_wildcard("*a*a*a*a*a*b", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace carillon
