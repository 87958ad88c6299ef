#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/web/overview_stream.hpp"

namespace carillon::rest {
namespace {

using namespace testing;
using carillon::testing::FakeLink;

class OverviewRoute : public RestTest {};

TEST_F(OverviewRoute, TellsWhatIsThereAndWhatIsDoneASecond) {
    create("a");
    create("b");
    const Answer first = call("GET", "/carillon/overview");
    EXPECT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(member(first.body, "registeredCount"), "2");
    EXPECT_EQ(member(first.body, "connectedCount"), "0");
    EXPECT_EQ(member(first.body, "connectsPerSecond"), "null");
    EXPECT_EQ(member(first.body, "runningJobs"), "[]");
    FakeLink link;
    hub_->shards().owner(*DeviceId::parse("a")).attach(*hub_.find("a"), link);
    EXPECT_EQ(call("GET", "/carillon/overview").body, first.body) << "looked at once a second only";
    clock_.advance(std::chrono::seconds(2));
    const Answer second = call("GET", "/carillon/overview");
    EXPECT_EQ(member(second.body, "connectedCount"), "1");
    EXPECT_EQ(member(second.body, "connectsPerSecond"), "0.5");
    EXPECT_EQ(member(second.body, "disconnectsPerSecond"), "0");
    hub_->shards().owner(*DeviceId::parse("a")).detach(*hub_.find("a"), link);
    clock_.advance(OverviewSampler::span_max + std::chrono::seconds(1));
    EXPECT_EQ(member(call("GET", "/carillon/overview").body, "disconnectsPerSecond"), "null")
        << "the sample before is too old";
}

TEST_F(OverviewRoute, ShowsJobsAtWork) {
    create("a");
    FakeLink link;
    hub_->shards().owner(*DeviceId::parse("a")).attach(*hub_.find("a"), link);
    const Answer made = call("PUT", at("/jobs/v2/j"),
                             R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},)"
                             R"("queryCondition":"*"})");
    ASSERT_EQ(made.status, 200) << made.body;
    const Answer answer = call("GET", "/carillon/overview");
    EXPECT_EQ(member(answer.body, "runningJobCount"), "1");
    EXPECT_TRUE(member(answer.body, "runningJobs").starts_with(R"([{"jobId":"j")")) << answer.body;
    hub_->shards().owner(*DeviceId::parse("a")).detach(*hub_.find("a"), link);
    hub_.settle();
}

TEST_F(OverviewRoute, StreamsItOnceASecond) {
    begin("GET", "/carillon/overview/events");
    hub_.settle();
    EXPECT_NE(wire_.sent.find("Content-Type: text/event-stream\r\n"), std::string::npos) << wire_.sent;
    const auto events = [this] {
        std::size_t count = 0;
        for (std::size_t at = 0; (at = wire_.sent.find("event: overview\n", at)) != std::string::npos; ++at)
            ++count;
        return count;
    };
    EXPECT_EQ(events(), 1U);
    clock_.advance(OverviewSampler::interval);
    timers_.run_due(clock_.now());
    hub_.settle();
    EXPECT_EQ(events(), 2U);
    wire_.is_congested = true;
    clock_.advance(OverviewSampler::interval);
    timers_.run_due(clock_.now());
    hub_.settle();
    EXPECT_EQ(events(), 2U) << "who does not read is sent no more";
    wire_.is_congested = false;
    clock_.advance(OverviewSampler::interval);
    timers_.run_due(clock_.now());
    hub_.settle();
    EXPECT_EQ(events(), 3U);
    EXPECT_EQ(web_.overview_streams.load(), 1U);
    disconnect();
    EXPECT_EQ(web_.overview_streams.load(), 0U);
}

TEST_F(OverviewRoute, RefusesMoreStreamsThanItHasRoomFor) {
    web_.overview_streams = OverviewStream::count_max;
    EXPECT_EQ(call("GET", "/carillon/overview/events").status, 429);
    EXPECT_EQ(web_.overview_streams.load(), OverviewStream::count_max);
}

}  // namespace
}  // namespace carillon::rest
