#include "core/shard/methods.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using testing::FakeLink;
using testing::TestHub;
using namespace std::chrono_literals;

constexpr WallTime noon = WallTime::from_unix_s(1'790'000'000);

IdentityKey key(std::string_view device, std::string_view module = {}) {
    return *IdentityKey::parse(device, module);
}

TwinPatch patch(std::string_view body, const IdentityKey& of = key("d")) {
    const auto json = JsonDocument::parse(body);
    return *TwinPatch::parse(json->root(), of);
}

EtagMatch any() {
    return EtagMatch::parse("*", EtagMatch::Unquoted::compare);
}

struct ShardTest : ::testing::Test {
    ManualClock clock{noon};
    MemoryStore store;
    std::optional<TestHub> hub{std::in_place, store, clock};

    Shard& owner(std::string_view device) { return (*hub)->shards().owner(key(device).device); }
    void restart() {
        hub.reset();
        hub.emplace(store, clock);
    }
    Result<Document> put(std::string_view id, EtagMatch match = {}, std::string body = "{}") {
        return hub->run(owner(id).put_identity(key(id), std::move(body), std::move(match)));
    }
    Result<Document> write(std::string_view id, std::string_view body, EtagMatch match = {}) {
        return hub->run(
            owner(id).write_twin(key(id), Shard::TwinWrite::patch, patch(body, key(id)), std::move(match)));
    }
};

TEST_F(ShardTest, ANewDeviceHasAFreshTwinAndIsThereAfterARestart) {
    hub->add_device("d");
    restart();
    const Record* record = hub->find("d");
    ASSERT_TRUE(record && record->exists());
    EXPECT_EQ(record->committed->twin.version, 2);
    EXPECT_FALSE(record->committed->identity.unpack().auth.primary_key.empty());
}

TEST_F(ShardTest, PutWithoutEtagOnlyCreatesAndWithEtagOnlyUpdates) {
    ASSERT_TRUE(put("d"));
    EXPECT_EQ(put("d").error().code, Errc::device_already_exists);
    EXPECT_EQ(put("e", any()).error().code, Errc::device_not_found);
    const auto updated = put("d", any());
    ASSERT_TRUE(updated);
    const auto stale = EtagMatch::parse("\"c3RhbGU=\"", EtagMatch::Unquoted::compare);
    EXPECT_EQ(put("d", stale).error().code, Errc::precondition_failed);
    const auto current =
        EtagMatch::parse(identity_etag_text(updated->identity.etag()), EtagMatch::Unquoted::compare);
    EXPECT_TRUE(put("d", current));
}

TEST_F(ShardTest, ReadersSeeNothingBeforeItIsDurable) {
    hub->add_device("d");
    auto writing = hub->begin(
        owner("d").write_twin(key("d"), Shard::TwinWrite::patch, patch(R"({"tags":{"a":1}})"), {}));
    hub->poll();
    EXPECT_EQ(hub->find("d")->committed->twin.version, 2);
    EXPECT_EQ(hub->find("d")->newest()->twin.version, 3);
    EXPECT_FALSE(writing->has_value());
    hub->settle();
    EXPECT_EQ(hub->find("d")->committed->twin.version, 3);
    EXPECT_TRUE(writing->has_value());
}

TEST_F(ShardTest, ARefusalThatRestsOnAWriteUnderWayIsAnsweredWhenThatIsDurable) {
    hub->add_device("d");
    const auto seen =
        EtagMatch::parse(twin_etag_text(hub->find("d")->newest()->twin.etag), EtagMatch::Unquoted::compare);
    const auto begin = [&] {
        return hub->begin(
            owner("d").write_twin(key("d"), Shard::TwinWrite::patch, patch(R"({"tags":{"a":1}})"), seen));
    };
    auto first = begin();
    hub->poll();
    auto second = begin();
    hub->poll();
    EXPECT_FALSE(second->has_value()) << "the etag has not changed yet, and may never";
    hub->settle();
    EXPECT_TRUE(first->value());
    EXPECT_EQ((*second)->error().code, Errc::precondition_failed);
    // At rest nobody waits.
    auto third = begin();
    hub->poll();
    ASSERT_TRUE(third->has_value());
    EXPECT_EQ((*third)->error().code, Errc::precondition_failed);
}

TEST_F(ShardTest, AWriterRefusedBecauseOfAFailedWriteGets503) {
    hub->add_device("d");
    const auto seen =
        EtagMatch::parse(twin_etag_text(hub->find("d")->newest()->twin.etag), EtagMatch::Unquoted::compare);
    const auto begin = [&] {
        return hub->begin(
            owner("d").write_twin(key("d"), Shard::TwinWrite::patch, patch(R"({"tags":{"a":1}})"), seen));
    };
    store.fail_commits(1);
    auto first = begin();
    hub->poll();
    auto second = begin();
    hub->settle();
    EXPECT_EQ((*first)->error().code, Errc::service_unavailable);
    EXPECT_EQ((*second)->error().code, Errc::service_unavailable);
}

TEST_F(ShardTest, AFailedCommitTakesBackWhatWasBuiltOnIt) {
    hub->add_device("d");
    store.fail_commits(1);
    auto first = hub->begin(
        owner("d").write_twin(key("d"), Shard::TwinWrite::patch, patch(R"({"tags":{"a":1}})"), {}));
    hub->poll();  // The first is on its way; the second gathers behind it and builds on it.
    auto second = hub->begin(
        owner("d").write_twin(key("d"), Shard::TwinWrite::patch, patch(R"({"tags":{"b":1}})"), {}));
    hub->poll();
    EXPECT_EQ(hub->find("d")->newest()->twin.version, 4);
    hub->settle();
    EXPECT_EQ((*first)->error().code, Errc::service_unavailable);
    EXPECT_EQ((*second)->error().code, Errc::service_unavailable);
    EXPECT_EQ(hub->find("d")->newest()->twin.version, 2);
    store.fail_commits(1, 0);
    const auto after = write("d", R"({"tags":{"c":1}})");
    ASSERT_TRUE(after);
    EXPECT_EQ(after->twin.version, 3);
}

TEST_F(ShardTest, AFailedCreationLeavesNoDevice) {
    store.fail_commits(1);
    EXPECT_EQ(put("d").error().code, Errc::service_unavailable);
    EXPECT_EQ(hub->find("d"), nullptr);
    store.fail_commits(1, 0);
    EXPECT_TRUE(put("d"));
}

TEST_F(ShardTest, RemovingADeviceTakesItsModulesAndGivesItsNameANewOrdinal) {
    const auto before = hub->add_device("d").ordinal;
    ASSERT_TRUE(hub->run(owner("d").put_identity(key("d", "m"), "{}", {})));
    EXPECT_EQ(hub->run(owner("d").remove_identity(key("d"), {})).error().code, Errc::precondition_failed);
    ASSERT_TRUE(hub->run(owner("d").remove_identity(key("d"), any())));
    EXPECT_EQ(owner("d").directory().find(key("d", "m")), nullptr);
    restart();
    EXPECT_EQ(hub->find("d"), nullptr);
    EXPECT_NE(hub->add_device("d").ordinal, before);
}

TEST_F(ShardTest, ADeviceMadeWhileItsNamesakeIsBeingRemovedIsANewOne) {
    hub->add_device("d");
    auto removing = hub->begin(owner("d").remove_identity(key("d"), any()));
    hub->poll();
    auto making = hub->begin(owner("d").put_identity(key("d"), "{}", {}));
    hub->settle();
    EXPECT_TRUE(**removing);
    ASSERT_TRUE(making->has_value());
    EXPECT_TRUE(**making);
    EXPECT_TRUE(hub->find("d")->exists());
}

TEST_F(ShardTest, AConnectedDeviceGetsDesiredChangesInOrderOnceTheyAreDurable) {
    Record& record = hub->add_device("d");
    FakeLink link;
    owner("d").attach(record, link);
    auto first = hub->begin(owner("d").write_twin(key("d"), Shard::TwinWrite::patch,
                                                  patch(R"({"properties":{"desired":{"a":1}}})"), {}));
    auto second = hub->begin(owner("d").write_twin(key("d"), Shard::TwinWrite::patch,
                                                   patch(R"({"properties":{"desired":{"a":null}}})"), {}));
    hub->poll();
    EXPECT_TRUE(link.desired.empty());
    hub->settle();
    ASSERT_EQ(link.desired.size(), 2U);
    EXPECT_EQ(link.desired[0], std::pair(std::int64_t{2}, std::string(R"({"a":1,"$version":2})")));
    EXPECT_EQ(link.desired[1], std::pair(std::int64_t{3}, std::string(R"({"a":null,"$version":3})")));
}

TEST_F(ShardTest, ReportedPropertiesMoveTheirVersionAndNotTheEtag) {
    Record& record = hub->add_device("d");
    const auto json = JsonDocument::parse(R"({"fw":"1.0"})");
    const auto reported = SectionPatch::parse(json->root());
    std::optional<Result<std::int64_t>> version;
    owner("d").write_reported(record, *reported, std::nullopt,
                              [&version](Result<std::int64_t> v) { version = std::move(v); });
    hub->settle();
    ASSERT_TRUE(version && *version);
    EXPECT_EQ(**version, 2);
    EXPECT_EQ(record.committed->twin.etag, 1U);
    owner("d").write_reported(record, *reported, 1,
                              [&version](Result<std::int64_t> v) { version = std::move(v); });
    EXPECT_EQ(version->error().code, Errc::precondition_failed);
}

TEST_F(ShardTest, ANewerConnectionClosesTheOlderAndItsRequestsFail) {
    Record& record = hub->add_device("d");
    FakeLink older;
    FakeLink newer;
    owner("d").attach(record, older);
    auto call = hub->begin(owner("d").methods().invoke(key("d"), MethodCall{.name = "m"}));
    hub->settle();
    ASSERT_EQ(older.methods.size(), 1U);
    owner("d").attach(record, newer);
    hub->settle();
    EXPECT_EQ(older.closed, Errc::connection_forcefully_closed);
    EXPECT_EQ((*call)->error().code, Errc::connection_forcefully_closed);
    owner("d").detach(record, older);
    EXPECT_EQ(record.link, &newer);
}

TEST_F(ShardTest, CountsDevicesConnectionsAndWhatIsDone) {
    ShardTraffic& traffic = owner("d").traffic();
    Record& record = hub->add_device("d");
    ASSERT_TRUE(hub->run(owner("d").put_identity(key("d", "module"), "{}", {})));
    EXPECT_EQ(traffic.devices, 1);
    EXPECT_EQ(traffic.writes, 2U);
    ASSERT_TRUE(write("d", R"({"tags":{"a":1}})"));
    EXPECT_EQ(traffic.devices, 1);
    EXPECT_EQ(traffic.writes, 3U);
    FakeLink older;
    FakeLink newer;
    owner("d").attach(record, older);
    owner("d").attach(record, newer);
    owner("d").detach(record, older);
    EXPECT_EQ(traffic.connected, 1);
    EXPECT_EQ(traffic.connects, 2U);
    EXPECT_EQ(traffic.disconnects, 1U);
    auto call = hub->begin(owner("d").methods().invoke(key("d"), MethodCall{.name = "m"}));
    hub->settle();
    EXPECT_EQ(traffic.methods, 1U);
    ASSERT_TRUE(hub->run(owner("d").remove_identity(key("d"), any())));
    hub->settle();
    EXPECT_EQ(traffic.devices, 0);
    EXPECT_EQ(traffic.connected, 0);
    hub->add_device("d");
    restart();
    EXPECT_EQ(owner("d").traffic().devices, 1);
}

TEST_F(ShardTest, AMethodIsAnsweredTimedOutOrRefusedOffline) {
    Record& record = hub->add_device("d");
    auto& methods = owner("d").methods();
    EXPECT_EQ(hub->run(methods.invoke(key("x"), MethodCall{.name = "m"})).error().code,
              Errc::device_not_found);
    EXPECT_EQ(hub->run(methods.invoke(key("d"), MethodCall{.name = "m"})).error().code,
              Errc::device_not_online);
    FakeLink link;
    owner("d").attach(record, link);
    auto answered = hub->begin(methods.invoke(key("d"), MethodCall{.name = "m", .payload = "{\"a\":1}"}));
    hub->settle();
    ASSERT_EQ(link.methods.size(), 1U);
    EXPECT_EQ(link.methods[0].payload, "{\"a\":1}");
    methods.answered(record, link.methods[0].id, 200, "not json");
    hub->settle();
    ASSERT_TRUE(answered->has_value() && !**answered);
    EXPECT_EQ((**answered).error().code, Errc::generic_bad_gateway) << "it is not JSON";

    auto late = hub->begin(methods.invoke(key("d"), MethodCall{.name = "m", .response_timeout_s = 5}));
    hub->settle();
    hub->advance(4999ms);
    EXPECT_FALSE(late->has_value());
    hub->advance(1ms);
    EXPECT_EQ((*late)->error().code, Errc::gateway_timeout);
    methods.answered(record, link.methods[1].id, 200, "null");  // Too late, and nobody minds.
    EXPECT_EQ(methods.in_flight(), 0U);
}

TEST_F(ShardTest, CallsExpireEachInItsTimeInWhateverOrderTheyWereMade) {
    Record& record = hub->add_device("d");
    auto& methods = owner("d").methods();
    FakeLink link;
    owner("d").attach(record, link);
    const auto timers = owner("d").timers().size();
    std::vector<Errc> ended;
    const auto call = [&](std::chrono::seconds timeout) {
        methods.send(record, "m", "null", timeout, [&](Result<MethodAnswer> answer) {
            ended.push_back(answer ? Errc{} : answer.error().code);
        });
    };
    for (const auto timeout : {30s, 10s, 20s, 10s, 40s}) call(timeout);
    EXPECT_EQ(owner("d").timers().size(), timers + 1) << "all share one timer";
    methods.answered(record, link.methods[1].id, 200, "");
    EXPECT_EQ(ended, std::vector{Errc{}});
    hub->advance(9999ms);
    EXPECT_EQ(ended.size(), 1U);
    hub->advance(1ms);
    EXPECT_EQ(ended.size(), 2U) << "the other of 10 s";
    call(2s);
    hub->advance(2s);
    EXPECT_EQ(ended.size(), 3U) << "a later call with an earlier end";
    hub->advance(8s);
    EXPECT_EQ(ended.size(), 4U);
    hub->advance(10s);
    EXPECT_EQ(ended.size(), 5U);
    owner("d").detach(record, link);
    EXPECT_EQ(ended, (std::vector{Errc{}, Errc::gateway_timeout, Errc::gateway_timeout, Errc::gateway_timeout,
                                  Errc::gateway_timeout, Errc::device_connection_closed_remotely}));
    EXPECT_EQ(methods.in_flight(), 0U);
    EXPECT_EQ(owner("d").timers().size(), timers) << "nor is a timer left of a link that went";
}

TEST_F(ShardTest, AMethodsAnswerHasABound) {
    Record& record = hub->add_device("d");
    auto& methods = owner("d").methods();
    FakeLink link;
    owner("d").attach(record, link);
    const std::string largest = '"' + std::string(MethodLimits::payload_bytes_max - 2, 'x') + '"';
    for (const std::string& payload : {largest, largest + ' '}) {
        auto answered = hub->begin(methods.invoke(key("d"), MethodCall{.name = "m"}));
        hub->settle();
        methods.answered(record, link.methods.back().id, 200, payload);
        hub->settle();
        ASSERT_TRUE(answered->has_value());
        if (payload.size() <= MethodLimits::payload_bytes_max) {
            EXPECT_EQ((**answered)->payload, payload);
        } else {
            EXPECT_EQ((*answered)->error().code, Errc::generic_bad_gateway);
        }
    }
    EXPECT_EQ(methods.in_flight(), 0U);
}

TEST_F(ShardTest, ACallWaitsItsConnectTimeoutForTheDeviceToCome) {
    Record& record = hub->add_device("d");
    auto& methods = owner("d").methods();
    const MethodCall call{.name = "m", .response_timeout_s = 30, .connect_timeout_s = 10};
    auto missed = hub->begin(methods.invoke(key("d"), call));
    hub->settle();
    hub->advance(10s);
    EXPECT_EQ((*missed)->error().code, Errc::device_not_online);

    auto met = hub->begin(methods.invoke(key("d"), call));
    hub->settle();
    FakeLink link;
    link.subscribed_to_methods = false;
    owner("d").attach(record, link);
    hub->settle();
    EXPECT_TRUE(link.methods.empty());
    link.subscribed_to_methods = true;
    owner("d").method_subscriptions_changed(record);
    hub->settle();
    ASSERT_EQ(link.methods.size(), 1U);
    methods.answered(record, link.methods[0].id, 501, "");
    hub->settle();
    EXPECT_EQ((**met)->status, 501);
    EXPECT_EQ((**met)->payload, "null");
}

TEST_F(ShardTest, ChangingKeysOrDisablingEndsTheConnection) {
    Record& record = hub->add_device("d");
    FakeLink link;
    owner("d").attach(record, link);
    ASSERT_TRUE(put("d", any()));  // A body without keys mints new ones.
    EXPECT_EQ(link.closed, Errc::iot_hub_unauthorized_access);
    link.closed.reset();
    const auto keys = record.committed->identity.unpack().auth;
    const auto body = R"({"status":"disabled","authentication":{"symmetricKey":{"primaryKey":")" +
                      keys.primary_key + R"(","secondaryKey":")" + keys.secondary_key + R"("}}})";
    ASSERT_TRUE(put("d", any(), body));
    EXPECT_EQ(link.closed, Errc::device_disabled);
}

TEST_F(ShardTest, SessionsOutliveARestart) {
    Record& record = hub->add_device("d");
    owner("d").store_session(record, std::vector<Subscription>{{"$iothub/methods/POST/#", 0}},
                             [](Result<>) {});
    hub->settle();
    restart();
    ASSERT_TRUE(hub->find("d")->has_session);
    EXPECT_EQ(hub->find("d")->subscriptions, (std::vector<Subscription>{{"$iothub/methods/POST/#", 0}}));
    owner("d").store_session(*hub->find("d"), std::nullopt, [](Result<>) {});
    hub->settle();
    restart();
    EXPECT_FALSE(hub->find("d")->has_session);
}

TEST_F(ShardTest, WhenADeviceWasLastThereOutlivesARestart) {
    hub->add_device("never");
    Record& record = hub->add_device("d");
    FakeLink link;
    owner("d").attach(record, link);
    clock.advance(std::chrono::minutes(5));
    owner("d").touch(record);
    clock.advance(std::chrono::minutes(1));
    owner("d").detach(record, link);
    hub->settle();
    const LiveState before = record.live();
    EXPECT_EQ(before.connection_updated, before.last_activity.plus_s(60));
    restart();
    const LiveState after = hub->find("d")->live();
    EXPECT_FALSE(after.connected);
    EXPECT_EQ(after.last_activity, before.last_activity);
    EXPECT_EQ(after.connection_updated, before.connection_updated);
    EXPECT_FALSE(hub->find("d")->has_session);
    EXPECT_EQ(hub->find("never")->live().last_activity, WallTime());
}

TEST_F(ShardTest, ADeviceThatIsRemovedWhileConnectedLeavesNothing) {
    Record& record = hub->add_device("d");
    FakeLink link;
    owner("d").attach(record, link);
    const auto removing = hub->begin(owner("d").remove_identity(*IdentityKey::parse("d"), any()));
    hub->poll();
    owner("d").detach(record, link);  // Its connection ends while the removal is on its way.
    hub->settle();
    EXPECT_TRUE(**removing);
    restart();
    EXPECT_EQ(hub->find("d"), nullptr);
}

TEST_F(ShardTest, SessionsOfTheFirstFormatAreRead) {
    hub->add_device("d");
    hub->settle();
    Batch batch;
    std::string stored("\x01\x01\0\x03", 4);
    batch.put(Table::sessions, owner("d").stored_key(*IdentityKey::parse("d")), stored + "a/#");
    ASSERT_TRUE(store.commit(batch));
    restart();
    ASSERT_TRUE(hub->find("d")->has_session);
    EXPECT_EQ(hub->find("d")->subscriptions, (std::vector<Subscription>{{"a/#", 1}}));
}

TEST_F(ShardTest, TelemetryKeepsItsOrderAcrossARestartAndIsTrimmedByAge) {
    Record& record = hub->add_device("d");
    const auto append = [&](Record& from, int count) {
        for (int i = 0; i < count; ++i) {
            Message message;
            message.device_id = "d";
            message.body = std::to_string(i);
            owner("d").telemetry().append(from, std::move(message), [](Result<> r) { EXPECT_TRUE(r); });
        }
        hub->settle();
    };
    const auto count_events = [&] {
        int count = 0;
        std::string last;
        EXPECT_TRUE(store.scan(Table::events, {}, {}, [&](std::string_view at, std::string_view) {
            EXPECT_LT(last, at);
            last = at;
            ++count;
            return true;
        }));
        return count;
    };
    append(record, 3000);
    restart();
    append(*hub->find("d"), 100);
    EXPECT_EQ(count_events(), 3100);
    owner("d").telemetry().trim();
    hub->settle();
    EXPECT_EQ(count_events(), 3100);
    clock.advance(std::chrono::hours(25));
    append(*hub->find("d"), 2000);  // Runs that begin now end the old ones' time.
    owner("d").telemetry().trim();
    hub->settle();
    EXPECT_LT(count_events(), 3100);
    EXPECT_GE(count_events(), 2000);
}

TEST_F(ShardTest, TelemetryBeyondItsBoundOfBytesGoesAsItComes) {
    Record& record = hub->add_device("d");
    Telemetry bounded(owner("d"), {.bytes_max = 200 * 1024});
    ASSERT_TRUE(bounded.load());
    std::size_t most = 0;
    for (int i = 0; i < 6000; ++i) {
        Message message;
        message.device_id = "d";
        message.body = std::string(100, 'x');
        bounded.append(record, std::move(message), [](Result<> r) { EXPECT_TRUE(r); });
        if (i % 100 != 0) continue;
        hub->settle();
        most = std::max(most, store.size(Table::events));
    }
    EXPECT_GT(most, 1024U);
    EXPECT_LT(most, 3 * 1024U) << "a run is 1,024 messages; two of them are beyond the bound";
}

}  // namespace
}  // namespace carillon
