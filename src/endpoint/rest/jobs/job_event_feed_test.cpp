#include "endpoint/rest/jobs/job_event_feed.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/jobs/approvals/approval_rule.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace carillon::rest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Phase = JobRevision::Phase;

struct Sent {
    std::string event;
    std::string id;
    std::string data;
};

/// The events in what was sent; comments and `retry` aside.
std::vector<Sent> events_in(std::string_view text) {
    std::vector<Sent> events;
    Sent current;
    for (const auto line : split(text, '\n')) {
        if (line.starts_with("event: ")) current.event = line.substr(7);
        if (line.starts_with("id: ")) current.id = line.substr(4);
        if (line.starts_with("data: ")) current.data = line.substr(6);
        if (line.empty() && !current.event.empty()) events.push_back(std::exchange(current, {}));
    }
    return events;
}

class JobEventFeedTest : public ::testing::Test {
protected:
    JobEventFeedTest() {
        JobDefinition definition;
        definition.id = "j1";
        progress.number = 7;
        progress.snapshot.definition = std::make_shared<const JobDefinition>(std::move(definition));
    }
    void run(std::uint64_t done) {
        progress.snapshot.status = JobStatus::running;
        progress.snapshot.counts = JobCounts{100, 100 - done, 0, done, 0, 0};
        progress.revision = {Phase::running, done};
        progress.devices_per_s = 10;
    }
    void end() {
        progress.snapshot.status = JobStatus::completed;
        progress.snapshot.counts = JobCounts{100, 0, 0, 100, 0, 0};
        progress.revision = {Phase::ended, 0};
    }
    std::vector<Sent> next(JobEventFeed& feed) { return events_in(feed.next(progress, now)); }

    JobProgress progress;
    TimePoint now{};
};

TEST_F(JobEventFeedTest, TellsTheStateAtOnce) {
    JobEventFeed feed(std::nullopt, now);
    run(5);
    const auto sent = next(feed);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].event, "progress");
    EXPECT_EQ(sent[0].id, "7-2-5");
    EXPECT_NE(sent[0].data.find("\"succeededCount\":5"), std::string::npos) << sent[0].data;
    EXPECT_TRUE(next(feed).empty());
}

TEST_F(JobEventFeedTest, GathersWhatChangesInAQuarterOfASecond) {
    JobEventFeed feed(std::nullopt, now);
    std::size_t sent = 0;
    std::string last;
    for (int ms = 0; ms < 3000; ms += 10) {
        now = TimePoint{} + milliseconds(ms);
        run(static_cast<std::uint64_t>(ms / 40));
        for (const auto& event : next(feed)) {
            ++sent;
            last = event.id;
        }
    }
    EXPECT_EQ(sent, 12U) << "four a second";
    EXPECT_EQ(last, "7-2-68") << "the newest of its moment";
    EXPECT_FALSE(feed.is_open_to_news(now));
    EXPECT_EQ(feed.deadline(now), TimePoint{} + milliseconds(3000));
}

TEST_F(JobEventFeedTest, SendsToEachOfManyFollowersLessOften) {
    const auto sent_in_four_seconds = [this](std::size_t followers) {
        JobEventFeed feed(std::nullopt, now);
        std::size_t sent = 0;
        const TimePoint began = now;
        for (int ms = 0; ms < 4000; ms += 10) {
            now = began + milliseconds(ms);
            run(static_cast<std::uint64_t>(ms));
            feed.share_with(followers);
            sent += next(feed).size();
        }
        return sent;
    };
    EXPECT_EQ(sent_in_four_seconds(25), 16U);
    EXPECT_EQ(sent_in_four_seconds(50), 8U);
    EXPECT_EQ(sent_in_four_seconds(200), 2U);
}

TEST_F(JobEventFeedTest, TellsTheNextChangeAtOnceAfterAPause) {
    JobEventFeed feed(std::nullopt, now);
    run(1);
    next(feed);
    now += seconds(1);
    EXPECT_TRUE(next(feed).empty());
    EXPECT_TRUE(feed.is_open_to_news(now));
    run(2);
    EXPECT_EQ(next(feed).size(), 1U);
}

TEST_F(JobEventFeedTest, EndsWithTheFinalStateAndAnEnd) {
    JobEventFeed feed(std::nullopt, now);
    run(99);
    next(feed);
    end();
    EXPECT_TRUE(next(feed).empty()) << "even the last state keeps the pace";
    now += JobEventFeed::spacing;
    const auto sent = next(feed);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].event, "progress");
    EXPECT_EQ(sent[0].id, "7-3-0");
    EXPECT_EQ(sent[1].event, "end");
    EXPECT_EQ(sent[1].id, "7-4-0");
    EXPECT_EQ(sent[1].data, sent[0].data);
    EXPECT_TRUE(feed.is_over());
    EXPECT_TRUE(feed.next(progress, now).empty());
}

TEST_F(JobEventFeedTest, OfAJobThatIsOverSaysAllAtOnce) {
    JobEventFeed feed(std::nullopt, now);
    end();
    EXPECT_EQ(next(feed).size(), 2U);
    EXPECT_TRUE(feed.is_over());
}

TEST_F(JobEventFeedTest, TellsThatAnApprovalIsAskedForAndGiven) {
    progress.snapshot.status = JobStatus::queued;
    progress.revision = {Phase::queued, 0};
    JobEventFeed feed(std::nullopt, now);
    ASSERT_EQ(next(feed).size(), 1U);
    now += std::chrono::seconds(1);
    // It is known before the job is said to wait, which changes no revision.
    JobApproval approval;
    progress.approval = std::make_shared<const JobApproval>(approval);
    EXPECT_TRUE(next(feed).empty());
    progress.snapshot.status = JobStatus::scheduled;
    const auto asked = next(feed);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_NE(asked[0].data.find("\"approval\":"), std::string::npos) << asked[0].data;
    EXPECT_TRUE(next(feed).empty());
    now += std::chrono::seconds(1);
    approval.given.push_back({"release", ""});
    progress.approval = std::make_shared<const JobApproval>(approval);
    EXPECT_EQ(next(feed).size(), 1U);
    // Who comes again may have seen only the one before, of the same revision.
    JobEventFeed again(JobEventToken::parse("7-1-0"), now);
    EXPECT_EQ(next(again).size(), 1U);
}

TEST_F(JobEventFeedTest, DoesNotRepeatWhatTheClientHasSeen) {
    run(5);
    JobEventFeed feed(JobEventToken::parse("7-2-5"), now);
    EXPECT_TRUE(next(feed).empty());
    EXPECT_EQ(feed.seen(), progress.revision);
    run(6);
    ASSERT_EQ(next(feed).size(), 1U);
}

TEST_F(JobEventFeedTest, TellsWhatIsNewerThanWhatTheClientHasSeen) {
    run(9);
    JobEventFeed feed(JobEventToken::parse("7-2-5"), now);
    const auto sent = next(feed);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].id, "7-2-9");
}

TEST_F(JobEventFeedTest, SaysOnlyTheEndToWhoHasSeenTheFinalState) {
    end();
    JobEventFeed feed(JobEventToken::parse("7-3-0"), now);
    const auto sent = next(feed);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].event, "end");
}

TEST_F(JobEventFeedTest, TakesATokenOfAnotherJobForNone) {
    run(5);
    JobEventFeed feed(JobEventToken::parse("8-2-5"), now);
    EXPECT_EQ(next(feed).size(), 1U);
}

TEST_F(JobEventFeedTest, BreaksALongSilenceByAComment) {
    JobEventFeed feed(std::nullopt, now);
    run(5);
    progress.devices_per_s = 0;
    next(feed);
    EXPECT_EQ(feed.deadline(now += seconds(1)), TimePoint{} + JobEventFeed::heartbeat);
    now = TimePoint{} + JobEventFeed::heartbeat - milliseconds(1);
    EXPECT_EQ(feed.next(progress, now), "");
    now += milliseconds(1);
    EXPECT_EQ(feed.next(progress, now), ": still here\n\n");
    EXPECT_EQ(feed.deadline(now), now + JobEventFeed::heartbeat);
}

TEST_F(JobEventFeedTest, TakesBackARateThatIsNoLongerTrue) {
    JobEventFeed feed(std::nullopt, now);
    run(5);
    next(feed);
    progress.devices_per_s = 0;
    now += JobEventFeed::heartbeat;
    const auto sent = next(feed);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].id, "7-2-5") << "nothing has happened, so the token stays";
    EXPECT_NE(sent[0].data.find("\"devicesPerSecond\":0"), std::string::npos) << sent[0].data;
    now += JobEventFeed::heartbeat;
    EXPECT_EQ(feed.next(progress, now), ": still here\n\n") << "once is enough";
}

TEST_F(JobEventFeedTest, OneEventIsOneLineOfData) {
    progress.snapshot.status = JobStatus::failed;
    progress.snapshot.failure_reason = "line one\r\nline two\n\nevent: forged";
    progress.revision = {Phase::ended, 0};
    JobEventFeed feed(std::nullopt, now);
    EXPECT_EQ(next(feed).size(), 2U);
}

TEST(JobEventTokens, ComeBackAsTheyWereGiven) {
    for (const char* text : {"1-0-0", "7-2-18446744073709551615", "12-3-0", "12-4-0"}) {
        const auto token = JobEventToken::parse(text);
        ASSERT_TRUE(token) << text;
        EXPECT_EQ(token->text(), text);
    }
    for (const char* text :
         {"", "1", "1-2", "1-2-3-4", "1-5-0", "a-2-3", "1--3", "-1-2-3", "1-2-99999999999999999999"}) {
        EXPECT_FALSE(JobEventToken::parse(text)) << text;
    }
}

TEST_F(JobEventFeedTest, TheDocumentSaysWhyDevicesFailedTheMostFrequentFirst) {
    run(50);
    progress.elapsed_s = 3.14159;
    for (int i = 0; i < 12; ++i) {
        Failure failure;
        failure.reason = FailReason::other;
        failure.code = Errc::argument_invalid;
        failure.text = std::string(static_cast<std::size_t>(i) + 1, 'x');
        progress.tally.add_failure(failure);
    }
    progress.tally.add_failure(FailReason::timeout);
    progress.tally.add_failure(FailReason::timeout);
    progress.tally.add_answer(200);
    std::string text;
    append_job_progress_json(text, progress);
    const auto document = JsonDocument::parse(text);
    ASSERT_TRUE(document) << text;
    const auto job = document->root();
    EXPECT_EQ(job.find("jobId").string(), "j1");
    EXPECT_EQ(job.find("elapsedSeconds").raw(), "3.1");
    EXPECT_EQ(job.find("secondsLeft").raw(), "5");
    EXPECT_EQ(job.find("failures").first().find("code").string(), "GatewayTimeout");
    EXPECT_EQ(job.find("failures").first().find("count").raw(), "2");
    EXPECT_EQ(job.find("otherFailures").raw(), "3");
    EXPECT_EQ(job.find("answers").raw(), R"([{"status":200,"count":1}])");
}

TEST_F(JobEventFeedTest, TheDocumentOfAJobThatWaitsHasNoNumbersYet) {
    progress.snapshot.status = JobStatus::scheduled;
    std::string text;
    append_job_progress_json(text, progress);
    EXPECT_EQ(text, R"({"jobId":"j1","type":"scheduleUpdateTwin","status":"scheduled","elapsedSeconds":null,)"
                    R"("devicesPerSecond":0,"secondsLeft":null,"failures":[],"otherFailures":0,"answers":[],)"
                    R"("otherAnswers":0})");
}

TEST_F(JobEventFeedTest, TheDocumentOmitsReasonsThatWereNotCounted) {
    end();
    progress.has_tally = false;
    std::string text;
    append_job_progress_json(text, progress);
    EXPECT_EQ(text.find("failures"), text.npos) << text;
    EXPECT_EQ(text.find("answers"), text.npos) << text;
}

}  // namespace
}  // namespace carillon::rest
