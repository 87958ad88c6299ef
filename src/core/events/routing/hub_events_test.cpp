#include "core/shard/notices/hub_events.hpp"

#include "core/events/event_json.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/shard/telemetry.hpp"
#include "core/testing/test_hub.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace carillon {
namespace {

using testing::FakeLink;
using testing::TestHub;

const EtagMatch any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);

class NoDrivers final : public EventDrivers {
public:
    Result<> check(const RouteEndpoint&) const override { return {}; }
    std::unique_ptr<EventSender> open(const RouteEndpoint&, const std::atomic<bool>&) override { return {}; }
    Result<> keep_dead_letter(std::string_view, const RoutedEvent&, std::string_view) override { return {}; }
};

class HubEventsTest : public ::testing::Test {
protected:
    HubEventsTest() { start(); }

    void start() {
        hub.emplace(store, clock, 2);
        routing().use(drivers, "hub.example.net", [] { return std::unique_ptr<StorageExecutor>(); });
        ASSERT_TRUE(routing().load());
        routing().start();
        hub->settle();
    }
    /// Dies with what is not on disk, and starts on what is.
    void restart() {
        hub.reset();
        start();
    }
    MessageRouting& routing() { return (*hub)->events().routing(); }
    Shard& shard_of(std::string_view id) { return (*hub)->shards().owner(IdentityKey::parse(id)->device); }
    void want(std::string_view source) {
        ASSERT_TRUE(hub->run(routing().put_route(
            "r", fmt::format(R"({{"source":"{}","endpointNames":["events"]}})", source))));
    }
    void write_twin(std::string_view id, std::string_view text, Shard::TwinWrite kind) {
        const auto key = *IdentityKey::parse(id);
        const auto document = JsonDocument::parse(text);
        auto patch = TwinPatch::parse(document->root(), key);
        ASSERT_TRUE(hub->run(shard_of(id).write_twin(key, kind, *patch, EtagMatch())));
    }
    void remove(std::string_view id) {
        ASSERT_TRUE(hub->run(shard_of(id).remove_identity(*IdentityKey::parse(id), any)));
    }
    /// All that is in the log, by partition.
    std::vector<Message> events() const {
        std::vector<Message> all;
        const auto scanned =
            store.scan(Table::events, "", "\xFF", [&](std::string_view, std::string_view value) {
                all.push_back(*decode_message(as_bytes(value)));
                return true;
            });
        EXPECT_TRUE(scanned);
        return all;
    }
    std::vector<std::string> operations() const {
        std::vector<std::string> names;
        for (const Message& event : events()) names.push_back(property(event, "opType"));
        return names;
    }
    static std::string property(const Message& event, std::string_view name) {
        for (const auto& [key, value] : event.properties) {
            if (key == name) return value.value_or("");
        }
        return "";
    }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    NoDrivers drivers;
    std::optional<TestHub> hub;
};

using Names = std::vector<std::string>;

TEST_F(HubEventsTest, WritesNoEventWithoutARouteForIt) {
    hub->add_device("a");
    write_twin("a", R"({"tags":{"floor":1}})", Shard::TwinWrite::patch);
    want("DeviceMessages");
    remove("a");
    EXPECT_TRUE(events().empty());
}

TEST_F(HubEventsTest, WritesOneEventForEachTwinChangeWithItsContent) {
    Record& record = hub->add_device("a");
    want("TwinChangeEvents");
    write_twin("a", R"({"tags":{"floor":1}})", Shard::TwinWrite::patch);
    write_twin("a", R"({"tags":{"floor":2}})", Shard::TwinWrite::replace);
    const auto body = JsonDocument::parse(R"({"t":21})");
    shard_of("a").write_reported(record, *SectionPatch::parse(body->root()), {}, [](Result<std::int64_t>) {});
    hub->settle();
    const auto told = events();
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(event_source(told[0]), "twinChangeEvents");
    EXPECT_EQ(operations(), (Names{"updateTwin", "replaceTwin", "updateTwin"}));
    EXPECT_EQ(told[0].body, R"({"version":3,"tags":{"floor":1}})");
    EXPECT_EQ(told[1].body.find(R"({"deviceId":"a","etag":"AAAAAAAAAAM=","version":4,"tags":{"floor":2},)"),
              0U)
        << told[1].body;
    EXPECT_EQ(told[2].body.find(R"({"version":5,"properties":{"reported":{"t":21,)"), 0U) << told[2].body;
    EXPECT_EQ(told[0].device_id, "a");
    EXPECT_EQ(property(told[0], "hubName"), "hub");
    EXPECT_EQ(property(told[0], "deviceId"), "a");
    EXPECT_EQ(property(told[0], "iothub-message-schema"), "twinChangeNotification");
    EXPECT_EQ(property(told[0], "operationTimestamp"), "2026-09-21T14:13:20Z");
}

TEST_F(HubEventsTest, WritesNoEventOfAWriteThatTheStoreRefuses) {
    hub->add_device("a");
    want("TwinChangeEvents");
    store.fail_commits(1);
    const auto key = *IdentityKey::parse("a");
    const auto document = JsonDocument::parse(R"({"tags":{"floor":1}})");
    auto patch = TwinPatch::parse(document->root(), key);
    EXPECT_FALSE(hub->run(shard_of("a").write_twin(key, Shard::TwinWrite::patch, *patch, EtagMatch())));
    EXPECT_TRUE(events().empty());
    write_twin("a", R"({"tags":{"floor":2}})", Shard::TwinWrite::patch);
    EXPECT_EQ(operations(), Names{"updateTwin"});
}

TEST_F(HubEventsTest, WritesAnEventWhenAnIdentityIsCreatedOrDeleted) {
    want("DeviceLifecycleEvents");
    hub->add_device("a");
    write_twin("a", R"({"tags":{"floor":1}})", Shard::TwinWrite::patch);
    ASSERT_TRUE(hub->run(shard_of("a").put_identity(*IdentityKey::parse("a", "m"), "{}", EtagMatch{})));
    remove("a");
    EXPECT_EQ(operations(), (Names{"createDeviceIdentity", "createDeviceIdentity", "deleteDeviceIdentity",
                                   "deleteDeviceIdentity"}));
    const auto told = events();
    EXPECT_EQ(event_source(told[0]), "deviceLifecycleEvents");
    EXPECT_EQ(told[1].module_id, "m");
    EXPECT_EQ(property(told[1], "moduleId"), "m");
    EXPECT_EQ(told[2].body.find(R"({"deviceId":"a","etag":"AAAAAAAAAAI=","version":3,"tags":{"floor":1},)"),
              0U)
        << told[2].body;
}

TEST_F(HubEventsTest, NumbersTheEventsOfConnectionsUpwards) {
    Record& record = hub->add_device("a");
    want("DeviceConnectionStateEvents");
    FakeLink first;
    FakeLink second;
    shard_of("a").attach(record, first);
    shard_of("a").attach(record, second);
    shard_of("a").detach(record, first);
    shard_of("a").detach(record, second);
    hub->settle();
    EXPECT_EQ(operations(),
              (Names{"deviceConnected", "deviceDisconnected", "deviceConnected", "deviceDisconnected"}));
    const auto told = events();
    for (std::size_t i = 1; i < told.size(); ++i) {
        EXPECT_EQ(told[i].body.size(), 64 + std::string_view(R"({"sequenceNumber":""})").size());
        EXPECT_LT(told[i - 1].body, told[i].body);
    }
}

TEST_F(HubEventsTest, WritesADisconnectionForDevicesConnectedWhenTheHubWasKilled) {
    want("DeviceConnectionStateEvents");
    FakeLink links[3];
    const char* const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; ++i) {
        Record& record = hub->add_device(names[i]);
        shard_of(names[i]).attach(record, links[i]);
    }
    shard_of("c").detach(*hub->find("c"), links[2]);
    hub->settle();
    ASSERT_EQ(events().size(), 4U);
    restart();
    std::vector<std::string> gone;
    for (const Message& event : events()) {
        if (property(event, "opType") == "deviceDisconnected") gone.push_back(event.device_id);
    }
    std::sort(gone.begin(), gone.end());
    EXPECT_EQ(gone, (Names{"a", "b", "c"}));
    restart();
    EXPECT_EQ(events().size(), 6U) << "once each";
}

}  // namespace
}  // namespace carillon
