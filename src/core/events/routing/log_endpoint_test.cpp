#include "base/text.hpp"
#include "core/events/routing/event_drivers.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/shard/telemetry.hpp"
#include "core/testing/test_hub.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <string>
#include <vector>

namespace carillon {
namespace {

using testing::TestHub;

class LentStorage final : public StorageExecutor {
public:
    explicit LentStorage(StorageExecutor& lender) : lender_(lender) {}
    void run(UniqueFunction<void()> work) override { lender_.run(std::move(work)); }

private:
    StorageExecutor& lender_;
};

/// There is nothing outside.
class NowhereDrivers final : public EventDrivers {
public:
    Result<> check(const RouteEndpoint&) const override { return fail(Errc::argument_invalid, "nowhere"); }
    std::unique_ptr<EventSender> open(const RouteEndpoint&, const std::atomic<bool>&) override {
        return nullptr;
    }
    Result<> keep_dead_letter(std::string_view, const RoutedEvent&, std::string_view) override { return {}; }
};

class LogEndpointTest : public ::testing::Test {
protected:
    LogEndpointTest() { start(); }

    void start() {
        hub.emplace(store, clock, 2);
        routing().use(drivers, "hub.example.net",
                      [this] { return std::make_unique<LentStorage>(hub->storage()); });
        ASSERT_TRUE(routing().load());
        routing().start();
        hub->settle();
    }
    void restart() {
        hub.reset();
        start();
    }
    Events& events() { return (*hub)->events(); }
    MessageRouting& routing() { return events().routing(); }

    Result<> put_log(const std::string& name, std::string_view more = "") {
        return hub->run(routing().put_endpoint(name, fmt::format(R"({{"type":"events"{}}})", more)));
    }
    Result<> put_route(const std::string& name, std::string_view condition, std::string_view endpoint) {
        return hub->run(routing().put_route(
            name, fmt::format(R"({{"condition":"{}","endpointNames":["{}"]}})", condition, endpoint)));
    }
    void append(std::string_view device, std::string_view body, std::string_view level = "") {
        Record* record = hub->find(device);
        if (record == nullptr) record = &hub->add_device(device);
        Message message;
        message.device_id = device;
        message.body = body;
        if (!level.empty()) message.properties.emplace_back("level", level);
        Shard& shard = (*hub)->shards().owner(record->key.device);
        shard.telemetry().append(*record, std::move(message), [](Result<>) {});
    }
    void send(std::string_view device, std::string_view body, std::string_view level = "") {
        append(device, body, level);
        hub->settle();
    }
    struct Read {
        std::uint32_t partition;
        std::uint64_t sequence;
        Message message;
    };
    std::vector<Read> read(const EventLog& log, const EventStart& start = EventStart::earliest()) {
        std::vector<Read> all;
        for (std::uint32_t partition = 0; partition < log.partition_count(); ++partition) {
            auto reader = log.open(partition, start);
            EXPECT_TRUE(reader);
            for (;;) {
                auto piece = hub->run((*reader)->read({}, 3));
                if (!piece || piece->is_empty()) break;
                for (std::size_t i = 0; i < piece->size(); ++i)
                    all.push_back({partition, (*piece)[i].sequence, *decode_message((*piece)[i].stored)});
            }
        }
        return all;
    }
    std::vector<std::string> bodies(const std::string& name) {
        std::vector<std::string> texts;
        for (const Read& event : read(*events().find_log(name))) texts.push_back(event.message.body);
        return texts;
    }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    NowhereDrivers drivers;
    std::optional<TestHub> hub;
};

using Bodies = std::vector<std::string>;

TEST_F(LogEndpointTest, HoldsWhatRoutesLeadThereUnderNumbersOfItsOwn) {
    ASSERT_TRUE(put_log("alerts", R"(,"enrichments":{"site":"s1"})"));
    ASSERT_TRUE(put_route("hot", "level = 'high'", "alerts"));
    send("a", "1", "low");
    const WallTime sent = clock.wall_now();
    send("a", "2", "high");
    clock.advance(std::chrono::seconds(5));
    send("a", "3", "high");
    const auto found = read(*events().find_log("ALERTS"));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].message.body, "2");
    EXPECT_EQ(found[0].sequence, 0U);
    EXPECT_EQ(found[1].sequence, 1U);
    EXPECT_EQ(found[0].message.enqueued, sent) << "when the hub took it";
    EXPECT_EQ(found[0].message.properties.back().second, "s1");
    EXPECT_EQ(read(events().own()).size(), 3U) << "the hub's own log holds all";
    const auto late = read(*events().find_log("alerts"), EventStart::since(sent.plus_s(1)));
    ASSERT_EQ(late.size(), 1U);
    EXPECT_EQ(late[0].message.body, "3");
    EXPECT_EQ(routing().status("alerts")->delivered, 2U);
}

TEST_F(LogEndpointTest, HasEachEventOnceWheneverTheHubDies) {
    ASSERT_TRUE(put_log("all", R"(,"maxEvents":2)"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    Bodies sent;
    for (int steps = 0; steps < 12; ++steps) {
        for (int i = 0; i < 3; ++i) {
            sent.push_back(fmt::format("{}-{}", steps, i));
            append("a", sent.back());
        }
        // So many pieces of work reach the disk before the end.
        for (int i = 0; i < steps; ++i) {
            hub->poll();
            if (!hub->storage().step()) break;
        }
        restart();
        const auto kept = read(events().own());
        Bodies expected;
        for (const Read& event : kept) expected.push_back(event.message.body);
        EXPECT_EQ(bodies("all"), expected) << "after " << steps;
    }
    EXPECT_GE(bodies("all").size(), 15U);
}

TEST_F(LogEndpointTest, KeepsOrderAndNumbersWhenTheDiskRefuses) {
    ASSERT_TRUE(put_log("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "1");
    append("a", "2");
    hub->poll();
    ASSERT_TRUE(hub->storage().step());
    store.fail_commits(1);
    hub->settle();
    for (int i = 0; i < 5; ++i) hub->advance(std::chrono::seconds(2));
    EXPECT_EQ(bodies("all"), (Bodies{"1", "2"}));
    const auto found = read(*events().find_log("all"));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[1].sequence, 1U);
}

TEST_F(LogEndpointTest, HasConsumerGroupsOfItsOwn) {
    ASSERT_TRUE(put_log("all"));
    auto log = events().find_log("all");
    ASSERT_TRUE(hub->run(log->groups().create("web")));
    EXPECT_FALSE(events().groups().find("web"));
    EXPECT_TRUE(log->groups().find("$Default"));
    restart();
    EXPECT_TRUE(events().find_log("all")->groups().find("WEB"));
    EXPECT_FALSE(events().groups().find("web"));
}

TEST_F(LogEndpointTest, GoesWithItsEndpointAndDoesNotComeBack) {
    ASSERT_TRUE(put_log("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "1");
    ASSERT_TRUE(hub->run(events().find_log("all")->groups().create("web")));
    ASSERT_TRUE(hub->run(routing().remove_route("r")));
    ASSERT_TRUE(hub->run(routing().remove_endpoint("all")));
    hub->settle();
    EXPECT_EQ(events().find_log("all"), nullptr);
    EXPECT_TRUE(EventLog::stored_logs((*hub)->shards())->empty());
    ASSERT_TRUE(put_log("all"));
    EXPECT_TRUE(bodies("all").empty());
    EXPECT_FALSE(events().find_log("all")->groups().find("web"));
    EXPECT_EQ(events().find_log("all")->number(), 2U) << "no number is given twice";
    restart();
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "2");
    EXPECT_EQ(bodies("all"), Bodies{"2"});
}

TEST_F(LogEndpointTest, WhatACrashLeftOfARemovedLogGoesAtTheStart) {
    ASSERT_TRUE(put_log("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "1");
    Batch batch;
    for (const char* key : {"route/r", "route-endpoint/all"}) batch.erase(Table::meta, key);
    ASSERT_TRUE(store.commit(batch));
    EXPECT_EQ(EventLog::stored_logs((*hub)->shards())->size(), 1U);
    restart();
    EXPECT_TRUE(EventLog::stored_logs((*hub)->shards())->empty());
    EXPECT_EQ(read(events().own()).size(), 1U);
}

TEST_F(LogEndpointTest, RemovesMessagesOlderThanItsRetention) {
    ASSERT_TRUE(put_log("all", R"(,"retentionSeconds":600)"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "1");
    hub->advance(std::chrono::seconds(500));
    send("a", "2");
    hub->advance(std::chrono::seconds(500));
    send("a", "3");
    hub->advance(std::chrono::seconds(150));
    for (std::size_t i = 0; i < 2; ++i) (*hub)->shards()[i].telemetry().trim();
    hub->settle();
    EXPECT_EQ(bodies("all"), (Bodies{"2", "3"})) << "a run goes once the next one began too long ago";
    EXPECT_EQ(read(events().own()).size(), 3U) << "which has a limit of its own";
    ASSERT_TRUE(put_log("all", R"(,"retentionSeconds":60)"));
    for (std::size_t i = 0; i < 2; ++i) (*hub)->shards()[i].telemetry().trim();
    hub->settle();
    EXPECT_TRUE(bodies("all").empty());
}

TEST_F(LogEndpointTest, RefusesWhatALogHasNotAndNamesThatAreTaken) {
    for (const char* more :
         {R"(,"url":"https://good/")", R"(,"secret":"x")", R"(,"path":"{partition}{sequence}")",
          R"(,"retentionSeconds":59)", R"(,"retentionBytes":1)", R"(,"maxEvents":1001)"})
        EXPECT_FALSE(put_log("all", more)) << more;
    for (const char* name : {"hub", "HUB", "messages", "devices", "events"})
        EXPECT_FALSE(put_log(name)) << name;
    EXPECT_FALSE(hub->run(routing().put_endpoint(
        "hook", R"({"type":"webhook","url":"https://good/","retentionSeconds":600})")));
    EXPECT_EQ(events().find_log("all"), nullptr);
    // A number that somebody sends is not taken for the hub's.
    ASSERT_TRUE(put_log("all", R"(,"log":7)"));
    EXPECT_EQ(events().find_log("all")->number(), 1U);
}

TEST_F(LogEndpointTest, AReaderOfALogThatIsRemovedIsSentAway) {
    ASSERT_TRUE(put_log("all"));
    const auto log = events().find_log("all");
    int ousted = 0;
    auto answer = log->slots().take("$Default", 0, std::nullopt, [&ousted] { ++ousted; });
    ASSERT_TRUE(answer.slot);
    ASSERT_TRUE(hub->run(routing().remove_endpoint("all")));
    EXPECT_EQ(ousted, 1);
}

}  // namespace
}  // namespace carillon
