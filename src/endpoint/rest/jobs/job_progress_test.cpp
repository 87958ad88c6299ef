// Live progress over HTTP: what arrives at a client, and when the stream ends.

#include "core/jobs/job_watcher.hpp"
#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/jobs/job_event_feed.hpp"

namespace carillon::rest {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* twin_job =
    R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"queryCondition":"*"})";
constexpr const char* twin_job_later =
    R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a":1}},"queryCondition":"*",)"
    R"("startTime":"2026-11-24T11:00:00Z"})";
/// Nobody is online, so its devices stay pending until the deadline.
constexpr const char* method_job =
    R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},"queryCondition":"*",)"
    R"("maxExecutionTimeInSeconds":60})";

class JobEvents : public RestTest {
protected:
    void order(const std::string& id, std::string_view body) {
        ASSERT_EQ(call("PUT", at("/jobs/v2/" + id), body).status, 200);
        hub_.settle();
    }
    /// Opens a stream on a connection of its own and takes its header.
    Answer open(const std::string& id, std::string_view after = {}) {
        disconnect();
        connect();
        const std::string field = after.empty() ? "" : "Last-Event-ID: " + std::string(after) + "\r\n";
        begin("GET", "/carillon/jobs/" + id + "/events", {}, field);
        hub_.settle();
        return take();
    }
    /// Takes the chunks that have come, put together.
    std::string body() {
        std::string text;
        while (!wire_.sent.empty()) {
            const auto size = std::stoul(wire_.sent, nullptr, 16);
            const auto start = wire_.sent.find("\r\n") + 2;
            text += wire_.sent.substr(start, size);
            EXPECT_EQ(wire_.sent.substr(start + size, 2), "\r\n");
            wire_.sent.erase(0, start + size + 2);
            if (size == 0) text += "[over]";
        }
        return text;
    }
    void pass(std::chrono::milliseconds by) {
        hub_.advance(by);
        timers_.run_due(clock_.now());
        hub_.settle();
    }
    static std::size_t count(std::string_view text, std::string_view what) {
        std::size_t found = 0;
        for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
        return found;
    }
};

TEST_F(JobEvents, OfAJobThatIsOverAreItsStateAndTheEnd) {
    create("d1");
    order("j1", twin_job);
    const auto head = open("j1");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-type"), "text/event-stream");
    EXPECT_EQ(head.header("transfer-encoding"), "chunked");
    EXPECT_FALSE(head.has("content-length"));
    const auto text = body();
    EXPECT_EQ(text.find("retry: "), 0U) << text;
    EXPECT_NE(text.find("event: progress\nid: 1-3-0\ndata: {\"jobId\":\"j1\""), text.npos) << text;
    EXPECT_NE(text.find("event: end\nid: 1-4-0\ndata: {\"jobId\":\"j1\""), text.npos) << text;
    EXPECT_TRUE(text.ends_with("[over]")) << text;
    EXPECT_TRUE(wire_.is_closed);
    EXPECT_FALSE(wire_.is_aborted);
    EXPECT_EQ(timers_.size(), 0U);
}

TEST_F(JobEvents, EndWithTheConnectionForAClientOfHttp10) {
    create("d1");
    order("j1", twin_job);
    disconnect();
    connect();
    wire_.receive("GET /carillon/jobs/j1/events HTTP/1.0\r\nAuthorization: " + token() + "\r\n\r\n");
    hub_.settle();
    const auto head = take();
    EXPECT_EQ(head.status, 200);
    EXPECT_FALSE(head.has("transfer-encoding"));
    EXPECT_EQ(head.header("connection"), "close");
    EXPECT_EQ(wire_.sent.find("retry: "), 0U) << wire_.sent;
    EXPECT_TRUE(wire_.sent.ends_with("}\n\n")) << wire_.sent;
    EXPECT_TRUE(wire_.is_closed);
}

TEST_F(JobEvents, ComeAsTheJobGoesOn) {
    create("d1");
    order("j1", twin_job_later);
    open("j1");
    EXPECT_EQ(count(body(), "\"status\":\"scheduled\""), 1U);
    pass(JobEventFeed::heartbeat);
    EXPECT_EQ(body(), ": still here\n\n");
    clock_.advance(std::chrono::hours(1));
    pass(milliseconds(0));
    pass(JobEventFeed::spacing);
    const auto text = body();
    EXPECT_EQ(count(text, "event: end"), 1U) << text;
    EXPECT_TRUE(wire_.is_closed);
}

TEST_F(JobEvents, AreResumedWhereTheClientLeft) {
    create("d1");
    order("j1", method_job);
    open("j1");
    const auto text = body();
    const auto token = text.substr(text.find("id: ") + 4, text.find("\ndata") - text.find("id: ") - 4);
    open("j1", token);
    EXPECT_EQ(count(body(), "event: "), 0U) << "nothing is new";
    pass(seconds(61));
    pass(seconds(1));
    const auto rest = body();
    EXPECT_EQ(count(rest, "id: " + token), 0U) << rest;
    EXPECT_EQ(count(rest, "event: end"), 1U) << rest;
    EXPECT_NE(rest.find("JobRunPreconditionFailed"), rest.npos) << rest;
    open("j1", "1-3-0");
    EXPECT_EQ(count(body(), "event: "), 1U) << "the end alone";
    EXPECT_EQ(call("GET", "/carillon/jobs/j1/events?after=1-4-0").status, 204);
}

TEST_F(JobEvents, AreNotQueuedForAClientThatDoesNotRead) {
    create("d1");
    create("d2");
    order("j1", method_job);
    open("j1");
    body();
    wire_.is_congested = true;
    for (int i = 0; i < 100; ++i) pass(seconds(1));
    EXPECT_EQ(wire_.sent, "") << "neither events nor comments";
    wire_.is_congested = false;
    wire_.handler->drained();
    hub_.settle();
    const auto text = body();
    EXPECT_EQ(count(text, "event: progress"), 1U) << text;
    EXPECT_EQ(count(text, "event: end"), 1U) << text;
}

TEST_F(JobEvents, StopWithoutAnEndWhenTheServerDoes) {
    create("d1");
    order("j1", method_job);
    open("j1");
    body();
    FakeChannel channel(wire_);
    wire_.handler->shutting_down(channel);
    EXPECT_EQ(body(), "[over]");
    EXPECT_TRUE(wire_.is_closed);
    EXPECT_EQ(timers_.size(), 0U);
}

TEST_F(JobEvents, EndWithAClientThatTakesNothingMore) {
    create("d1");
    order("j1", method_job);
    open("j1");
    wire_.accepts = false;
    pass(JobEventFeed::heartbeat);
    EXPECT_TRUE(wire_.is_aborted);
}

TEST_F(JobEvents, GiveTheirPlaceBackWhenTheClientLeaves) {
    create("d1");
    order("j1", method_job);
    for (std::size_t i = 0; i < JobWatcher::count_max + 10; ++i) ASSERT_EQ(open("j1").status, 200) << i;
    disconnect();
    EXPECT_EQ(timers_.size(), 0U);
    pass(seconds(61));  // nobody is woken who is not there
}

TEST_F(JobEvents, AreForThoseWhoMayReadTheJob) {
    create("d1");
    order("j1", twin_job);
    for (const char* path : {"/carillon/jobs/j1", "/carillon/jobs/j1/events"}) {
        EXPECT_EQ(call("GET", path, {}, "Authorization: none\r\n").status, 401) << path;
        EXPECT_EQ(call("GET", path, {}, "Authorization: " + token("device") + "\r\n").status, 401) << path;
        EXPECT_EQ(call("POST", path).status, 405) << path;
    }
    for (const char* path : {"/carillon/jobs/none", "/carillon/jobs/none/events"}) {
        const auto answer = call("GET", path);
        EXPECT_EQ(answer.status, 404) << path;
        EXPECT_EQ(answer.error(), "JobNotFound") << path;
    }
}

TEST_F(JobEvents, TheSameDocumentIsToBeHadOnce) {
    create("d1");
    order("j1", twin_job);
    const auto answer = call("GET", "/carillon/jobs/j1", {}, "Authorization: " + token("service") + "\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(member(answer.body, "status"), "\"completed\"");
    EXPECT_EQ(call("GET", at("/carillon/jobs/j1")).body, answer.body) << "an api-version is not a mistake";
    EXPECT_EQ(call("GET", "/carillon/jobs/j1?api-version=x").error(), "InvalidProtocolVersion");
}

}  // namespace
}  // namespace carillon::rest
