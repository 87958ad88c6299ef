#include "rollouts/job_plan.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(JobPlan, IsSummedUpInWords) {
    EXPECT_EQ(plan_summary(R"({"targets":{"count":10,"online":3,"disabled":0,"unknown":0}})"),
              "10 devices, 3 of them connected");
    EXPECT_EQ(
        plan_summary(R"({"targets":{"count":10,"online":3,"disabled":1,"unknown":2},)"
                     R"("effect":{"noOps":4,"changes":5,"tooLarge":1},)"
                     R"("collisions":[{"job":"a","key":"tags.x","devices":7}],)"
                     R"("estimate":{"secondsAtLeast":90,"deadlineSeconds":60,"fits":false}})"),
        "10 devices, 3 of them connected, 1 disabled, 2 not registered; 5 twins change, 4 already have "
        "it, 1 would be too large\ncollides with job a: tags.x in 7 devices\ntakes at least 90 s by its "
        "pace and soaks, which is more than its deadline of 60 s");
}

TEST(JobPlan, IsCarriedOutByItsIdAndHash) {
    PlanOrder order{"p-1", "fw", "ab", {}, {}, {}};
    const auto now = WallTime::from_unix_s(1'795'341'600);
    EXPECT_EQ(plan_request_json(order, now).value(),
              R"({"jobId":"fw","rollout":{"plan":{"id":"p-1","hash":"ab"}}})");
    order.drift = "2%";
    order.start = "2026-12-01T00:00:00Z";
    order.note = "CHG-1";
    EXPECT_EQ(plan_request_json(order, now).value(),
              R"({"jobId":"fw","startTime":"2026-12-01T00:00:00Z",)"
              R"("rollout":{"plan":{"id":"p-1","hash":"ab","drift":"2%"},"note":"CHG-1"}})");
    order.start = "soon";
    EXPECT_FALSE(plan_request_json(order, now));
}

}  // namespace
}  // namespace carillon
