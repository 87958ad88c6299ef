#include "core/shard/twin_log_folder.hpp"

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
        ASSERT_EQ(counts(id).succeeded, devices);
    }
    std::vector<std::string> twins() {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < devices; ++i) {
            const auto& t = twin(fmt::format("d{}", i));
            texts.push_back(fmt::format("{} {} {}", t.version, t.etag, as_text(t.desired.encoded())));
        }
        return texts;
    }
    std::size_t devices = 8;
    /// Long enough for the log to be folded.
    void rest() { pass(TwinLogFolder::quiet_after / 5ms + 30); }
    void pass(std::int64_t slices) {
        for (std::int64_t i = 0; i < slices; ++i) hub->advance(5ms);
    }
};

TEST_F(TwinLogFolding, BelowItsBoundTheLogIsLeftAlone) {
    run_job(1);
    run_job(2);
    rest();
    EXPECT_EQ(store.size(Table::twin_log), 2U);
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
}

TEST_F(TwinLogFolding, BeyondItsBoundTheLogIsFoldedAndARestartFindsTheSameTwins) {
    for (int i = 1; i <= 5; ++i) run_job(i);
    rest();
    EXPECT_LE(store.size(Table::twin_log), 1U);
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
    EXPECT_EQ(twin("d0").version, 7);
}

TEST_F(TwinLogFolding, GivesWayToRunningJobsUntilTheLogIsFarOverItsBound) {
    const int jobs = 20 * static_cast<int>(TwinLogFolder::patience) / 8;
    for (int i = 1; i <= jobs; ++i) {
        run_job(i);
        pass(19);
        ASSERT_EQ(store.size(Table::twin_log), static_cast<std::size_t>(i)) << "jobs follow each other";
    }
    run_job(jobs + 1);
    pass(4);
    EXPECT_EQ(store.size(Table::twin_log), 0U) << "a pass takes all that there is";
    EXPECT_EQ(store.size(Table::identities), 8U);
}

TEST_F(TwinLogFolding, WritesWhileItIsUnderWayAreKept) {
    for (; devices < 100; ++devices) hub->add_device(fmt::format("d{}", devices));
    static_assert(TwinLogFolder::slice_devices * TwinLogFolder::slices_at_a_stretch < 100);
    run_job(1);
    run_job(2);
    pass(TwinLogFolder::quiet_after / 5ms);
    ASSERT_EQ(store.size(Table::twin_log), 2U) << "a stretch is written, and the entries are not yet erased";
    run_job(7);
    const auto key = *IdentityKey::parse("d3");
    const auto json = JsonDocument::parse(R"({"tags":{"x":1}})");
    auto patch = TwinPatch::parse(json->root(), key);
    ASSERT_TRUE(
        hub->run(owner("d3").write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{})));
    const auto before = twins();
    restart();
    EXPECT_EQ(twins(), before);
    rest();
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
        rest();
        ASSERT_EQ(store.refused(), nth);
        const auto before = twins();
        store.fail_commits(1, 0);
        restart();
        EXPECT_EQ(twins(), before) << nth;
    }
    pass(2000);
    EXPECT_LE(store.size(Table::twin_log), 1U);
}

TEST_F(TwinLogFolding, SkipsADeviceThatWasRemoved) {
    for (int i = 1; i <= 2; ++i) run_job(i);
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(hub->run(owner("d0").remove_identity(*IdentityKey::parse("d0"), any)));
    hub->add_device("d0");
    run_job(3);
    rest();
    EXPECT_LE(store.size(Table::twin_log), 1U);
    restart();
    EXPECT_EQ(twin("d0").version, 3);
    EXPECT_EQ(twin("d1").version, 5);
}

}  // namespace
}  // namespace carillon
