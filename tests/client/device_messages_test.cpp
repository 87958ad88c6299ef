// Messages in both directions by the blocking C++ clients, against the real program.
#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/async_device_events.hpp"
#include "carillon/device_events.hpp"
#include "carillon/device_inbox.hpp"
#include "client/hub_fixture.hpp"
#include "wire/sas/connection_string.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <utility>

namespace carillon::client_test {
namespace {

/// What a future gives; a test that waits too long for it ends at once, as it would never end otherwise.
template <class T>
T within_patience(std::future<T> future) {
    const bool has_come = future.wait_for(patience) == std::future_status::ready;
    CARILLON_ASSERT(has_come);
    return future.get();
}

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

TEST_F(DeviceMessagesTest, OverAmqpADeviceDoesAllAndSettlesAsItSays) {
    for (const DeviceTransport transport : {DeviceTransport::amqp, DeviceTransport::amqp_websocket}) {
        const bool is_socket = transport == DeviceTransport::amqp_websocket;
        const std::string id = is_socket ? "amqp-ws" : "amqp";
        DeviceOptions options = device(id);
        options.transport = transport;
        options.port = is_socket ? target().https.port : hub().amqps_port();
        auto client = DeviceClient::open(options);
        ASSERT_TRUE(client);
        std::mutex mutex;
        std::vector<std::string> heard;
        client->on_message([&](const HubToDeviceMessage& message) {
            const std::lock_guard lock(mutex);
            heard.push_back(message.body + ' ' + std::string(message.find_system("message-id")));
            if (message.body == "reject") return MessageAnswer::reject;
            const bool is_new = std::count(heard.begin(), heard.end(), heard.back()) == 1;
            return message.body == "abandon" && is_new ? MessageAnswer::abandon : MessageAnswer::complete;
        });
        client->on_method("lock", [](const MethodRequest& request) {
            return MethodResponse{.status = 201, .payload_json = request.payload_json};
        });
        std::promise<std::int64_t> desired;
        client->on_desired([&desired, told = false](const DesiredProperties& changed) mutable {
            if (changed.json.find("floor") == std::string::npos || std::exchange(told, true)) return;
            desired.set_value(changed.version);
        });
        ASSERT_TRUE(within_patience(client->connected())) << id;
        tell(*client, 0, 5);
        EXPECT_TRUE(client->report(R"({"firmware":"1.2"})").get());
        const auto twin = client->get_twin().get();
        ASSERT_TRUE(twin);
        EXPECT_NE(twin->find("1.2"), std::string::npos);
        for (const auto* body : {"complete", "abandon", "reject"}) send(id, body);
        wait_until(
            [&] {
                const std::lock_guard lock(mutex);
                return heard.size() == 4;
            },
            "all messages, one of them twice");
        const std::vector<std::string> all{"abandon abandon", "abandon abandon", "complete complete",
                                           "reject reject"};
        {
            const std::lock_guard lock(mutex);
            std::sort(heard.begin(), heard.end());
            EXPECT_EQ(heard, all);
        }
        std::map<std::string, std::string> outcomes;
        wait_until(
            [&] {
                const auto batch = service().receive_feedback();
                if (!batch || !*batch) return false;
                const auto document = JsonDocument::parse((*batch)->records_json);
                for (auto record = document->root().first(); record.exists(); record = record.next())
                    outcomes[std::string(record.find("originalMessageId").string())] =
                        record.find("statusCode").string();
                EXPECT_TRUE(service().settle_feedback((*batch)->lock, MessageSettlement::complete));
                return outcomes.size() == 3;
            },
            "the feedback on all");
        EXPECT_EQ(outcomes["complete"], "Success");
        EXPECT_EQ(outcomes["abandon"], "Success");
        EXPECT_EQ(outcomes["reject"], "Rejected");
        ASSERT_TRUE(
            service().update_twin(*IdentityKey::parse(id), R"({"properties":{"desired":{"floor":3}}})", "*"));
        EXPECT_EQ(within_patience(desired.get_future()), 2);
    }
}

TEST_F(DeviceMessagesTest, AModuleHasItsInputsAndOutputsOverEveryTransport) {
    constexpr DeviceTransport transports[] = {DeviceTransport::mqtt, DeviceTransport::mqtt_websocket,
                                              DeviceTransport::amqp, DeviceTransport::amqp_websocket};
    for (std::size_t i = 0; i < std::size(transports); ++i) {
        const std::string id = "edge-" + std::to_string(i);
        const IdentityKey key = *IdentityKey::parse(id, "filter");
        device(id);
        DeviceOptions options = device(id, "filter");
        options.transport = transports[i];
        if (transports[i] == DeviceTransport::amqp) options.port = hub().amqps_port();
        if (transports[i] == DeviceTransport::amqp_websocket ||
            transports[i] == DeviceTransport::mqtt_websocket)
            options.port = target().https.port;
        auto client = DeviceClient::open(options);
        ASSERT_TRUE(client);
        const auto sent = [&](const std::string& body, const std::string& input) {
            ServiceMessage message;
            message.body = body;
            message.message_id = body;
            message.input = input;
            return service().send_message(key, message);
        };
        ASSERT_TRUE(sent("1", "temperature"));
        std::mutex mutex;
        std::vector<std::string> heard;
        client->on_message([&](const HubToDeviceMessage& message) {
            const std::lock_guard lock(mutex);
            heard.push_back(message.body + ' ' + message.input + ' ' +
                            std::string(message.find_system("message-id")));
            return MessageAnswer::complete;
        });
        ASSERT_TRUE(within_patience(client->connected())) << id;
        ASSERT_TRUE(sent("2", ""));
        ASSERT_TRUE(sent("3", "pressure.2"));
        EXPECT_EQ(sent("4", "a/b").error().code, Errc::argument_invalid);
        const auto all = [&] {
            const std::lock_guard lock(mutex);
            return heard.size() >= 3;
        };
        wait_until(all, "the messages of its inputs and its own");
        {
            const std::lock_guard lock(mutex);
            std::sort(heard.begin(), heard.end());
            EXPECT_EQ(heard, (std::vector<std::string>{"1 temperature 1", "2  2", "3 pressure.2 3"})) << id;
        }
        TelemetryMessage message;
        message.body = "hot";
        message.output = "alarms";
        ASSERT_TRUE(within_patience(client->send(message)).is_stored());
        EventsQuery query;
        query.device = id;
        query.from = "earliest";
        auto reader = DeviceEvents::open(back_end(), query);
        ASSERT_TRUE(reader);
        DeviceEvent event;
        ASSERT_TRUE(reader->read([&event](const DeviceEvent& one) {
            event = one;
            return false;
        }));
        EXPECT_EQ(event.module_id, "filter");
        const auto output = std::find_if(event.system.begin(), event.system.end(),
                                         [](const auto& one) { return one.first == "iothub-outputname"; });
        ASSERT_NE(output, event.system.end()) << id;
        EXPECT_EQ(output->second, "alarms");
        const auto settled = [&] {
            const auto shown = service().find_module(key);
            return shown && shown->find("\"cloudToDeviceMessageCount\":0") != std::string::npos;
        };
        wait_until(settled, "the messages to be completed");
    }
}

TEST_F(DeviceMessagesTest, OverAmqpMessagesSurviveARestartOfTheHub) {
    DeviceOptions options = device("d1");
    options.transport = DeviceTransport::amqp;
    options.port = hub().amqps_port();
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    ASSERT_TRUE(within_patience(client->connected()));
    Ledger ledger;
    for (int i = 0; i < 200; ++i) {
        TelemetryMessage message;
        message.body = Ledger::body(i);
        client->send(std::move(message), ledger.teller(i));
        if (i == 100) {
            hub().kill();
            start_hub();
        }
    }
    ledger.wait_for_all(200);
    EXPECT_EQ(ledger.count(MessageFate::stored), 200U);
    EXPECT_EQ(ledger.told_twice(), 0);
    std::vector<std::string> bodies = stored_bodies();
    std::sort(bodies.begin(), bodies.end());
    bodies.erase(std::unique(bodies.begin(), bodies.end()), bodies.end());
    EXPECT_EQ(bodies.size(), 200U);
}

TEST_F(DeviceMessagesTest, OverAmqpAWrongKeyIsRefusedForGood) {
    DeviceOptions options = device("d1");
    options.transport = DeviceTransport::amqp;
    options.port = hub().amqps_port();
    const std::size_t key = options.connection_string.find("SharedAccessKey=");
    options.connection_string =
        options.connection_string.substr(0, key) + "SharedAccessKey=" + base64_encode(std::string(32, 'x'));
    auto client = DeviceClient::open(options);
    ASSERT_TRUE(client);
    const auto connected = within_patience(client->connected());
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code, Errc::iot_hub_unauthorized);
}

/// Reads until `count` bodies are there, or no more.
Coroutine read_events(AsyncDeviceEvents& events, std::size_t count, std::vector<std::string>& bodies,
                      std::string& checkpoint, std::promise<void>& done) {
    while (bodies.size() < count) {
        AsyncDeviceEvents::Next next = co_await events.next(awaiting);
        if (!next || !*next) break;
        bodies.push_back((*next)->event.body);
        checkpoint = (*next)->checkpoint;
    }
    done.set_value();
}

TEST_F(DeviceMessagesTest, EventsComeToACoroutineACallbackAndAFuture) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    client->connect();
    tell(*client, 0, 100);
    EventsQuery query;
    query.device = "d1";
    query.from = "earliest";
    std::vector<std::string> bodies;
    std::string checkpoint;
    {
        auto events = AsyncDeviceEvents::open(back_end(), query);
        ASSERT_TRUE(events);
        std::promise<void> done;
        read_events(*events, 90, bodies, checkpoint, done);
        ASSERT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
    }
    // Later, by somebody else.
    query.after = checkpoint;
    {
        auto events = AsyncDeviceEvents::open(back_end(), query);
        ASSERT_TRUE(events);
        while (bodies.size() < 100) {
            const auto next = within_patience(events->next());
            ASSERT_TRUE(next && *next);
            bodies.push_back((*next)->event.body);
        }
        // One waits while the reader goes.
        std::promise<Errc> refused;
        std::promise<Errc> ended;
        events->next([&ended](const AsyncDeviceEvents::Next& next) { ended.set_value(next.error().code); });
        events->next(
            [&refused](const AsyncDeviceEvents::Next& next) { refused.set_value(next.error().code); });
        EXPECT_EQ(within_patience(refused.get_future()), Errc::operation_not_allowed_in_current_state);
        auto told = ended.get_future();
        { const AsyncDeviceEvents gone = *std::move(events); }
        ASSERT_EQ(told.wait_for(patience), std::future_status::ready);
        EXPECT_EQ(told.get(), Errc::connection_closed);
    }
    for (std::size_t i = 0; i < bodies.size(); ++i) EXPECT_EQ(bodies[i], std::to_string(i));
    EXPECT_EQ(bodies.size(), 100U);
    query.after.clear();
    query.follows = false;
    auto whole = AsyncDeviceEvents::open(back_end(), query);
    ASSERT_TRUE(whole);
    std::size_t count = 0;
    for (auto next = within_patience(whole->next()); next && *next; next = within_patience(whole->next()))
        ++count;
    EXPECT_EQ(count, 100U);
    EXPECT_EQ(*within_patience(whole->next()), std::nullopt) << "the end stays the end";
    query.consumer_group = "none";
    auto wrong = AsyncDeviceEvents::open(back_end(), query);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(within_patience(wrong->next()).error().code, Errc::generic_not_found);
}

TEST_F(DeviceMessagesTest, AnEndpointsLogHasGroupsAndEventsOfItsOwn) {
    auto client = DeviceClient::open(device("d1"));
    ASSERT_TRUE(client);
    client->connect();
    ASSERT_TRUE(service().send(
        {.method = "PUT", .target = "/carillon/endpoints/odd", .body = R"({"type":"events"})"}));
    ASSERT_TRUE(service().send({.method = "PUT",
                                .target = "/carillon/routes/odd",
                                .body = R"({"condition":"kind = 'odd'","endpointNames":["odd"]})"}));
    ASSERT_TRUE(service().create_consumer_group("mine", "odd"));
    EXPECT_FALSE(service().find_consumer_group("mine"));
    EXPECT_TRUE(service().find_consumer_group("mine", "odd"));
    EXPECT_EQ(service().list_consumer_groups("odd")->items.size(), 2U);
    EventsQuery query;
    query.endpoint = "odd";
    query.consumer_group = "mine";
    query.from = "earliest";
    query.limit = 2;
    auto events = AsyncDeviceEvents::open(back_end(), query);
    ASSERT_TRUE(events);
    for (int i = 0; i < 5; ++i) {
        TelemetryMessage message;
        message.body = std::to_string(i);
        message.properties.emplace_back("kind", i % 2 == 1 ? "odd" : "even");
        ASSERT_TRUE(client->send(message).get().is_stored());
    }
    const auto first = within_patience(events->next());
    const auto second = within_patience(events->next());
    ASSERT_TRUE(first && *first && second && *second);
    EXPECT_EQ((*first)->event.body, "1");
    EXPECT_EQ((*second)->event.body, "3");
    EXPECT_EQ((*second)->event.sequence, 1U);
    EXPECT_EQ(service().list_partitions("none").error().code, Errc::generic_not_found);
    ASSERT_TRUE(service().delete_consumer_group("mine", "odd"));
}

}  // namespace
}  // namespace carillon::client_test
