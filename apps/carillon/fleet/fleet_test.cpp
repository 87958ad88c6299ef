// A fleet against a hub of a few lines, on loopback and without TLS.

#include "fleet/fleet.hpp"

#include "net/listener.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <thread>

namespace carillon::fleet {
namespace {

using namespace std::chrono_literals;

/// Looks until `holds`; false if it does not for ten seconds.
bool until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

template <class Result>
Result on_thread(IoThread& thread, const std::function<Result()>& what) {
    std::promise<Result> told;
    thread.post([&] { told.set_value(what()); });
    return told.get_future().get();
}

/// Takes any device, or none, and answers as a hub whose store takes no time.
class FakeHub final : public ConnectionFactory {
public:
    class Connection final : public ChannelHandler {
    public:
        Connection(FakeHub& hub, std::unique_ptr<Channel> accepted)
            : session(host, TimePoint{}), channel(std::move(accepted)), hub_(hub) {
            host.session = &session;
            host.answers = !hub.refuses;
        }
        void received(Bytes bytes) override {
            session.receive(bytes, host.now);
            if (hub_.refuses) session.refuse(mqtt::ConnectCode::not_authorized, Errc::iot_hub_unauthorized);
            for (const std::string& line : host.take_lines()) ++hub_.lines[line.substr(0, line.find(' '))];
            send();
            if (session.is_disconnected()) ++hub_.lines["disconnect"];
            if (session.is_closed()) channel->close();
        }
        void closed(Errc) override { hub_.connections.erase(this); }
        void send() {
            const std::string bytes = host.take_sent();
            EXPECT_TRUE(bytes.empty() || channel->send(as_bytes(bytes)) || session.is_closed());
        }

        mqtt::testing::RecordingHost host;
        mqtt::Session session;
        std::unique_ptr<Channel> channel;

    private:
        FakeHub& hub_;
    };

    FakeHub() {
        listener_ = Listener::open(threads_, *this, {.address = "127.0.0.1"}).value();
        CARILLON_ASSERT(listener_->start().has_value());
        threads_.start();
    }
    ~FakeHub() override {
        threads_.stop();
        connections.clear();
    }
    void accepted(std::unique_ptr<Channel> channel) override {
        auto connection = std::make_unique<Connection>(*this, std::move(channel));
        connection->channel->set_handler(*connection);
        connections.emplace(connection.get(), std::move(connection));
    }
    /// Calls a method on every device that is connected; gives how many.
    std::uint64_t call_all(std::uint16_t request) {
        return on_thread<std::uint64_t>(threads_[0], [this, request] {
            std::uint64_t called = 0;
            for (const auto& [connection, owner] : connections) {
                if (!connection->session.is_running()) continue;
                connection->session.send_method(request, "lockDoor", "{}");
                connection->send();
                ++called;
            }
            return called;
        });
    }
    /// How often the hub was asked for `what`: `connect`, `answer`, `patch` …
    int count(const std::string& what) {
        return on_thread<int>(threads_[0], [&] { return lines[what]; });
    }
    std::uint16_t port() const { return listener_->port(); }

    // On its thread, or before devices come.
    bool refuses = false;
    std::map<std::string, int> lines;
    std::map<Connection*, std::unique_ptr<Connection>> connections;

private:
    SystemClock clock_;
    IoThreads threads_{1, clock_};
    std::unique_ptr<Listener> listener_;
};

/// A fleet on a thread of its own.
struct TestFleet {
    TestFleet(FakeHub& hub, const FleetOptions& options, const BehaviourOptions& behaviour_options)
        : connector(settings_of(hub)),
          behaviour(Behaviour::make(behaviour_options).value()),
          fleet(threads[0], connector, credentials, behaviour, options) {
        CARILLON_ASSERT(fleet.make_devices().has_value());
        threads.start();
        threads[0].post([this] { fleet.start(); });
    }
    ~TestFleet() { threads.stop(); }

    Statistics look() {
        return on_thread<Statistics>(threads[0], [this] { return fleet.statistics(); });
    }
    bool leave() {
        auto left = std::make_shared<std::promise<void>>();
        auto over = left->get_future();
        threads[0].post([this, left] { fleet.leave([left] { left->set_value(); }); });
        return over.wait_for(10s) == std::future_status::ready;
    }

    static Connector::Settings settings_of(const FakeHub& hub) {
        Connector::Settings settings;
        settings.server = resolve("127.0.0.1", hub.port()).value();
        settings.host_name = "localhost";
        return settings;
    }
    static sas::ConnectionString policy() {
        return sas::parse_connection_string(
                   "HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey="
                   "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
            .value();
    }

    SystemClock clock;
    const Connector connector;
    const Credentials credentials = Credentials::of_group(policy(), {}, "sim-").value();
    const Behaviour behaviour;
    IoThreads threads{1, clock};
    Fleet fleet;
};

FleetOptions fleet_of(std::uint64_t devices) {
    FleetOptions options;
    options.devices = devices;
    options.source_addresses = 3;
    return options;
}

BehaviourOptions impatient() {
    BehaviourOptions options;
    options.backoff_first = 10ms;
    options.backoff_max = 50ms;
    return options;
}

TEST(Fleet, EveryDeviceConnectsAndSubscribes) {
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(100), impatient());
    EXPECT_TRUE(until([&] { return fleet.look().connected == 100; }));
    EXPECT_EQ(hub.count("connect"), 100);
    const Statistics now = fleet.look();
    EXPECT_EQ(now.connects, 100U);
    EXPECT_EQ(now.connecting + now.waiting + now.away + now.reconnects + now.lost, 0U);
    EXPECT_EQ(now.handshakes.total(), 100U);
}

TEST(Fleet, AnswersBySeedInAnyOrderOfDevices) {
    BehaviourOptions options = impatient();
    options.fail_percent = 20;
    options.timeout_percent = 10;
    options.method_latency = Distribution::parse("0ms..30ms").value();
    Statistics seen[2];
    for (Statistics& now : seen) {
        FakeHub hub;
        TestFleet fleet(hub, fleet_of(200), options);
        ASSERT_TRUE(until([&] { return fleet.look().connected == 200; }));
        ASSERT_EQ(hub.call_all(1) + hub.call_all(2), 400U);
        ASSERT_TRUE(until([&] {
            now = fleet.look();
            return now.methods_ok + now.methods_failed + now.methods_silent == 400;
        }));
        EXPECT_TRUE(until([&] {
            return static_cast<std::uint64_t>(hub.count("answer")) == now.methods_ok + now.methods_failed;
        }));
    }
    EXPECT_EQ(seen[0].methods_ok, seen[1].methods_ok);
    EXPECT_EQ(seen[0].methods_failed, seen[1].methods_failed);
    EXPECT_GT(seen[0].methods_failed, 40U);
    EXPECT_GT(seen[0].methods_silent, 10U);
}

TEST(Fleet, ReportsAndSendsTelemetryAndHearsThatTheyAreStored) {
    BehaviourOptions options = impatient();
    options.reported_every = Distribution::parse("20ms").value();
    options.telemetry_every = Distribution::parse("20ms").value();
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(20), options);
    EXPECT_TRUE(until([&] {
        const Statistics now = fleet.look();
        return now.reported_stored >= 60 && now.telemetry_stored >= 60;
    }));
    EXPECT_GE(hub.count("patch"), 60);
    EXPECT_GE(hub.count("telemetry"), 60);
    EXPECT_EQ(fleet.look().reported_refused, 0U);
}

TEST(Fleet, ComesBackAfterACutByBackingOff) {
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(100), impatient());
    ASSERT_TRUE(until([&] { return fleet.look().connected == 100; }));
    fleet.threads[0].post([&] { fleet.fleet.cut(); });
    EXPECT_TRUE(until([&] {
        const Statistics now = fleet.look();
        return now.lost == 100 && now.connected == 100;
    }));
    EXPECT_EQ(fleet.look().reconnects, 100U);
}

TEST(Fleet, KeepsTryingAHubThatRefusesIt) {
    FakeHub hub;
    hub.refuses = true;
    TestFleet fleet(hub, fleet_of(10), impatient());
    EXPECT_TRUE(until([&] { return fleet.look().refused >= 30; }));
    EXPECT_EQ(fleet.look().connects, 0U);
    EXPECT_EQ(on_thread<std::optional<Errc>>(fleet.threads[0], [&] { return fleet.fleet.last_failure(); }),
              Errc::iot_hub_unauthorized);
}

TEST(Fleet, DevicesComeAndGoAsPlanned) {
    BehaviourOptions options = impatient();
    options.offline_percent = 50;
    options.absence = Distribution::parse("10ms..40ms").value();
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(30), options);
    EXPECT_TRUE(until([&] { return fleet.look().reconnects > 60; }));
    EXPECT_GT(hub.count("disconnect"), 60);
    EXPECT_EQ(fleet.look().lost, 0U);
}

TEST(Fleet, BeginsWithinItsRamp) {
    BehaviourOptions options = impatient();
    options.ramp = 200ms;
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(50), options);
    EXPECT_TRUE(until([&] { return fleet.look().connected == 50; }));
    EXPECT_EQ(fleet.look().reconnects, 0U);
}

TEST(Fleet, KeepsToItsLimitOfConnectionsInTheMaking) {
    FakeHub hub;
    FleetOptions options = fleet_of(60);
    options.connecting_max = 5;
    TestFleet fleet(hub, options, impatient());
    EXPECT_TRUE(until([&] {
        const Statistics now = fleet.look();
        EXPECT_LE(now.connecting, 5U);
        return now.connected == 60;
    }));
}

TEST(Fleet, LeavesWithAWordFromEachDevice) {
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(50), impatient());
    ASSERT_TRUE(until([&] { return fleet.look().connected == 50; }));
    EXPECT_TRUE(fleet.leave());
    EXPECT_TRUE(until([&] { return hub.count("disconnect") == 50; }));
    const Statistics now = fleet.look();
    EXPECT_EQ(now.connected + now.connecting + now.waiting + now.away, 0U);
    EXPECT_EQ(now.lost, 0U);
}

TEST(Fleet, LeavesInTheMidstOfConnecting) {
    FakeHub hub;
    TestFleet fleet(hub, fleet_of(200), impatient());
    ASSERT_TRUE(until([&] { return fleet.look().connects > 10; }));
    EXPECT_TRUE(fleet.leave());
}

TEST(Fleet, RefusesAPrefixThatIsNotAnId) {
    FakeHub hub;
    FleetOptions options = fleet_of(1);
    options.prefix = "with space ";
    SystemClock clock;
    IoThreads threads{1, clock};
    const Connector connector(TestFleet::settings_of(hub));
    const Credentials credentials = Credentials::of_policy(TestFleet::policy());
    const Behaviour behaviour = Behaviour::make({}).value();
    Fleet fleet(threads[0], connector, credentials, behaviour, options);
    EXPECT_EQ(fleet.make_devices().error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace carillon::fleet
