#include "core/testing/job_testing.hpp"

namespace carillon {
namespace {

using testing::JobBench;
using testing::twin_body;
using namespace std::chrono_literals;

struct TwinLogFolding : ::testing::Test, JobBench {
    TwinLogFolding() {
        limits.twin_log_devices_max = 20;
        shards = 1;
        restart();
        for (int i = 0; i < 8; ++i) hub->add_device(fmt::format("d{}", i));
    }
    void run_job(int number) {
        const auto id = fmt::format("j{}", number);
        ASSERT_TRUE(create(id, twin_body("*", fmt::format(R"({{"a":{}}})", number))));
        ASSERT_EQ(counts(id).succeeded, 8U);
    }
    std::vector<std::string> twins() {
        std::vector<std::string> texts;
        for (int i = 0; i < 8; ++i) {
            const auto& t = twin(fmt::format("d{}", i));
            texts.push_back(fmt::format("{} {} {}", t.version, t.etag, as_text(t.desired.encoded())));
        }
        return texts;
    }
    void pass(int slices) {
        for (int i = 0; i < slices; ++i) hub->advance(5ms);
    }
};

TEST_F(TwinLogFolding, BelowItsBoundTheLogIsLeftAlone) {
    run_job(1);
    run_job(2);
    pass(100);
    EXPECT_EQ(store.size(Table::twin_log), 2U);
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
}

TEST_F(TwinLogFolding, BeyondItsBoundTheLogIsFoldedAndARestartFindsTheSameTwins) {
    for (int i = 1; i <= 5; ++i) run_job(i);
    pass(100);
    EXPECT_LE(store.size(Table::twin_log), 1U);
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
    EXPECT_EQ(twin("d0").version, 7);
}

TEST_F(TwinLogFolding, GivesWayToARunningJobUntilTheLogIsFarOverItsBound) {
    for (int i = 1; i <= 4; ++i) run_job(i);
    for (int i = 0; i < 19; ++i) hub->advance(5ms);
    EXPECT_EQ(store.size(Table::twin_log), 4U) << "the last job was hardly over";
    run_job(5);
    run_job(6);
    pass(4);
    EXPECT_LT(store.size(Table::twin_log), 6U);
}

TEST_F(TwinLogFolding, WritesWhileItIsUnderWayAreKept) {
    for (int i = 1; i <= 5; ++i) {
        run_job(i);
        hub->advance(5ms);
    }
    hub->advance(5ms);
    run_job(6);
    hub->advance(5ms);  // Its first slice is written; the entries are not yet erased.
    ASSERT_EQ(store.size(Table::twin_log), 6U);
    run_job(7);
    const auto key = *IdentityKey::parse("d3");
    const auto json = JsonDocument::parse(R"({"tags":{"x":1}})");
    auto patch = TwinPatch::parse(json->root(), key);
    ASSERT_TRUE(
        hub->run(owner("d3").write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{})));
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
    pass(100);
    EXPECT_LE(store.size(Table::twin_log), 1U);
    restart();
    EXPECT_EQ(twins(), before);
}

TEST_F(TwinLogFolding, ARefusedCommitKeepsTheEntriesUntilItIsDoneAgain) {
    for (std::uint64_t nth = 1; nth <= 2; ++nth) {  // The documents, then the erasure.
        store.fail_commits(1, 0);
        pass(2000);
        for (int i = 0; i < 3; ++i) run_job(static_cast<int>(nth) * 10 + i);
        store.fail_commits(nth, 1);
        pass(30);
        ASSERT_EQ(store.refused(), nth);
        const auto before = twins();
        store.fail_commits(1, 0);
        restart();
        EXPECT_EQ(twins(), before) << nth;
    }
    pass(2000);
    EXPECT_LE(store.size(Table::twin_log), 1U);
}

TEST_F(TwinLogFolding, ADeviceThatWasRemovedIsNoHindrance) {
    for (int i = 1; i <= 2; ++i) run_job(i);
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(hub->run(owner("d0").remove_identity(*IdentityKey::parse("d0"), any)));
    hub->add_device("d0");
    run_job(3);
    pass(100);
    EXPECT_LE(store.size(Table::twin_log), 1U);
    restart();
    EXPECT_EQ(twin("d0").version, 3);
    EXPECT_EQ(twin("d1").version, 5);
}

}  // namespace
}  // namespace carillon
