#include "core/events/routing/message_routing.hpp"

#include "base/text.hpp"
#include "core/events/routing/event_drivers.hpp"
#include "core/jobs/jobs.hpp"
#include "core/shard/telemetry.hpp"
#include "core/testing/job_testing.hpp"
#include "core/testing/test_hub.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace carillon {
namespace {

using testing::TestHub;
using Verdict = DeliveryOutcome::Verdict;

/// Work goes where the test hub's storage work goes, and runs when the test says.
class Borrowed final : public StorageExecutor {
public:
    explicit Borrowed(StorageExecutor& lender) : lender_(lender) {}
    void run(UniqueFunction<void()> work) override { lender_.run(std::move(work)); }

private:
    StorageExecutor& lender_;
};

/// Endpoints that remember what they were sent.
class FakeDrivers final : public EventDrivers {
public:
    struct Received {
        std::vector<std::string> bodies;
        std::vector<RoutedEvent> events;
        std::size_t requests = 0;
    };
    std::map<std::string, Received> received;  ///< By endpoint.
    std::map<std::string, Verdict> verdicts;   ///< Of endpoints that do not take what they are sent.
    std::string unwanted;                      ///< Requests with this body among others are refused.
    std::vector<std::string> dead_letters;

    Result<> check(const RouteEndpoint& endpoint) const override {
        if (endpoint.url.starts_with("https://good")) return {};
        return fail(Errc::argument_invalid, "not there");
    }
    std::unique_ptr<EventSender> open(const RouteEndpoint& endpoint, const std::atomic<bool>&) override {
        return std::make_unique<Sender>(*this, endpoint.name);
    }
    Result<> keep_dead_letter(std::string_view, const RoutedEvent& event, std::string_view reason) override {
        dead_letters.push_back(event.message.body + ": " + std::string(reason));
        return {};
    }

private:
    class Sender final : public EventSender {
    public:
        Sender(FakeDrivers& drivers, std::string name) : drivers_(drivers), name_(std::move(name)) {}
        DeliveryOutcome send(const std::vector<RoutedEvent>& events) override {
            Received& received = drivers_.received[name_];
            ++received.requests;
            const auto verdict = drivers_.verdicts.find(name_);
            if (verdict != drivers_.verdicts.end()) return {verdict->second, "no", {}};
            for (const RoutedEvent& event : events) {
                if (event.message.body == drivers_.unwanted) return {Verdict::refused, "unwanted", {}};
            }
            for (const RoutedEvent& event : events) {
                received.bodies.push_back(event.message.body);
                received.events.push_back(event);
            }
            return {};
        }

    private:
        FakeDrivers& drivers_;
        std::string name_;
    };
};

class MessageRoutingTest : public ::testing::Test {
protected:
    MessageRoutingTest() { start(); }

    void start() {
        hub.emplace(store, clock, 2);
        routing().use(drivers, "hub.example.net",
                      [this] { return std::make_unique<Borrowed>(hub->storage()); });
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

    Result<> put_endpoint(const std::string& name, std::string_view more = "") {
        return hub->run(routing().put_endpoint(
            name, fmt::format(R"({{"type":"webhook","url":"https://good/{}"{}}})", name, more)));
    }
    Result<> put_route(const std::string& name, std::string_view condition, std::string_view endpoint) {
        return hub->run(routing().put_route(
            name, fmt::format(R"({{"condition":"{}","endpointNames":["{}"]}})", condition, endpoint)));
    }
    void send(std::string_view device, std::string_view body, std::string_view level = "") {
        Record* record = hub->find(device);
        if (record == nullptr) record = &hub->add_device(device);
        Message message;
        message.device_id = device;
        message.body = body;
        if (!level.empty()) message.properties.emplace_back("level", level);
        (*hub)
            ->shards()
            .owner(record->key.device)
            .telemetry()
            .append(*record, std::move(message), [](Result<>) {});
        hub->settle();
    }
    const std::vector<std::string>& bodies(const std::string& endpoint) {
        return drivers.received[endpoint].bodies;
    }
    EndpointStatus status(const std::string& endpoint) { return *routing().status(endpoint); }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    FakeDrivers drivers;
    std::optional<TestHub> hub;
};

using Bodies = std::vector<std::string>;

TEST_F(MessageRoutingTest, SendsWhatTheConditionKeeps) {
    ASSERT_TRUE(put_endpoint("alerts"));
    ASSERT_TRUE(put_route("hot", "level = 'high'", "alerts"));
    send("a", "1", "high");
    send("a", "2", "low");
    send("b", "3", "high");
    EXPECT_EQ(bodies("alerts"), (Bodies{"1", "3"}));
    EXPECT_EQ(status("alerts").delivered, 2U);
    EXPECT_EQ(status("alerts").state, EndpointStatus::State::idle);
}

TEST_F(MessageRoutingTest, SendsAMessageOnceThoughTwoRoutesLeadThere) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("one", "true", "all"));
    ASSERT_TRUE(put_route("two", "level = 'high'", "ALL"));
    send("a", "1", "high");
    EXPECT_EQ(bodies("all"), Bodies{"1"});
}

TEST_F(MessageRoutingTest, BeginsWithWhatComesNextOrWithAllThatIsKept) {
    send("a", "before");
    ASSERT_TRUE(put_endpoint("new"));
    ASSERT_TRUE(put_endpoint("old", R"(,"start":"earliest")"));
    ASSERT_TRUE(hub->run(routing().put_route("r", R"({"endpointNames":["new","old"]})")));
    send("a", "after");
    EXPECT_EQ(bodies("new"), Bodies{"after"});
    EXPECT_EQ(bodies("old"), (Bodies{"before", "after"}));
}

TEST_F(MessageRoutingTest, GoesOnWhereItWasAfterARestart) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "1");
    drivers.verdicts["all"] = Verdict::failed;
    send("a", "2");
    EXPECT_EQ(status("all").state, EndpointStatus::State::retrying);
    EXPECT_EQ(status("all").last_error, "no");
    restart();
    drivers.verdicts.clear();
    hub->advance(std::chrono::seconds(2));
    EXPECT_EQ(bodies("all"), (Bodies{"1", "2"}));
    EXPECT_EQ(routing().table()->rules().size(), 1U);
}

TEST_F(MessageRoutingTest, TriesAgainInLongerAndLongerPausesAndKeepsTheOrder) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    drivers.verdicts["all"] = Verdict::failed;
    send("a", "1");
    send("a", "2");
    EXPECT_EQ(drivers.received["all"].requests, 1U);
    hub->advance(std::chrono::milliseconds(900));
    EXPECT_EQ(drivers.received["all"].requests, 1U);
    hub->advance(std::chrono::milliseconds(200));
    EXPECT_EQ(drivers.received["all"].requests, 2U);
    hub->advance(std::chrono::milliseconds(1900));
    EXPECT_EQ(drivers.received["all"].requests, 2U);
    for (int i = 0; i < 100; ++i) hub->advance(std::chrono::seconds(60));
    EXPECT_EQ(drivers.received["all"].requests, 2U + 100U);
    drivers.verdicts.clear();
    hub->advance(std::chrono::seconds(60));
    EXPECT_EQ(bodies("all"), (Bodies{"1", "2"}));
    EXPECT_TRUE(drivers.dead_letters.empty());
    EXPECT_EQ(status("all").attempts, 0U);
}

TEST_F(MessageRoutingTest, PutsAsideWhatIsRefusedAndOnlyThat) {
    ASSERT_TRUE(put_endpoint("all", R"(,"maxAttempts":2,"maxWaitSeconds":5)"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    drivers.unwanted = "2";
    for (const char* body : {"1", "2", "3"}) send("a", body);
    hub->advance(std::chrono::seconds(6));
    EXPECT_EQ(drivers.received["all"].requests, 1U);
    EXPECT_TRUE(bodies("all").empty());
    hub->advance(std::chrono::seconds(2));
    EXPECT_EQ(bodies("all"), (Bodies{"1", "3"}));
    EXPECT_EQ(drivers.dead_letters, Bodies{"2: unwanted"});
    EXPECT_EQ(status("all").dead_letters, 1U);
    send("a", "4");
    hub->advance(std::chrono::seconds(6));
    EXPECT_EQ(bodies("all"), (Bodies{"1", "3", "4"}));
}

TEST_F(MessageRoutingTest, OneEndpointThatFailsHoldsUpNoOther) {
    ASSERT_TRUE(put_endpoint("dead"));
    ASSERT_TRUE(put_endpoint("well"));
    ASSERT_TRUE(hub->run(routing().put_route("r", R"({"endpointNames":["dead","well"]})")));
    drivers.verdicts["dead"] = Verdict::failed;
    for (const char* body : {"1", "2", "3"}) send("a", body);
    EXPECT_EQ(bodies("well"), (Bodies{"1", "2", "3"}));
    EXPECT_TRUE(bodies("dead").empty());
}

TEST_F(MessageRoutingTest, GathersABatchByNumberAndByTime) {
    ASSERT_TRUE(put_endpoint("all", R"(,"maxEvents":3,"maxWaitSeconds":10)"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    for (const char* body : {"1", "2"}) send("a", body);
    EXPECT_EQ(drivers.received["all"].requests, 0U);
    send("a", "3");
    EXPECT_EQ(drivers.received["all"].requests, 1U);
    send("a", "4");
    hub->advance(std::chrono::seconds(9));
    EXPECT_EQ(drivers.received["all"].requests, 1U);
    hub->advance(std::chrono::seconds(2));
    EXPECT_EQ(drivers.received["all"].requests, 2U);
    EXPECT_EQ(bodies("all"), (Bodies{"1", "2", "3", "4"}));
}

TEST_F(MessageRoutingTest, ReadsAndAddsWhatTheTwinSays) {
    hub->add_device("a");
    hub->add_device("b");
    ASSERT_TRUE(put_endpoint(
        "all", R"(,"enrichments":{"floor":"$twin.tags.floor","hub":"$iotHubName","site":"s1"})"));
    ASSERT_TRUE(put_route("r", "$twin.tags.floor = 3", "all"));
    const auto key = *IdentityKey::parse("a");
    const auto document = JsonDocument::parse(R"({"tags":{"floor":3}})");
    auto patch = TwinPatch::parse(document->root(), key);
    ASSERT_TRUE(
        hub->run((*hub)->shards().owner(key.device).write_twin(key, Shard::TwinWrite::patch, *patch, {})));
    send("a", "1");
    send("b", "2");
    ASSERT_EQ(bodies("all"), Bodies{"1"});
    using Properties = decltype(Message::properties);
    EXPECT_EQ(drivers.received["all"].events[0].message.properties,
              (Properties{{"floor", "3"}, {"hub", "hub.example.net"}, {"site", "s1"}}));
}

TEST_F(MessageRoutingTest, FollowsChangesWhileItRuns) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("r", "level = 'high'", "all"));
    send("a", "1", "low");
    ASSERT_TRUE(put_route("R", "level = 'low'", "all"));
    send("a", "2", "low");
    EXPECT_EQ(bodies("all"), Bodies{"2"});
    EXPECT_EQ(routing().table()->rules().size(), 1U);
    const auto refused = hub->run(routing().remove_endpoint("all"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::operation_not_allowed_in_current_state);
    ASSERT_TRUE(hub->run(routing().remove_route("r")));
    send("a", "3", "low");
    ASSERT_TRUE(hub->run(routing().remove_endpoint("ALL")));
    EXPECT_FALSE(routing().status("all"));
    // Made again, it begins where the log is now.
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    send("a", "4", "low");
    EXPECT_EQ(bodies("all"), (Bodies{"2", "4"}));
    restart();
    send("a", "5", "low");
    EXPECT_EQ(bodies("all"), (Bodies{"2", "4", "5"}));
}

TEST_F(MessageRoutingTest, ADisabledRouteLeadsNowhere) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(hub->run(routing().put_route("r", R"({"endpointNames":["all"],"isEnabled":false})")));
    send("a", "1");
    ASSERT_TRUE(hub->run(routing().put_route("r", R"({"endpointNames":["all"],"isEnabled":true})")));
    send("a", "2");
    EXPECT_EQ(bodies("all"), Bodies{"2"});
}

TEST_F(MessageRoutingTest, StopsWithinAPause) {
    ASSERT_TRUE(put_endpoint("all"));
    ASSERT_TRUE(put_route("r", "true", "all"));
    drivers.verdicts["all"] = Verdict::failed;
    send("a", "1");
    bool has_stopped = false;
    const auto stopping = [](MessageRouting* routing, bool* stopped) -> Task<Result<>> {
        co_await routing->stop();
        *stopped = true;
        co_return Result<>{};
    };
    hub->begin(stopping(&routing(), &has_stopped));
    hub->settle();
    EXPECT_TRUE(has_stopped);
}

TEST_F(MessageRoutingTest, AnEndpointMayHearOnlyOfJobsThatNameIt) {
    ASSERT_TRUE(put_endpoint("ops", R"(,"jobs":"named")"));
    ASSERT_TRUE(put_endpoint("audit"));
    ASSERT_TRUE(hub->run(routing().put_route(
        "jobs", R"({"source":"DeviceJobLifecycleEvents","endpointNames":["ops","audit"]})")));
    ASSERT_TRUE(put_route("all", "true", "ops"));
    hub->add_device("a");
    const auto create = [this](const std::string& id, std::string_view rollout) {
        const auto body =
            fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","tags":{{"n":1}}}},)"
                        R"("queryCondition":"*"{}}})",
                        rollout);
        auto definition = testing::parse_job(id, body, clock.wall_now());
        EXPECT_TRUE(definition) << body;
        const auto created = hub->run((*hub)->jobs().create(*std::move(definition)));
        hub->settle();
        return created ? std::string() : created.error().detail;
    };
    EXPECT_EQ(create("plain", ""), "");
    EXPECT_EQ(create("quiet", R"(,"rollout":{})"), "");
    EXPECT_EQ(create("loud", R"(,"rollout":{"notify":["Audit","OPS"]})"), "");
    const auto jobs_of = [this](const std::string& endpoint) {
        std::set<std::string> jobs;
        for (const auto& event : drivers.received[endpoint].events) {
            for (const auto& [name, value] : event.message.properties) {
                if (name == "jobId") jobs.insert(value.value_or(""));
            }
        }
        return jobs;
    };
    EXPECT_EQ(jobs_of("ops"), std::set<std::string>{"loud"});
    EXPECT_EQ(jobs_of("audit"), (std::set<std::string>{"loud", "plain", "quiet"}));
    // What is no event of a job goes there as before.
    send("a", "1");
    EXPECT_EQ(bodies("ops").back(), "1");
    // A restart keeps it, and so does a change of other members.
    restart();
    ASSERT_TRUE(put_endpoint("ops"));
    EXPECT_EQ(create("next", ""), "");
    EXPECT_FALSE(jobs_of("ops").contains("next"));
    ASSERT_TRUE(put_endpoint("ops", R"(,"jobs":"all")"));
    EXPECT_EQ(create("last", ""), "");
    EXPECT_TRUE(jobs_of("ops").contains("last"));
}

TEST_F(MessageRoutingTest, RefusesWhatIsNotValid) {
    const auto endpoint = [&](std::string body) {
        return hub->run(routing().put_endpoint("e", std::move(body)));
    };
    const auto route = [&](std::string body) { return hub->run(routing().put_route("r", std::move(body))); };
    for (const char* body : {
             "[]",
             "{",
             "{}",
             R"({"type":"queue","url":"https://good/"})",
             R"({"type":"webhook"})",
             R"({"type":"webhook","url":"https://elsewhere/"})",
             R"({"type":"webhook","url":"https://good/","secret":"short"})",
             R"({"type":"webhook","url":"https://good/","secret":"whsec_c2hvcnQ="})",
             R"({"type":"webhook","url":"https://good/","maxEvents":0})",
             R"({"type":"webhook","url":"https://good/","maxBytes":4194305})",
             R"({"type":"webhook","url":"https://good/","path":"{partition}{sequence}"})",
             R"({"type":"webhook","url":"https://good/","start":"middle"})",
             R"({"type":"webhook","url":"https://good/","jobs":"some"})",
             R"({"type":"webhook","url":"https://good/","enrichments":{"a":"$twin.deviceId"}})",
             R"({"type":"webhook","url":"https://good/","enrichments":{"a":1}})",
             R"({"type":"file","container":"https://good/c","path":"{partition}"})",
             R"({"type":"file","container":"https://good/c","secret":"whsec_c2hvcnRzaG9ydHNob3J0c2hvcnQ="})",
         }) {
        EXPECT_FALSE(endpoint(body)) << body;
    }
    EXPECT_TRUE(routing().table()->targets().empty());
    ASSERT_TRUE(put_endpoint("e"));
    for (const char* body : {
             "[]",
             "{}",
             R"({"endpointNames":[]})",
             R"({"endpointNames":["none"]})",
             R"({"endpointNames":["e",1]})",
             R"({"endpointNames":["e"],"condition":"level ="})",
             R"({"endpointNames":["e"],"source":"Nothing"})",
             R"({"endpointNames":["e"],"isEnabled":"perhaps"})",
         }) {
        EXPECT_FALSE(route(body)) << body;
    }
    for (const char* name : {"", "a b", "events", "Events", ".x", "a/b"}) {
        EXPECT_FALSE(hub->run(routing().put_route(name, R"({"endpointNames":["e"]})"))) << name;
    }
    EXPECT_FALSE(hub->run(routing().remove_route("none")));
    EXPECT_FALSE(hub->run(routing().remove_endpoint("none")));
    for (std::size_t i = 1; i < RoutingLimits::endpoints_max; ++i) {
        ASSERT_TRUE(put_endpoint(fmt::format("e{}", i)));
    }
    EXPECT_FALSE(put_endpoint("more"));
    EXPECT_TRUE(put_endpoint("e1")) << "one that is there may change";
}

TEST_F(MessageRoutingTest, KeepsHowItLogsInToABrokerAndShowsNoneOfIt) {
    ASSERT_TRUE(hub->run(routing().put_endpoint(
        "lake", R"({"type":"kafka","url":"https://good/","topic":"t","secret":"hub:sesame",)"
                R"("mechanism":"SCRAM-SHA-512","clientCertificate":"PEM of a key"})")));
    ASSERT_TRUE(hub->run(routing().put_endpoint("lake", R"({"type":"kafka","topic":"u"})")));
    restart();
    const RouteEndpoint& lake = routing().table()->find_target("lake")->endpoint;
    EXPECT_EQ(lake.secret + ' ' + lake.mechanism + ' ' + lake.client_certificate + ' ' + lake.path,
              "hub:sesame SCRAM-SHA-512 PEM of a key u");
    std::string shown;
    JsonWriter json(shown);
    json.begin_object();
    append_endpoint_members(json, lake, RouteSecrets::omitted);
    json.end_object();
    EXPECT_EQ(shown.find("sesame"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("PEM"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("hasCredentials":true,"hasClientCertificate":true)"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("mechanism":"SCRAM-SHA-512")"), std::string::npos) << shown;
    ASSERT_TRUE(hub->run(routing().put_endpoint("lake", R"({"type":"kafka","clientCertificate":""})")));
    EXPECT_EQ(routing().table()->find_target("lake")->endpoint.client_certificate, "");
    for (const auto* bad :
         {R"("mechanism":"GSSAPI")", R"("mechanism":"scram-sha-256")", R"("secret":"token")"})
        EXPECT_FALSE(hub->run(routing().put_endpoint("lake", std::string(R"({"type":"kafka",)") + bad + '}')))
            << bad;
    EXPECT_FALSE(put_endpoint("hook", R"(,"clientCertificate":"PEM")"));
    EXPECT_FALSE(put_endpoint("hook", R"(,"mechanism":"PLAIN")"));
}

TEST_F(MessageRoutingTest, KeepsSecretsThatAChangeDoesNotName) {
    ASSERT_TRUE(put_endpoint("hook", R"(,"secret":"whsec_c2hvcnRzaG9ydHNob3J0c2hvcnQ=")"));
    ASSERT_TRUE(put_endpoint("hook", R"(,"maxEvents":7)"));
    ASSERT_TRUE(
        hub->run(routing().put_endpoint("files", R"({"type":"file","container":"https://good/c?sig=1"})")));
    ASSERT_TRUE(hub->run(
        routing().put_endpoint("files", R"({"type":"file","container":"https://good/c","maxEvents":2})")));
    restart();
    const RouteEndpoint& hook = routing().table()->find_target("hook")->endpoint;
    EXPECT_EQ(hook.secret, "whsec_c2hvcnRzaG9ydHNob3J0c2hvcnQ=");
    EXPECT_EQ(hook.events_max, 7);
    const RouteEndpoint& files = routing().table()->find_target("files")->endpoint;
    EXPECT_EQ(files.url, "https://good/c?sig=1");
    std::string shown;
    JsonWriter json(shown);
    json.begin_object();
    append_endpoint_members(json, files, RouteSecrets::omitted);
    append_endpoint_members(json, hook, RouteSecrets::omitted);
    json.end_object();
    EXPECT_EQ(shown.find("sig="), std::string::npos) << shown;
    EXPECT_EQ(shown.find("whsec_"), std::string::npos) << shown;
    ASSERT_TRUE(put_endpoint("hook", R"(,"secret":"")"));
    EXPECT_EQ(routing().table()->find_target("hook")->endpoint.secret, "");
}

TEST_F(MessageRoutingTest, ASecretSignsForADayBesideTheOneThatFollows) {
    constexpr std::string_view one = "whsec_b25lb25lb25lb25lb25lb25lb25l";
    constexpr std::string_view two = "whsec_dHdvdHdvdHdvdHdvdHdvdHdvdHdv";
    const auto put = [&](std::string_view secret, std::string_view more = "") {
        return put_endpoint("hook", fmt::format(R"(,"secret":"{}"{})", secret, more));
    };
    const auto hook = [&]() -> const RouteEndpoint& { return routing().table()->find_target("hook")->endpoint; };
    EXPECT_FALSE(put_endpoint("hook", R"(,"rotate":true)")) << "there is no new one";
    ASSERT_TRUE(put(one));
    EXPECT_EQ(hook().previous_secret, "");
    ASSERT_TRUE(put(two, R"(,"rotate":true)"));
    const auto until = clock.wall_now().unix_s() + RouteEndpoint::rotation_s;
    restart();
    EXPECT_EQ(hook().secret, two);
    EXPECT_EQ(hook().previous_secret, one);
    EXPECT_EQ(hook().previous_until_s, until);
    std::string shown;
    JsonWriter json(shown);
    json.begin_object();
    append_endpoint_members(json, hook(), RouteSecrets::omitted);
    json.end_object();
    EXPECT_EQ(shown.find("whsec_"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("previousSecretUntil":"2026-)"), std::string::npos) << shown;
    // Sent once more it does not begin anew; what is not named stays.
    ASSERT_TRUE(put(two, R"(,"rotate":true)"));
    ASSERT_TRUE(put_endpoint("hook", R"(,"maxEvents":7)"));
    EXPECT_EQ(hook().previous_secret, one);
    EXPECT_EQ(hook().previous_until_s, until);
    ASSERT_TRUE(put(two)) << "ends the change-over";
    EXPECT_EQ(hook().previous_secret, "");
    EXPECT_FALSE(put("", R"(,"rotate":true)"));
    EXPECT_FALSE(hub->run(routing().put_endpoint(
        "lake", R"({"type":"kafka","url":"https://good/","topic":"t","secret":"hub:sesame","rotate":true})")));
}

}  // namespace
}  // namespace carillon
