// What jobs may take together: docs/limits.md.

#include "core/testing/job_testing.hpp"

namespace carillon {
namespace {

using testing::JobBench;
using testing::twin_body;
using namespace std::chrono_literals;

constexpr const char* later = "2026-11-22T11:00:00Z";

struct JobRoom : ::testing::Test, JobBench {
    /// The bytes of one job as `large` makes it.
    std::size_t one() { return testing::parse_job("a", large(), clock.wall_now(), Flavour::ga)->bytes(); }
    static std::string large(std::string_view start = later) {
        return twin_body("*", R"({"a":")" + std::string(4000, 'x') + "\"}", 300, start);
    }
    void allow(std::size_t active, std::size_t history) {
        limits.active_bytes_max = active;
        limits.history_bytes_max = history;
        restart();
    }
};

TEST_F(JobRoom, BeyondTheBytesOfActiveJobsAJobIsRefusedUntilOneHasEnded) {
    EXPECT_GT(one(), 4000U);
    allow(2 * one(), 100 * one());
    ASSERT_TRUE(create("a", large()));
    ASSERT_TRUE(create("b", large()));
    EXPECT_EQ(create("c", large()).error().code, Errc::throttling_max_active_job_count_exceeded);
    restart();
    EXPECT_EQ(create("c", large()).error().code, Errc::throttling_max_active_job_count_exceeded);
    ASSERT_TRUE(cancel("a"));
    EXPECT_TRUE(create("c", large()));
    EXPECT_FALSE(create("d", large()));
    hub->advance(1h + 1s);
    EXPECT_EQ(status("b"), JobStatus::completed);
    EXPECT_TRUE(create("d", large({})));
}

TEST_F(JobRoom, AJobThatCannotBeStoredTakesNoRoom) {
    allow(one(), 100 * one());
    store.fail_commits(1, 1);
    EXPECT_EQ(create("a", large()).error().code, Errc::service_unavailable);
    EXPECT_TRUE(create("a", large()));
}

TEST_F(JobRoom, BeyondTheBytesOfHistoryTheJobsAreForgottenThatEndedFirst) {
    allow(100 * one(), 2 * one());
    ASSERT_TRUE(create("z", large()));
    for (const auto* id : {"a", "b", "c"}) {
        ASSERT_TRUE(create(id, large({})));
        hub->advance(1s);
    }
    EXPECT_FALSE(find("a"));
    EXPECT_TRUE(find("b") && find("c") && find("z"));
    hub->advance(1h + 1s);
    EXPECT_FALSE(find("b"));
    EXPECT_TRUE(find("c") && find("z"));
    EXPECT_EQ(store.size(Table::jobs), 4U) << "a definition and a record of each";
    limits.history_bytes_max = one();
    restart();
    EXPECT_FALSE(find("c"));
    EXPECT_TRUE(find("z")) << "it ended last";
}

TEST_F(JobRoom, AJobThatCannotBeForgottenIsForgottenLater) {
    allow(100 * one(), one());
    ASSERT_TRUE(create("a", large({})));
    hub->advance(1s);
    store.fail_commits(5, 1);
    ASSERT_TRUE(create("b", large({})));
    hub->advance(2h);
    EXPECT_FALSE(find("a"));
    EXPECT_TRUE(find("b"));
}

TEST_F(JobRoom, APageOfTheListEndsBehindTheJobThatMakesItLong) {
    const std::string body = twin_body("*", R"({"a":{"s":")" + std::string(4000, 'x') + "\"}}", 300, later);
    const std::size_t jobs = 3 * job_list_bytes_max / body.size();
    for (std::size_t i = 0; i < jobs; ++i) ASSERT_TRUE(create("j" + std::to_string(i), body));
    std::size_t listed = 0;
    std::size_t pages = 0;
    std::string position;
    do {
        const auto page = hub->run((*hub)->jobs().list({}, position, 1000));
        std::string text;
        for (const auto& job : page.jobs) append_job_json(text, job);
        EXPECT_LT(text.size(), job_list_bytes_max + 2 * body.size());
        listed += page.jobs.size();
        position = page.position;
        ++pages;
    } while (!position.empty());
    EXPECT_EQ(listed, jobs);
    EXPECT_GE(pages, 3U);
}

TEST_F(JobRoom, AnAnswerThatIsTooLargeFailsItsDevice) {
    hub->add_device("a");
    hub->add_device("b");
    connect("a");
    connect("b");
    ASSERT_TRUE(create("j", testing::method_body("*")));
    answer("a", 200, '"' + std::string(MethodLimits::payload_bytes_max - 2, 'x') + '"');
    answer("b", 200, '"' + std::string(MethodLimits::payload_bytes_max - 1, 'x') + '"');
    EXPECT_EQ(status("j"), JobStatus::completed);
    const auto all = rows("j");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].status, DeviceJobStatus::completed);
    EXPECT_EQ(all[1].status, DeviceJobStatus::failed);
    EXPECT_EQ(all[1].error_code, "GenericBadGateway");
    EXPECT_EQ(all[1].error_description, "The device's answer is larger than 128 KB.");
}

TEST_F(JobRoom, AListOfDevicesThatIsTooLongForAConditionIsNotShownAsOne) {
    const auto listing = [](std::size_t count) {
        std::string ids;
        for (std::size_t i = 0; i < count; ++i)
            ids += (i ? ",\"" : "\"") + fmt::format("device-{:07}", i) + '"';
        return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","tags":{{"a":1}}}},)"
                           R"("startTime":"{}","deviceIds":[{}]}})",
                           later, ids);
    };
    ASSERT_TRUE(create("few", listing(3000), Flavour::preview));
    ASSERT_TRUE(create("many", listing(4000), Flavour::preview));
    EXPECT_NE(json("few").find("queryCondition"), std::string::npos);
    EXPECT_EQ(json("many").find("queryCondition"), std::string::npos);
    EXPECT_NE(json("many").find(R"("deviceIds":["device-0000000","device-0000001")"), std::string::npos);
    EXPECT_LT(find("many")->definition->bytes(), 4000U * 4);
}

}  // namespace
}  // namespace carillon
