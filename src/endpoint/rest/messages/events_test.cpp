#include "core/shard/telemetry.hpp"
#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/messages/event_order.hpp"
#include "endpoint/rest/messages/event_stream.hpp"
#include "model/message.hpp"

#include <vector>

namespace carillon::rest {
namespace {

using namespace testing;

class EventsRoute : public RestTest {
protected:
    void send(std::string_view device, std::string body, Message message = {}) {
        if (hub_.find(device) == nullptr) hub_.add_device(device);
        message.device_id = device;
        message.body = std::move(body);
        message.auth_method = R"({"scope":"device"})";
        auto& shard = hub_->shards().owner(*DeviceId::parse(device));
        shard.telemetry().append(*hub_.find(device), std::move(message), [](const Result<>&) {});
        hub_.settle();
    }
    /// Begins a stream; what it says is added to `wire_.sent`, and taken by `lines`.
    void follow(std::string_view parameters, std::string_view fields = {}) {
        begin("GET", "/carillon/events?" + std::string(parameters), {}, fields);
        hub_.settle();
        ASSERT_TRUE(wire_.sent.starts_with("HTTP/1.1 200")) << wire_.sent;
        wire_.sent.erase(0, wire_.sent.find("\r\n\r\n") + 4);
    }
    /// The lines of the body so far, without the framing of chunks; nothing of it is left.
    std::vector<std::string> lines() {
        std::string body;
        std::string_view rest = wire_.sent;
        while (!rest.empty()) {
            const std::size_t end = rest.find("\r\n");
            const std::size_t size = std::stoul(std::string(rest.substr(0, end)), nullptr, 16);
            is_whole_ = size == 0;
            body += rest.substr(end + 2, size);
            rest.remove_prefix(end + 4 + size);
        }
        wire_.sent.clear();
        std::vector<std::string> lines;
        for (const std::string_view line : split(body, '\n')) {
            if (!line.empty()) lines.emplace_back(line);
        }
        return lines;
    }
    std::vector<std::string> bodies() {
        std::vector<std::string> all;
        for (const auto& line : lines()) all.push_back(member(line, "body"));
        return all;
    }
    bool is_whole_ = false;  ///< The last chunk was seen.
};

using Texts = std::vector<std::string>;

TEST_F(EventsRoute, TellsAllOfAMessage) {
    Message message;
    message.module_id = "m";
    message.generation_id = "42";
    message.system = {{"message-id", "7"}, {"content-type", "application/json"}};
    message.properties = {{"alert", "true"}, {"none", std::nullopt}, {"bytes", "\xFF"}};
    send("d", "{\"t\":\n 21}", message);
    follow("from=earliest&follow=false");
    const auto all = lines();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(
        all[0],
        R"({"partition":)" + std::to_string(event_partition("d", 2)) +
            R"(,"sequenceNumber":0,"offset":"0","enqueuedTime":"2026-11-24T10:00:00Z","deviceId":"d",)"
            R"("moduleId":"m","source":"Telemetry","authMethod":{"scope":"device"},"generationId":"42",)"
            R"("systemProperties":{"message-id":"7","content-type":"application/json"},)"
            R"("properties":{"alert":"true","none":null,"bytes":"/w=="},)"
            R"("bodyFormat":"json","body":{"t":  21}})");
    EXPECT_TRUE(is_whole_ && wire_.is_closed);
}

TEST_F(EventsRoute, TellsBodiesAsJsonElseAsTextElseInBase64) {
    for (const char* body : {"21", "plain \"text\"", "a\x01z", "\xFF\xFE", ""}) send("d", body);
    follow("from=earliest&follow=false");
    Texts formats;
    Texts shown;
    for (const auto& line : lines()) {
        formats.push_back(member(line, "bodyFormat"));
        shown.push_back(member(line, "body"));
    }
    EXPECT_EQ(formats, (Texts{"\"json\"", "\"text\"", "\"base64\"", "\"base64\"", "\"text\""}));
    EXPECT_EQ(shown, (Texts{"21", "\"plain \\\"text\\\"\"", "\"YQF6\"", "\"//4=\"", "\"\""}));
}

TEST_F(EventsRoute, FollowsTheLogFromItsEnd) {
    send("d", "1");
    follow("");
    EXPECT_EQ(lines(), Texts());
    send("d", "2");
    EXPECT_EQ(bodies(), (Texts{"2"}));
    send("d", "3");
    send("e", "4");
    EXPECT_EQ(bodies(), (Texts{"3", "4"}));
    EXPECT_FALSE(wire_.is_closed);
}

TEST_F(EventsRoute, EndsWithinAHeartbeatOnceItsEndpointHasBeenDeleted) {
    ASSERT_TRUE(hub_->events().open_log("alarms", 1, {}, Telemetry::LogOrigin::made));
    follow("endpoint=alarms");
    hub_->events().close_log("alarms");
    clock_.advance(EventStream::heartbeat);
    timers_.run_due(clock_.now());
    hub_.settle();
    const auto said = lines();
    ASSERT_FALSE(said.empty());
    EXPECT_NE(said.back().find("The endpoint has been deleted."), std::string::npos) << said.back();
    EXPECT_TRUE(is_whole_ && wire_.is_closed);
}

TEST_F(EventsRoute, EndsBehindTheLimitAndAtTheEndOfWhatWasThere) {
    for (const char* body : {"1", "2", "3"}) send("d", body);
    follow("from=earliest&limit=2");
    EXPECT_EQ(bodies(), (Texts{"1", "2"}));
    EXPECT_TRUE(is_whole_);
    follow("follow=false");
    EXPECT_EQ(lines(), Texts());
    EXPECT_TRUE(is_whole_);
}

TEST_F(EventsRoute, ChoosesDevicesPartitionsAndTimes) {
    for (const char* device : {"door-1", "door-2", "lamp"}) send(device, "1");
    clock_.advance(std::chrono::seconds(10));
    send("door-1", "2");
    follow("from=earliest&follow=false&deviceId=door-*");
    EXPECT_EQ(lines().size(), 3U);
    follow("from=2026-11-24T10:00:01Z&follow=false");
    EXPECT_EQ(bodies(), (Texts{"2"}));
    const auto partition = std::to_string(event_partition("door-1", 2));
    follow("follow=false&deviceId=door-1&partition=" + partition + "&offset=-1");
    EXPECT_EQ(bodies(), (Texts{"1", "2"}));
    const auto extent = hub_->events().extent(static_cast<std::uint32_t>(event_partition("door-1", 2)));
    follow("follow=false&partition=" + partition + "&offset=" + std::to_string(extent->next - 2));
    EXPECT_EQ(bodies(), (Texts{"2"}));
}

TEST_F(EventsRoute, GoesOnFromWhereAnEventStreamWasCut) {
    send("d", "1");
    follow("from=earliest", "Accept: text/event-stream\r\n");
    auto all = lines();
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(all[0], "event: position");
    EXPECT_TRUE(all[1].starts_with("id: 0:0,1:0,2:0,3:0")) << all[1];
    const std::string id = all[3].substr(4);
    disconnect();
    send("d", "2");
    connect();
    follow("from=earliest", "Accept: text/event-stream\r\nLast-Event-ID: " + id + "\r\n");
    all = lines();
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(member(all[4].substr(6), "body"), "2");
    disconnect();
    connect();
    follow("follow=false&after=" + id);
    EXPECT_EQ(bodies(), (Texts{"2"}));
}

TEST_F(EventsRoute, SaysThatItIsThereWhenNothingComes) {
    follow("");
    const auto wait = [this] {
        clock_.advance(EventStream::heartbeat);
        timers_.run_due(clock_.now());
        hub_.settle();
    };
    wait();
    EXPECT_EQ(wire_.sent, "1\r\n\n\r\n");
    disconnect();
    connect();
    follow("", "Accept: text/event-stream\r\n");
    lines();
    wait();
    EXPECT_EQ(lines().front(), "event: position");
}

TEST_F(EventsRoute, KeepsAlmostNothingForOneWhoDoesNotRead) {
    for (int i = 0; i < 40; ++i) send("d", '"' + std::string(20'000, 'x') + '"');
    wire_.is_slow = true;
    follow("from=earliest");
    std::size_t seen = lines().size();
    EXPECT_LT(seen, 5U);
    EXPECT_LT(wire_.held, EventStream::gathered_bytes + 20'000 + 1000);
    while (seen < 40) {
        wire_.is_congested = false;
        wire_.handler->drained();
        hub_.settle();
        const std::size_t more = lines().size();
        ASSERT_GT(more, 0U);
        ASSERT_LT(more, 5U);
        seen += more;
    }
    EXPECT_EQ(seen, 40U);
}

TEST_F(EventsRoute, SaysThatTheLogCannotBeRead) {
    send("d", "1");
    store_.fail_reads(true);
    follow("from=earliest");
    EXPECT_EQ(lines(), (Texts{R"({"error":{"code":"ServiceUnavailable","message":"The hub cannot read its )"
                              R"(event log."}})"}));
    EXPECT_TRUE(is_whole_);
    store_.fail_reads(false);
}

TEST_F(EventsRoute, NamesTheParameterThatIsWrong) {
    for (const auto& [parameters, word] : std::vector<std::pair<std::string, std::string>>{
             {"from=yesterday", "from is 'yesterday'"},
             {"partition=4", "partition is '4'"},
             {"offset=1", "offset needs partition"},
             {"partition=1&offset=x", "offset is 'x'"},
             {"partition=1&offset=7", "sequence number '8'"},
             {"after=0:1,0:1", "after is"},
             {"after=9:1", "after is"},
             {"limit=0", "limit is"},
             {"follow=maybe", "follow is"},
             {"deviceId=" + std::string(129, 'x'), "deviceId"}}) {
        const Answer answer = call("GET", "/carillon/events?" + parameters);
        EXPECT_EQ(answer.status, 400) << parameters;
        EXPECT_TRUE(answer.contains(word)) << answer.body;
    }
    EXPECT_EQ(call("GET", "/carillon/events?consumerGroup=none").status, 404);
    EXPECT_EQ(call("GET", "/carillon/events", {}, "Authorization: " + token("registryRead") + "\r\n").status,
              401);
}

TEST_F(EventsRoute, TellsHowFarThePartitionsReach) {
    const auto partition = event_partition("d", 2);
    send("d", "1");
    const Answer answer = call("GET", "/carillon/events/partitions");
    const auto parsed = JsonDocument::parse(answer.body);
    ASSERT_EQ(parsed->root().size(), 4U);
    for (auto each = parsed->root().first(); each.exists(); each = each.next()) {
        const bool has_one = static_cast<std::size_t>(*each.find("partition").integer()) == partition;
        EXPECT_EQ(each.find("lastSequenceNumber").integer(), has_one ? 0 : -1);
        EXPECT_EQ(each.find("isEmpty").boolean(), !has_one);
        EXPECT_EQ(each.find("lastEnqueuedTime").string(), has_one ? "2026-11-24T10:00:00Z" : "");
    }
}

TEST_F(EventsRoute, MakesAndRemovesConsumerGroups) {
    EXPECT_EQ(call("GET", "/carillon/consumer-groups").body, R"([{"name":"$Default"}])");
    EXPECT_EQ(call("PUT", "/carillon/consumer-groups/reports").body,
              R"({"name":"reports","createdTime":"2026-11-24T10:00:00Z"})");
    EXPECT_EQ(call("GET", "/carillon/consumer-groups/Reports").status, 200);
    follow("follow=false&consumerGroup=REPORTS");
    EXPECT_EQ(call("DELETE", "/carillon/consumer-groups/reports").status, 204);
    EXPECT_EQ(call("GET", "/carillon/consumer-groups/reports").status, 404);
    EXPECT_EQ(call("DELETE", "/carillon/consumer-groups/$Default").status, 405);
    EXPECT_EQ(call("PUT", "/carillon/consumer-groups/a%20b").status, 400);
}

}  // namespace
}  // namespace carillon::rest
