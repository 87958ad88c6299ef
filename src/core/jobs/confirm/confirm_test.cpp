// Twin jobs whose devices confirm what was written. Cases G8 of the specification of rollouts.

#include "core/jobs/chain/job_verifier.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = WaveState;

std::string id_of(int i) {
    return fmt::format("d{:05}", i);
}

std::string interval_body(std::string_view rollout) {
    return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":)"
                       R"({{"interval":60}}}}}},"queryCondition":"*","rollout":{}}})",
                       rollout);
}

JobEngineLimits impatient() {
    JobEngineLimits limits;
    limits.reconnect_grace_s = 0;
    return limits;
}

struct ConfirmBench : RolloutBench {
    ConfirmBench() : RolloutBench(impatient(), 2) {}

    void report(const std::string& id, std::string_view reported) {
        const auto json = JsonDocument::parse(reported);
        const auto patch = SectionPatch::parse(json->root());
        ASSERT_TRUE(patch) << reported;
        owner(id).write_reported(*hub->find(id), *patch, std::nullopt, [](const Result<std::int64_t>&) {});
        hub->settle();
    }
    void desire(const std::string& id, std::string_view desired) {
        const auto body = fmt::format(R"({{"properties":{{"desired":{}}}}})", desired);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        auto writing = owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(hub->run(std::move(writing)));
    }
    void connect(int from, int to) {
        for (int i = from; i < to; ++i) answer_as(id_of(i), {});
        hub->settle();
    }
    std::uint64_t failed_as(const std::string& job, FailReason reason) {
        const auto now = progress(job);
        for (const auto& group : now.tally.failures()) {
            if (group.failure.reason == reason) return group.count;
        }
        return 0;
    }
    /// Devices at work have a moment before they are canceled.
    void cancel_at_work(const std::string& id) {
        const auto cancelling = hub->begin((*hub)->jobs().cancel(id));
        pass(seconds(2));
        ASSERT_TRUE(cancelling->has_value());
        EXPECT_TRUE(**cancelling);
    }
    std::string refusal(std::string_view body) {
        const auto created = create("refused", body);
        return created ? "" : created.error().detail;
    }
};

TEST(Confirm, G8_1DevicesSucceedWhenTheyReportWhatWasWritten) {
    ConfirmBench bench;
    bench.add(1000);
    bench.connect(0, 1000);
    ASSERT_TRUE(bench.create("j", interval_body(R"({"confirm":{"by":"reported","within":"30m"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").running, 1000U);
    for (int i = 0; i < 900; ++i) bench.report(id_of(i), R"({"interval":60})");
    for (int i = 900; i < 960; ++i) bench.report(id_of(i), R"({"interval":30})");
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 900U);
    EXPECT_EQ(bench.counts("j").running, 100U) << "a stock client sees them at work";
    EXPECT_EQ(bench.status("j"), JobStatus::running);
    bench.pass(minutes(30), milliseconds(1000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 900U);
    EXPECT_EQ(bench.failed_as("j", FailReason::diverged), 60U);
    EXPECT_EQ(bench.failed_as("j", FailReason::silent), 40U);
    for (const auto& row : bench.rows("j", 1000)) {
        if (row.device_id != id_of(950)) continue;
        EXPECT_EQ(row.error_code, "DeviceDiverged");
        EXPECT_EQ(row.error_description, "properties.reported.interval is 30");
    }
    const auto reports = (*bench.hub)->jobs().report("j", {});
    ASSERT_TRUE(reports);
    auto verified = bench.hub->run(verify_job(**reports, {}));
    ASSERT_TRUE(verified);
    EXPECT_TRUE(verified->is_intact());
}

TEST(Confirm, WhatIsReportedAlreadyIsConfirmedAtOnce) {
    ConfirmBench bench;
    bench.add(10);
    bench.connect(0, 10);
    for (int i = 0; i < 10; ++i) bench.report(id_of(i), R"({"interval":60})");
    ASSERT_TRUE(bench.create("j", interval_body(R"({"confirm":{"by":"reported"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 10U);
    // An acknowledgement is of the new version, so the old one does not do.
    for (int i = 0; i < 10; ++i) bench.report(id_of(i), R"({"interval":{"value":60,"ac":200,"av":2}})");
    bench.pass(seconds(1));
    ASSERT_TRUE(bench.create("a", interval_body(R"({"confirm":{"by":"acknowledged","within":"1m"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("a").running, 10U);
    for (int i = 0; i < 4; ++i) bench.report(id_of(i), R"({"interval":{"value":60,"ac":200,"av":3}})");
    bench.report(id_of(4), R"({"interval":{"value":60,"ac":503,"av":3}})");
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("a").succeeded, 4U);
    EXPECT_EQ(bench.failed_as("a", FailReason::diverged), 1U) << "at once";
    bench.pass(minutes(1));
    EXPECT_EQ(bench.failed_as("a", FailReason::silent), 5U);
}

TEST(Confirm, AWavePassesOnWhatDevicesReport) {
    ConfirmBench bench;
    bench.add(100);
    bench.connect(0, 100);
    ASSERT_TRUE(
        bench.create("j", interval_body(R"({"order":"asStored","waves":[{"size":10},{"size":"rest"}],)"
                                        R"("confirm":{"by":"reported","within":"10m"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").running, 10U) << "the others wait for the canary";
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::open, State::waiting}));
    for (int i = 0; i < 100; ++i) {
        if (bench.twin(id_of(i)).desired.version() > 1) bench.report(id_of(i), R"({"interval":60})");
    }
    bench.pass(seconds(1));
    EXPECT_EQ(bench.wave_states("j"), (std::vector<State>{State::passed, State::open}));
    EXPECT_EQ(bench.counts("j").running, 90U);

    // And fails on what they do not.
    bench.cancel_at_work("j");
    ASSERT_TRUE(bench.create(
        "k", R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","properties":{"desired":{"level":2}}},)"
             R"("queryCondition":"*","rollout":{"waves":[{"size":10,"else":"undo"},{"size":"rest"}],)"
             R"("confirm":{"by":"reported","within":"10m"}}})"));
    bench.pass(minutes(11), milliseconds(1000));
    EXPECT_EQ(bench.status("k"), JobStatus::cancelled);
    EXPECT_EQ(bench.failed_as("k", FailReason::silent), 10U);
    ASSERT_TRUE(bench.find("k-undo"));
    EXPECT_EQ(bench.counts("k-undo").succeeded, 10U);
}

TEST(Confirm, ACapCountsDevicesUntilTheyHaveConfirmed) {
    ConfirmBench bench;
    bench.add(50);
    bench.connect(0, 50);
    ASSERT_TRUE(
        bench.create("j", interval_body(R"({"pace":{"maxInFlight":8},"confirm":{"by":"reported"}})")));
    for (int round = 0; round < 8; ++round) {
        bench.pass(seconds(1));
        EXPECT_LE(bench.counts("j").running, 8U);
        for (int i = 0; i < 50; ++i) {
            if (bench.twin(id_of(i)).desired.version() > 1) bench.report(id_of(i), R"({"interval":60})");
        }
        if (round == 3) {
            bench.crash();
            bench.connect(0, 50);
        }
    }
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 50U);
}

TEST(Confirm, G8_2ADeviceThatIsAwayIsNotReachedAndOneThatOthersWroteIsNoFailure) {
    ConfirmBench bench;
    bench.add(4);
    bench.connect(1, 4);
    ASSERT_TRUE(bench.create("j", interval_body(R"({"offline":{"then":"write"},"deadline":"2h",)"
                                                R"("confirm":{"by":"reported","within":"30m"}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("j").running, 4U);
    bench.report(id_of(2), R"({"interval":60})");
    bench.desire(id_of(1), R"({"interval":15})");
    bench.report(id_of(1), R"({"interval":15})");
    bench.desire(id_of(3), R"({"level":1})");
    bench.pass(minutes(40), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.counts("j").canceled, 1U);
    EXPECT_EQ(bench.failed_as("j", FailReason::silent), 1U) << "d3, whose interval is still the job's";
    EXPECT_EQ(bench.counts("j").running, 1U) << "d0 is waited for until the deadline";
    bench.pass(minutes(81), milliseconds(1000));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.failed_as("j", FailReason::undelivered), 1U);
}

TEST(Confirm, ADeviceThatComesLaterHasItsTimeFromThen) {
    ConfirmBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("j", interval_body(R"({"offline":{"then":"write"},)"
                                                R"("confirm":{"by":"reported","within":"30m"}})")));
    bench.pass(hours(2), milliseconds(10'000));
    EXPECT_EQ(bench.counts("j").running, 2U);
    bench.connect(0, 2);
    bench.pass(minutes(20), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").running, 2U);
    bench.report(id_of(0), R"({"interval":60})");
    bench.pass(minutes(12), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.failed_as("j", FailReason::silent), 1U);
}

TEST(Confirm, NothingThatWasReportedIsLostInARestart) {
    ConfirmBench bench;
    bench.add(20);
    bench.connect(0, 20);
    ASSERT_TRUE(bench.create("j", interval_body(R"({"confirm":{"by":"reported","within":"30m"}})")));
    bench.pass(seconds(1));
    // The store takes what the devices report, and nothing that the job makes of it.
    for (int i = 0; i < 10; ++i) {
        const auto json = JsonDocument::parse(R"({"interval":60})");
        bench.owner(id_of(i)).write_reported(*bench.hub->find(id_of(i)), *SectionPatch::parse(json->root()),
                                             std::nullopt, [](const Result<std::int64_t>&) {});
    }
    bench.hub->settle();
    bench.crash();
    bench.pass(seconds(2));
    EXPECT_EQ(bench.counts("j").succeeded, 10U) << "also of devices that are not back";
    EXPECT_EQ(bench.counts("j").running, 10U);
    bench.connect(0, 20);
    bench.pass(minutes(31), milliseconds(1000));
    EXPECT_EQ(bench.failed_as("j", FailReason::silent), 10U);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(bench.twin(id_of(i)).desired.version(), 2) << "written once";
}

TEST(Confirm, ByAConditionWhateverItReads) {
    ConfirmBench bench;
    bench.add(3);
    bench.connect(0, 3);
    ASSERT_TRUE(
        bench.create("j", interval_body(R"({"confirm":{"by":"condition","within":"10m",)"
                                        R"("condition":"properties.reported.state.mode = 'slow'"}})")));
    bench.pass(seconds(1));
    bench.report(id_of(0), R"({"state":{"mode":"slow"}})");
    bench.report(id_of(1), R"({"state":{"mode":"fast"}})");
    bench.pass(minutes(11), milliseconds(1000));
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.failed_as("j", FailReason::diverged), 1U);
    EXPECT_EQ(bench.failed_as("j", FailReason::silent), 1U);
}

TEST(Confirm, ACancelLeavesWhatWasWrittenAndAnUndoTakesIt) {
    ConfirmBench bench;
    bench.add(10);
    bench.connect(0, 10);
    ASSERT_TRUE(bench.create("j", interval_body(R"({"confirm":{"by":"reported"}})")));
    bench.pass(seconds(1));
    bench.report(id_of(0), R"({"interval":60})");
    bench.cancel_at_work("j");
    EXPECT_EQ(bench.status("j"), JobStatus::cancelled);
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.counts("j").canceled, 9U);
    ASSERT_TRUE(bench.create("back", R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*"},)"
                                     R"("rollout":{"undoOf":"j"}})"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("back").succeeded, 10U);
}

TEST(Confirm, IsRefusedWhereThereIsNothingToConfirm) {
    ConfirmBench bench;
    bench.add(1);
    const auto tags = [](std::string_view confirm) {
        return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","tags":{{"a":1}}}},)"
                           R"("queryCondition":"*","rollout":{{"confirm":{}}}}})",
                           confirm);
    };
    EXPECT_TRUE(bench.refusal(tags(R"({"by":"reported"})")).starts_with("rollout.confirm.by: "));
    EXPECT_TRUE(bench.refusal(tags(R"({"by":"condition","condition":"a ="})"))
                    .starts_with("rollout.confirm.condition: "));
    EXPECT_FALSE(bench.find("refused"));
}

}  // namespace
}  // namespace carillon
