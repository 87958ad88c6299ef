// Messages in both directions by the blocking C++ clients, against the real program.
#include "carillon/device_events.hpp"
#include "carillon/device_inbox.hpp"
#include "client/hub_fixture.hpp"
#include "wire/sas/connection_string.hpp"

namespace carillon::client_test {
namespace {

class DeviceMessagesTest : public HubTest {
protected:
    ServiceOptions back_end() {
        ServiceOptions options;
        options.connection_string = sas::to_text(target().policy);
        options.ca_file = ca_file();
        options.address = address;
        options.port = target().https.port;
        return options;
    }
    DeviceOptions over_https(const std::string& id) {
        DeviceOptions options = device(id);
        options.transport = DeviceTransport::mqtt_websocket;
        options.port = target().https.port;
        return options;
    }
    void send(const std::string& id, const std::string& body) {
        ServiceMessage message;
        message.body = body;
        message.message_id = body;
        message.ack = "full";
        ASSERT_TRUE(service().send_message(*IdentityKey::parse(id), message));
    }
    /// Has the device send numbered messages, and returns when all are stored.
    void tell(DeviceClient& client, int from, int to) {
        for (int i = from; i < to; ++i) {
            TelemetryMessage message;
            message.body = std::to_string(i);
            ASSERT_TRUE(client.send(message).get().is_stored());
        }
    }
};

TEST_F(DeviceMessagesTest, ADeviceCompletesAbandonsAndRejects) {
    auto inbox = DeviceInbox::open(over_https("d1"));
    ASSERT_TRUE(inbox);
    EXPECT_EQ(*inbox->receive(), std::nullopt);
    for (const auto* body : {"a", "b", "c"}) send("d1", body);
    const auto first = inbox->receive();
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->body, "a");
    ASSERT_TRUE(inbox->settle((*first)->lock, MessageSettlement::abandon));
    const auto again = inbox->receive();
    ASSERT_TRUE(again && *again);
    EXPECT_EQ((*again)->body, "a") << "it came back to its place";
    ASSERT_TRUE(inbox->settle((*again)->lock, MessageSettlement::complete));
    EXPECT_EQ(inbox->settle((*again)->lock, MessageSettlement::complete).error().code,
              Errc::device_message_lock_lost);
    const auto second = inbox->receive();
    ASSERT_TRUE(second && *second);
    ASSERT_TRUE(inbox->settle((*second)->lock, MessageSettlement::reject));
    const auto third = inbox->receive(std::chrono::seconds(5));
    ASSERT_TRUE(third && *third);
    EXPECT_EQ((*third)->body, "c");
    ASSERT_TRUE(inbox->settle((*third)->lock, MessageSettlement::complete));
    EXPECT_EQ(*inbox->receive(), std::nullopt) << "what was rejected does not come again";
    EXPECT_EQ(DeviceInbox::open(DeviceOptions{}).error().code, Errc::argument_invalid);
}

TEST_F(DeviceMessagesTest, AReaderGoesOnBehindItsCheckpointAndOverARestart) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    client->connect();
    tell(*client, 0, 10);
    EventsQuery query;
    query.device = "d1";
    query.from = "earliest";
    auto reader = DeviceEvents::open(back_end(), query);
    ASSERT_TRUE(reader);
    std::vector<std::string> bodies;
    const auto take = [&bodies](std::size_t count) {
        return [&bodies, count](const DeviceEvent& event) {
            EXPECT_EQ(event.device_id, "d1");
            EXPECT_EQ(event.source, "Telemetry");
            bodies.push_back(event.body);
            return bodies.size() < count;
        };
    };
    ASSERT_TRUE(reader->read(take(4)));
    ASSERT_EQ(bodies.size(), 4U);
    query.after = reader->checkpoint();
    auto later = DeviceEvents::open(back_end(), query);
    ASSERT_TRUE(later);
    ASSERT_TRUE(later->read(take(10)));
    hub().kill();
    start_hub();
    tell(*client, 10, 15);
    ASSERT_TRUE(later->read(take(15)));
    for (std::size_t i = 0; i < bodies.size(); ++i) EXPECT_EQ(bodies[i], std::to_string(i));
    query.consumer_group = "none";
    auto wrong = DeviceEvents::open(back_end(), query);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->read(take(1)).error().code, Errc::generic_not_found);
}

}  // namespace
}  // namespace carillon::client_test
