#include "job_insight.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(JobInsight, SaysInWordsWhatTheFailuresOfACauseHaveInCommon) {
    const auto rows = failure_rows(
        R"({"jobId":"j","failedCount":26,"groups":[{"kind":"timeout","count":25,"factors":[)"
        R"({"path":"tags.fw","value":"1.4.2","failedCount":24,"deviceCount":90,"queryCondition":"tags.fw = '1.4.2'"},)"
        R"({"path":"wave","value":0,"failedCount":20,"deviceCount":50}]},{"kind":"gone","count":1,"factors":[]}]})");
    ASSERT_TRUE(rows);
    ASSERT_EQ(rows->size(), 2U);
    EXPECT_NE(rows->at(0).find(R"("inCommon":"tags.fw = '1.4.2': 24 of 25 failed, 90 devices in all; )"
                               R"(wave 0: 20 of 25 failed, 50 devices in all")"),
              std::string::npos)
        << rows->at(0);
    EXPECT_EQ(rows->at(1), R"({"kind":"gone","count":1,"factors":[],"inCommon":""})");
}

TEST(JobInsight, RefusesAnAnswerWithoutGroups) {
    EXPECT_EQ(failure_rows("[]").error().code, Errc::malformed_packet);
    EXPECT_EQ(failure_rows("{").error().code, Errc::malformed_packet);
}

}  // namespace
}  // namespace carillon
