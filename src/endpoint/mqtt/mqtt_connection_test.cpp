#include "endpoint/mqtt/mqtt_connection.hpp"

#include "core/hub/login_brake.hpp"
#include "core/shard/methods.hpp"
#include "endpoint/mqtt/testing.hpp"
#include "wire/mqtt/decode.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using testing::connack_of;
using testing::desired_filter;
using testing::events;
using testing::from_hex;
using testing::methods_filter;
using testing::Peer;
using testing::publish_of;
using testing::published;
using testing::Site;
using testing::subscribe_of;
using testing::to_hex;
using testing::twin_filter;

/// Everything in the event log.
std::vector<Message> messages(Site& site) {
    std::vector<Message> out;
    auto visit = [&out](std::string_view, std::string_view value) {
        auto message = decode_message(as_bytes(value));
        if (message) out.push_back(*std::move(message));
        return true;
    };
    CARILLON_ASSERT(site.store.scan(Table::events, {}, {}, visit));
    return out;
}

// --- CONNECT ---------------------------------------------------------------------------------------

TEST(MqttConnection, ADeviceKeyConnects) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Peer peer(site);
    peer.connect("d1", site.token_of("d1"));
    EXPECT_EQ(peer.wire.sent, connack_of(ConnectCode::accepted));
    EXPECT_TRUE(peer.wire.authenticated);
    EXPECT_NE(record.link, nullptr);
    peer.lose();
    EXPECT_EQ(record.link, nullptr);
}

TEST(MqttConnection, TheModelItNamesIsInItsTwin) {
    Site site;
    site.hub.add_device("d1");
    const auto twin_of = [&site] {
        std::string text;
        const Record& record = *site.hub.find("d1");
        append_twin_json(text, *record.committed, record.live(), Flavour::ga);
        return text;
    };
    Peer peer(site);
    peer.parameters = "&DeviceClientType=x&model-id=dtmi%3Aexample%3AThermostat%3B1";
    peer.open("d1");
    EXPECT_NE(twin_of().find(R"("modelId":"dtmi:example:Thermostat;1")"), std::string::npos) << twin_of();
    EXPECT_EQ(site.hub.find("d1")->committed->twin.version, 2);
    // Who names none, or none that a model can be called, says nothing about it.
    for (const char* parameters : {"", "&model-id=dtmi%3Aa%20b%3B1"}) {
        Peer later(site);
        later.parameters = parameters;
        later.open("d1");
        EXPECT_NE(twin_of().find(R"("modelId":"dtmi:example:Thermostat;1")"), std::string::npos)
            << parameters;
    }
    Peer changed(site);
    changed.parameters = "&model-id=dtmi:example:Thermostat;2";
    changed.open("d1");
    EXPECT_NE(twin_of().find(R"("modelId":"dtmi:example:Thermostat;2")"), std::string::npos) << twin_of();
}

TEST(MqttConnection, MovesToTheThreadOfItsDevice) {
    Site site(2);
    Record& record = site.hub.add_device("d1");
    const std::size_t home = site.hub->shards().owner(record.key.device).number() % 2;
    Peer peer(site, 1 - home);
    const std::string user_name = "hub.example.net/d1/?api-version=2021-04-12";
    const std::string token = site.token_of("d1");
    Connect connect = testing::connect_of("d1", user_name);
    connect.password = as_bytes(token);
    peer.say(testing::bytes_of(connect) + from_hex("C000"));
    ASSERT_TRUE(peer.wire.arrived);
    EXPECT_EQ(peer.wire.thread, &site.threads[home]);
    EXPECT_EQ(peer.wire.sent, "");
    EXPECT_EQ(record.link, nullptr);
    std::exchange(peer.wire.arrived, {})();
    EXPECT_EQ(to_hex(peer.wire.sent),
              "20020000"
              "d000");
    EXPECT_NE(record.link, nullptr);
}

TEST(MqttConnection, RefusalsGetTheirCodeAndAreClosed) {
    Site site;
    site.hub.add_device("d1");
    site.hub.add_device("d2");
    const std::string wrong_key =
        sas::make_token("hub.example.net/devices/d1", site.key_of("d2"), site.in_an_hour());
    for (const std::string& token :
         {wrong_key, site.token_of("d2"), std::string("nonsense"), std::string()}) {
        Peer peer(site);
        peer.connect("d1", token);
        EXPECT_EQ(peer.wire.sent, connack_of(ConnectCode::not_authorized)) << token;
        EXPECT_TRUE(peer.wire.closed);
        EXPECT_FALSE(peer.wire.authenticated);
    }
    Peer unknown(site);
    unknown.connect("d3", wrong_key);
    EXPECT_EQ(unknown.wire.sent, connack_of(ConnectCode::not_authorized));
}

TEST(MqttConnection, ANewConnectionClosesTheOlderOnceItIsAuthenticated) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Peer older(site);
    older.open("d1");
    DeviceLink* const first = record.link;
    Peer stranger(site);
    stranger.connect("d1", "nonsense");
    EXPECT_EQ(record.link, first);
    EXPECT_FALSE(older.wire.closed);
    Peer newer(site);
    newer.open("d1");
    EXPECT_TRUE(older.wire.closed);
    EXPECT_EQ(older.wire.sent, "");
    EXPECT_NE(record.link, first);
    EXPECT_NE(record.link, nullptr);
    older.lose();  // The older one's end does not disturb the newer.
    EXPECT_NE(record.link, nullptr);
    newer.say(from_hex("C000"));
    EXPECT_EQ(to_hex(newer.wire.sent), "d000");
}

// --- sessions --------------------------------------------------------------------------------------

TEST(MqttConnection, SubscriptionsOutliveTheConnection) {
    Site site;
    site.hub.add_device("d1");
    {
        Peer peer(site);
        peer.connect("d1", site.token_of("d1"));
        EXPECT_EQ(peer.wire.take_sent(), connack_of(ConnectCode::accepted, false));
        site.hub.settle();
        peer.say(subscribe_of(methods_filter, 1));
        EXPECT_EQ(peer.wire.sent, "");  // not before it is on disk
        site.hub.settle();
        EXPECT_EQ(to_hex(peer.wire.sent), "9003000101");
        peer.say(from_hex("E000"));
        EXPECT_TRUE(peer.wire.closed);
    }
    Peer again(site);
    again.connect("d1", site.token_of("d1"));
    EXPECT_EQ(again.wire.take_sent(), connack_of(ConnectCode::accepted, true));
    again.say(from_hex("C000"));
    EXPECT_TRUE(site.hub.find("d1")->link->takes_method("any"));
    again.lose();

    Peer clean(site);
    clean.connect("d1", site.token_of("d1"), true);
    EXPECT_EQ(clean.wire.sent, "");  // not before the session is gone from the disk
    site.hub.settle();
    EXPECT_EQ(clean.wire.take_sent(), connack_of(ConnectCode::accepted, false));
    EXPECT_FALSE(site.hub.find("d1")->link->takes_method("any"));
    clean.subscribe(twin_filter);
    clean.lose();

    Peer last(site);
    last.connect("d1", site.token_of("d1"));
    EXPECT_EQ(last.wire.take_sent(), connack_of(ConnectCode::accepted, false));
}

TEST(MqttConnection, ASessionWithoutSubscriptionsIsNotStored) {
    Site site;
    site.hub.add_device("d1");
    { Peer(site).open("d1"); }
    Peer again(site);
    again.connect("d1", site.token_of("d1"));
    EXPECT_EQ(again.wire.sent, connack_of(ConnectCode::accepted, false));
}

// --- telemetry -------------------------------------------------------------------------------------

TEST(MqttConnection, TelemetryIsAcknowledgedWhenItIsOnDisk) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.say(publish_of("devices/d1/messages/events/%24.mid=m&a=1", "hello", 1, 7));
    site.hub.poll();
    EXPECT_EQ(peer.wire.sent, "");
    EXPECT_TRUE(messages(site).empty());
    site.hub.settle();
    EXPECT_EQ(to_hex(peer.wire.sent), "40020007");
    const auto stored = messages(site);
    ASSERT_EQ(stored.size(), 1U);
    EXPECT_EQ(stored[0].device_id, "d1");
    EXPECT_EQ(stored[0].body, "hello");
    EXPECT_EQ(stored[0].generation_id, std::to_string(site.registered("d1").generation_id));
    EXPECT_NE(stored[0].auth_method.find("\"scope\":\"device\",\"type\":\"sas\""), std::string::npos);
    EXPECT_EQ(stored[0].system, (std::vector<std::pair<std::string, std::string>>{{"message-id", "m"}}));
    ASSERT_EQ(stored[0].properties.size(), 1U);
    EXPECT_EQ(stored[0].properties[0].first, "a");
}

TEST(MqttConnection, AFullWindowStopsReadingUntilMessagesAreOnDisk) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    std::string stream;
    for (std::uint16_t id = 1; id <= 40; ++id) stream += publish_of(events, "x", 1, id);
    peer.say(stream);
    EXPECT_TRUE(peer.wire.paused);
    site.hub.settle();
    EXPECT_FALSE(peer.wire.paused);
    EXPECT_EQ(peer.wire.sent.size(), 40U * 4);
    EXPECT_EQ(messages(site).size(), 40U);
}

TEST(MqttConnection, AMessageWithPropertiesBeyondTheLimitCloses) {
    Site site;
    site.hub.add_device("d1");
    for (std::size_t over : {std::size_t{0}, std::size_t{1}}) {
        Peer peer(site);
        peer.open("d1");
        const std::string body(MessageLimits::d2c_bytes_max - 2 + over, 'x');
        peer.say(publish_of("devices/d1/messages/events/a=1", body, 1, 7));
        EXPECT_EQ(peer.wire.closed, over == 1);
        site.hub.settle();
        EXPECT_EQ(to_hex(peer.wire.sent), over == 1 ? "" : "40020007");
    }
}

TEST(MqttConnection, AWillIsTelemetryOfItsOwnKind) {
    Site site;
    site.hub.add_device("d1");
    for (const bool says_goodbye : {true, false}) {
        Peer peer(site);
        const std::string token = site.token_of("d1");
        Connect connect = testing::connect_of("d1");
        connect.password = as_bytes(token);
        connect.will = Will{.topic = "devices/d1/messages/events/why=lost",
                            .payload = as_bytes("bye"),
                            .qos = 1,
                            .retain = true};
        peer.say(testing::bytes_of(connect));
        if (says_goodbye) peer.say(from_hex("E000"));
        peer.lose();
        site.hub.settle();
        EXPECT_EQ(messages(site).size(), says_goodbye ? 0U : 1U);
    }
    const Message will = messages(site).at(0);
    EXPECT_EQ(will.body, "bye");
    const std::vector<std::pair<std::string, std::optional<std::string>>> expected{
        {"why", "lost"}, {"mqtt-retain", "true"}, {"iothub-MessageType", "Will"}};
    EXPECT_EQ(will.properties, expected);
}

// --- twins -----------------------------------------------------------------------------------------

TEST(MqttConnection, ATwinIsReadAndReported) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(twin_filter);
    peer.say(publish_of("$iothub/twin/GET/?$rid=4200", " "));
    EXPECT_EQ(
        published(peer.wire.take_sent()),
        (std::vector<std::pair<std::string, std::string>>{
            {"$iothub/twin/res/200/?$rid=4200", R"({"desired":{"$version":1},"reported":{"$version":1}})"}}));
    peer.say(publish_of("$iothub/twin/PATCH/properties/reported/?$rid=r1", R"({"fw":"é"})", 1, 9));
    EXPECT_EQ(peer.wire.sent, "");
    site.hub.settle();
    EXPECT_EQ(
        published(peer.wire.sent),
        (std::vector<std::pair<std::string, std::string>>{{"$iothub/twin/res/204/?$rid=r1&$version=2", ""}}));
    EXPECT_TRUE(to_hex(peer.wire.take_sent()).ends_with("40020009"));
    peer.say(publish_of("$iothub/twin/GET/?$rid=2"));
    EXPECT_EQ(published(peer.wire.take_sent()).at(0).second,
              R"({"desired":{"$version":1},"reported":{"fw":"\u00e9","$version":2}})");
}

TEST(MqttConnection, APatchIsAcknowledgedAfterItsAnswer) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(twin_filter);
    for (std::string_view body : {"{}", "no json"}) {
        peer.say(publish_of("$iothub/twin/PATCH/properties/reported/?$rid=r", body, 1, 9));
        site.hub.settle();
        const std::string sent = peer.wire.take_sent();
        ASSERT_GE(sent.size(), 4U);
        EXPECT_EQ(published(sent).size(), 1U);
        EXPECT_EQ(to_hex(sent.substr(sent.size() - 4)), "40020009") << body;
    }
}

TEST(MqttConnection, FailedPatchesSayWhyInStatusAndBody) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(twin_filter);
    struct Case {
        std::string query;
        std::string body;
        std::string status;
        std::string code;
    };
    std::string deep = "1";
    for (int i = 0; i < 12; ++i) deep = R"({"a":)" + deep + "}";
    std::string huge = "{";
    for (int i = 0; i < 10; ++i)
        huge += (i > 0 ? "," : "") + std::string("\"k") + std::to_string(i) + "\":\"" +
                std::string(4000, 'x') + "\"";
    huge += "}";
    for (const Case& c : std::initializer_list<Case>{
             {"", "{", "400", ""},
             {"", "", "400", ""},
             {"", "[1]", "400", ""},
             {"", "7", "400", ""},
             {"", R"({"a.b":1})", "400", "400004"},
             {"", R"({"$a":1})", "400", "400004"},
             {"", R"({"a b":1})", "400", "400004"},
             {"", R"({"a":[null]})", "400", "400004"},
             {"", R"({"a":9007199254740993})", "400", "400004"},
             {"", deep, "400", "400004"},
             {"&$version=9", "{}", "412", "412001"},
             {"&$version=x", "{}", "400", "400004"},
             {"", huge, "413", "413000"},
         }) {
        peer.say(publish_of("$iothub/twin/PATCH/properties/reported/?$rid=r" + c.query, c.body));
        site.hub.settle();
        const auto answers = published(peer.wire.take_sent());
        ASSERT_EQ(answers.size(), 1U) << c.body;
        EXPECT_EQ(answers[0].first, "$iothub/twin/res/" + c.status + "/?$rid=r") << c.body;
        const auto document = JsonDocument::parse(answers[0].second);
        ASSERT_TRUE(document) << answers[0].second;
        const auto code = document->root().find("errorCode").integer();
        ASSERT_TRUE(code);
        EXPECT_EQ(std::to_string(*code).substr(0, 3), c.status);
        if (!c.code.empty()) {
            EXPECT_EQ(std::to_string(*code), c.code) << c.body;
        }
        for (const char* member : {"trackingId", "message", "timestampUtc"}) {
            EXPECT_FALSE(document->root().find(member).string().empty()) << member;
        }
    }
    EXPECT_EQ(site.hub.find("d1")->committed->twin.reported.version(), 1);
}

TEST(MqttConnection, DesiredChangesReachASubscriberOnly) {
    Site site;
    const Record& record = site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    auto patch = [&](std::string_view body) {
        auto document = JsonDocument::parse(body);
        auto parsed = TwinPatch::parse(document->root(), record.key);
        ASSERT_TRUE(parsed);
        Shard& shard = site.hub->shards().owner(record.key.device);
        auto written = site.hub.run(
            shard.write_twin(record.key, Shard::TwinWrite::patch, *std::move(parsed), EtagMatch{}));
        ASSERT_TRUE(written);
    };
    patch(R"({"properties":{"desired":{"a":1}}})");
    EXPECT_EQ(peer.wire.sent, "");
    peer.subscribe(desired_filter);
    patch(R"({"properties":{"desired":{"a":null,"b":2}}})");
    EXPECT_EQ(
        published(peer.wire.take_sent()),
        (std::vector<std::pair<std::string, std::string>>{
            {"$iothub/twin/PATCH/properties/desired/?$version=3", R"({"a":null,"b":2,"$version":3})"}}));
}

// --- methods ---------------------------------------------------------------------------------------

TEST(MqttConnection, NoPayloadIsNullButForClientsInC) {
    Site site;
    Record& record = site.hub.add_device("d1");
    for (const bool is_c : {true, false}) {
        Peer peer(site);
        peer.parameters =
            is_c ? "&DeviceClientType=iothubclient%2F1.9.1" : "&DeviceClientType=azure-iot-device%2F1";
        peer.open("d1", true);
        peer.subscribe(methods_filter);
        record.link->send_method(1, "m", "null");
        record.link->send_method(2, "m", "{}");
        const auto calls = published(peer.wire.take_sent());
        ASSERT_EQ(calls.size(), 2U);
        EXPECT_EQ(calls[0].second, is_c ? "" : "null");
        EXPECT_EQ(calls[1].second, "{}");
    }
}

TEST(MqttConnection, AMethodGoesOutAndItsAnswerComesBack) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    MethodCall call;
    call.name = "reboot";
    call.payload = R"({"delay":5})";
    {
        const auto offline = site.hub.run(shard.methods().invoke(record.key, call));
        ASSERT_FALSE(offline);
        EXPECT_EQ(offline.error().code, Errc::device_not_online);
    }
    Peer peer(site);
    peer.open("d1");
    {
        const auto unsubscribed = site.hub.run(shard.methods().invoke(record.key, call));
        ASSERT_FALSE(unsubscribed);
        EXPECT_EQ(unsubscribed.error().code, Errc::device_not_online);
    }
    peer.subscribe(methods_filter);
    auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
    site.hub.settle();
    EXPECT_EQ(published(peer.wire.take_sent()),
              (std::vector<std::pair<std::string, std::string>>{
                  {"$iothub/methods/POST/reboot/?$rid=1", R"({"delay":5})"}}));
    peer.say(publish_of("$iothub/methods/res/200/?$rid=1", R"({"ok":true})", 1, 3));
    EXPECT_EQ(to_hex(peer.wire.sent), "40020003");
    site.hub.settle();
    ASSERT_TRUE(answer->has_value() && (*answer)->has_value());
    EXPECT_EQ((**answer)->status, 200);
    EXPECT_EQ((**answer)->payload, R"({"ok":true})");
}

TEST(MqttConnection, AMethodFailsWhenItsConnectionEnds) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    MethodCall call;
    call.name = "reboot";
    {
        Peer peer(site);
        peer.open("d1");
        peer.subscribe(methods_filter);
        auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
        site.hub.settle();
        peer.lose();
        site.hub.settle();
        ASSERT_TRUE(answer->has_value() && !(*answer)->has_value());
        EXPECT_EQ((*answer)->error().code, Errc::device_connection_closed_remotely);
    }
    Peer older(site);
    older.open("d1");
    older.subscribe(methods_filter);  // its session has it already; it is there to take a call
    auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
    site.hub.settle();
    Peer newer(site);
    newer.open("d1");
    site.hub.settle();
    ASSERT_TRUE(answer->has_value() && !(*answer)->has_value());
    EXPECT_EQ((*answer)->error().code, Errc::connection_forcefully_closed);
}

TEST(MqttConnection, AMethodWaitingForTheDeviceFollowsTheSuback) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    MethodCall call;
    call.name = "reboot";
    call.connect_timeout_s = 10;
    auto answer = site.hub.begin(shard.methods().invoke(record.key, call));
    site.hub.settle();
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(methods_filter));
    site.hub.settle();
    EXPECT_EQ(to_hex(peer.wire.sent).substr(0, 10), "9003000100");
    EXPECT_EQ(published(peer.wire.sent).size(), 1U);
}

// --- ends ------------------------------------------------------------------------------------------

TEST(MqttConnection, ATokenEndsTheConnectionAfterItsSkew) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.connect("d1", sas::make_token("hub.example.net/devices/d1", site.key_of("d1"),
                                       site.clock.wall_now().plus_s(60)));
    site.hub.settle();
    for (int i = 0; i < 12; ++i) {
        site.hub.advance(std::chrono::seconds(30));
        ASSERT_FALSE(peer.wire.closed) << i;
        peer.say(from_hex("C000"));
    }
    site.hub.advance(std::chrono::seconds(2));
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_EQ(site.hub.find("d1")->link, nullptr);
}

TEST(MqttConnection, ASilentDeviceIsCutAfterItsKeepAlive) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");  // 60 s
    site.hub.advance(std::chrono::seconds(80));
    peer.say(from_hex("C000"));
    site.hub.advance(std::chrono::seconds(89));
    EXPECT_FALSE(peer.wire.closed);
    site.hub.advance(std::chrono::seconds(1));
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_EQ(site.endpoint->metrics(0).keep_alives_expired.value(), 1U);
}

TEST(MqttConnection, RegistryChangesEndTheConnection) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    {
        Peer peer(site);
        peer.open("d1");
        ASSERT_TRUE(site.hub.run(shard.put_identity(record.key, R"({"status":"disabled"})",
                                                    EtagMatch{.kind = EtagMatch::Kind::any, .etag = {}})));
        EXPECT_TRUE(peer.wire.closed);
        peer.lose();
        EXPECT_EQ(record.link, nullptr);
    }
    {
        Peer disabled(site);
        disabled.connect("d1", site.token_of("d1"));
        EXPECT_EQ(disabled.wire.sent, connack_of(ConnectCode::server_unavailable));
    }
    ASSERT_TRUE(site.hub.run(shard.put_identity(record.key, R"({"status":"enabled"})",
                                                EtagMatch{.kind = EtagMatch::Kind::any, .etag = {}})));
    Peer peer(site);
    peer.open("d1");
    const std::string token = site.token_of("d1");
    ASSERT_TRUE(
        site.hub.run(shard.remove_identity(record.key, EtagMatch{.kind = EtagMatch::Kind::any, .etag = {}})));
    EXPECT_TRUE(peer.wire.closed);
    peer.lose();
    Peer again(site);
    again.connect("d1", token);
    EXPECT_EQ(again.wire.sent, connack_of(ConnectCode::not_authorized));
}

// One of them may have connected by a token of the key that is no more.
TEST(MqttConnection, NewKeysOfADeviceEndTheConnectionsOfItsModules) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Shard& shard = site.hub->shards().owner(record.key.device);
    const EtagMatch any{.kind = EtagMatch::Kind::any, .etag = {}};
    const auto key = IdentityKey::parse("d1", "m1").value();
    ASSERT_TRUE(site.hub.run(shard.put_identity(key, "{}", EtagMatch{})));
    Peer peer(site);
    peer.connect("d1/m1", sas::make_token("hub.example.net/devices/d1/modules/m1", site.key_of("d1"),
                                          site.in_an_hour()));
    ASSERT_EQ(peer.wire.sent, connack_of(ConnectCode::accepted));
    ASSERT_TRUE(site.hub.run(shard.put_identity(record.key,
                                                R"({"status":"enabled","authentication":)"
                                                R"({"symmetricKey":{}}})",
                                                any)));
    EXPECT_TRUE(peer.wire.closed);
    peer.lose();
}

TEST(MqttConnection, AnswersThatArriveAfterTheEndDoNoHarm) {
    Site site;
    site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.say(subscribe_of(twin_filter));
    site.hub.settle();
    peer.say(publish_of(events, "x", 1, 1) +
             publish_of("$iothub/twin/PATCH/properties/reported/?$rid=r", "{}") +
             subscribe_of(methods_filter));
    peer.lose();
    site.hub.settle();
    EXPECT_EQ(messages(site).size(), 1U);
}

TEST(MqttConnection, AWrongLoginThatFailsAgainAndAgainIsAnsweredLateAndARightOneIsNot) {
    Site site;
    const Record& record = site.hub.add_device("d1");
    const std::string wrong = site.token_of("d1") + "x";
    for (int i = 0; i < LoginBrake::identity_pace.at_once; ++i) {
        Peer peer(site);
        peer.connect("d1", wrong);
        EXPECT_EQ(to_hex(peer.wire.take_sent()), "20020005");
    }
    Peer slowed(site);
    slowed.connect("d1", wrong);
    Peer leaves(site);
    leaves.connect("d1", wrong);
    leaves.lose();
    EXPECT_EQ(slowed.wire.sent, "");
    Peer honest(site);
    honest.open("d1");
    EXPECT_NE(record.link, nullptr);
    site.clock.advance(2 * LoginBrake::identity_pace.each);
    site.hub->shards().owner(*DeviceId::parse("d1")).timers().run_due(site.clock.now());
    EXPECT_EQ(to_hex(slowed.wire.take_sent()), "20020005");
    EXPECT_TRUE(slowed.wire.closed);
}

// --- congestion ------------------------------------------------------------------------------------

TEST(MqttConnection, APeerThatDoesNotReadIsNotReadFrom) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(methods_filter);
    EXPECT_FALSE(record.link->is_congested());
    peer.wire.unsent = Connection::output_bytes_max;
    peer.wire.congested = true;
    EXPECT_TRUE(record.link->is_congested());
    peer.say(from_hex("C000"));
    EXPECT_TRUE(peer.wire.paused);
    EXPECT_EQ(peer.wire.sent, "");
    peer.wire.unsent = 0;
    peer.wire.congested = false;
    peer.wire.handler->drained();
    EXPECT_FALSE(peer.wire.paused);
    EXPECT_EQ(to_hex(peer.wire.take_sent()), "d000");

    peer.wire.unsent = Connection::request_output_bytes_max;
    record.link->send_method(1, "m", "null");
    EXPECT_EQ(peer.wire.sent, "");
    EXPECT_FALSE(peer.wire.closed);
    EXPECT_EQ(site.endpoint->metrics(0).methods_dropped.value(), 1U);
    peer.wire.unsent = Connection::output_bytes_max;
    record.link->send_method(2, "m", "null");
    EXPECT_EQ(published(peer.wire.take_sent()).size(), 1U);
}

TEST(MqttConnection, ANotificationTooManyForAPeerThatDoesNotReadEndsTheConnection) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(desired_filter);
    peer.wire.congested = true;
    record.link->send_desired(2, R"({"$version":2})");
    EXPECT_EQ(published(peer.wire.take_sent()).size(), 1U);
    peer.wire.unsent = Connection::request_output_bytes_max;
    record.link->send_desired(3, R"({"$version":3})");
    EXPECT_EQ(peer.wire.sent, "");
    EXPECT_TRUE(peer.wire.aborted);
}

TEST(MqttConnection, ANotificationThatCannotBeSentEndsTheConnection) {
    Site site;
    Record& record = site.hub.add_device("d1");
    Peer peer(site);
    peer.open("d1");
    peer.subscribe(desired_filter);
    peer.wire.accepts = false;
    peer.wire.congested = true;
    record.link->send_desired(2, R"({"$version":2})");
    EXPECT_TRUE(peer.wire.aborted);
    EXPECT_EQ(record.link, nullptr);
}

TEST(MqttConnection, AnIdleConnectionIsSmall) {
    EXPECT_LE(sizeof(Connection), 640U);  // its session included
}

TEST(MqttConnection, ConnectionsLeftAtTheEndAreFreed) {
    Site site;
    site.hub.add_device("d1");
    bool freed = false;
    testing::Wire wire;
    wire.thread = &site.threads[0];
    wire.freed = &freed;
    site.endpoint->accepted(std::make_unique<testing::FakeChannel>(wire));
    EXPECT_FALSE(freed);
    site.endpoint.reset();
    EXPECT_TRUE(freed);
}

}  // namespace
}  // namespace carillon::mqtt
