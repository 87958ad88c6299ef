// The chain of hashes over the logs of jobs. Case G15.1 of the specification of rollouts.

#include "core/jobs/chain/job_verifier.hpp"
#include "core/jobs/job_events.hpp"
#include "core/testing/rollout_bench.hpp"

namespace carillon {
namespace {

using namespace testing;
using std::chrono::minutes;
using std::chrono::seconds;
using Previous = JobVerification::Previous;

struct ChainBench : RolloutBench {
    using RolloutBench::RolloutBench;

    JobVerification verify(const std::string& id, std::optional<Sha256Digest> seal = {}) {
        const auto reports = (*hub)->jobs().report(id, {});
        EXPECT_TRUE(reports) << id;
        if (!reports) return {};
        auto found = hub->run(verify_job(**reports, seal));
        EXPECT_TRUE(found) << id;
        return found ? *std::move(found) : JobVerification();
    }
    /// All events of a job, by key.
    std::map<std::string, std::string> events(std::uint64_t job) {
        std::map<std::string, std::string> found;
        const auto visit = [&](std::string_view key, std::string_view value) {
            found.emplace(key, value);
            return true;
        };
        EXPECT_TRUE(store.scan(Table::job_events, job_event_key(job), job_event_key(job + 1), visit));
        return found;
    }
    void put(const std::string& key, const std::string& value) {
        Batch batch;
        batch.put(Table::job_events, key, value);
        ASSERT_TRUE(store.commit(batch));
    }
    void erase(const std::string& key) {
        Batch batch;
        batch.erase(Table::job_events, key);
        ASSERT_TRUE(store.commit(batch));
    }
    /// A job of 40 devices in two waves, paused once, that ends.
    void run(const std::string& id) {
        ASSERT_TRUE(
            create(id, rollout_body(R"({"waves":[{"size":10},{"size":"rest"}],"pace":{"rate":"20/s"}})")));
        pass(seconds(1));
        ASSERT_TRUE(pause(id));
        ASSERT_TRUE(resume(id));
        pass(seconds(5));
        ASSERT_EQ(status(id), JobStatus::completed);
    }
    void prepare() {
        add(40);
        connect_all(40, [](int) { return Manner{}; });
    }
};

TEST(LogChain, G15_1OneBitInAnyEventIsFoundAndNamed) {
    ChainBench bench;
    bench.prepare();
    bench.run("j");
    const auto intact = bench.verify("j");
    EXPECT_TRUE(intact.is_intact());
    EXPECT_EQ(intact.log.seals, 3U) << "a pause, a wave, and the end with the last wave";
    const auto events = bench.events(1);
    EXPECT_EQ(intact.log.events, events.size());
    ASSERT_GT(events.size(), 10U);
    for (const auto& [key, value] : events) {
        for (const std::size_t at : {std::size_t{0}, value.size() / 2, value.size() - 1}) {
            auto changed = value;
            changed[at] = static_cast<char>(changed[at] ^ (at == 0 ? 0x80 : 0x04));
            bench.put(key, changed);
            const auto found = bench.verify("j");
            EXPECT_FALSE(found.is_intact());
            ASSERT_FALSE(found.log.faults.empty());
            EXPECT_EQ(found.log.faults[0].part, part_of_event_key(key));
            EXPECT_EQ(found.log.faults[0].sequence, sequence_of_event_key(key));
            bench.put(key, value);
        }
    }
    EXPECT_TRUE(bench.verify("j").is_intact());
}

TEST(LogChain, G15_1AnEventThatWasRemovedIsMissedAlsoTheLast) {
    ChainBench bench;
    bench.prepare();
    bench.run("j");
    for (const auto& [key, value] : bench.events(1)) {
        bench.erase(key);
        const auto found = bench.verify("j");
        EXPECT_TRUE(found.log.is_chained);
        EXPECT_FALSE(found.log.faults.empty())
            << "part " << part_of_event_key(key) << " sequence " << sequence_of_event_key(key);
        bench.put(key, value);
    }
}

TEST(LogChain, G15_1AJobThatWasRemovedOrChangedIsMissedByTheNextThatEnded) {
    ChainBench bench;
    bench.prepare();
    bench.run("first");
    EXPECT_EQ(bench.verify("first").previous, Previous::none);
    const auto seal = bench.verify("first").log.seal;
    bench.crash();
    bench.connect_all(40, [](int) { return RolloutBench::Manner{}; });
    bench.run("second");
    auto second = bench.verify("second");
    EXPECT_TRUE(second.is_intact());
    EXPECT_EQ(second.previous, Previous::intact);
    ASSERT_TRUE(second.log.previous);
    EXPECT_EQ(second.log.previous->hash, seal);
    const auto events = bench.events(1);
    const auto last = std::prev(events.end());
    bench.erase(last->first);
    EXPECT_EQ(bench.verify("second").previous, Previous::changed);
    for (const auto& [key, value] : events) bench.erase(key);
    EXPECT_EQ(bench.verify("second").previous, Previous::missing);
    EXPECT_FALSE(bench.verify("second").is_intact());
}

TEST(LogChain, ASealThatWasKeptIsAskedFor) {
    ChainBench bench;
    bench.prepare();
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"1/s"}})")));
    bench.pass(seconds(2));
    ASSERT_TRUE(bench.pause("j"));
    const auto kept = bench.progress("j").rollout->seal;
    ASSERT_TRUE(kept);
    ASSERT_TRUE(bench.resume("j"));
    bench.pass(seconds(40));
    EXPECT_TRUE(bench.verify("j", kept).is_intact());
    EXPECT_NE(bench.progress("j").rollout->seal, kept);
    auto other = *kept;
    other[0] = static_cast<char>(other[0] ^ 1);
    const auto found = bench.verify("j", other);
    ASSERT_EQ(found.log.faults.size(), 1U);
    EXPECT_EQ(found.log.faults[0].what, "no event of the log has the seal that was given");
}

TEST(LogChain, AJobThatGoesOnIsSealedEveryTenMinutes) {
    ChainBench bench;
    bench.prepare();
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"1/m"}})")));
    bench.pass(minutes(31), std::chrono::milliseconds(1000));
    EXPECT_EQ(bench.verify("j").log.seals, 3U);
    EXPECT_TRUE(bench.verify("j").is_intact());
}

TEST(LogChain, GoesOnAtTheLastDurableEventWhereTheStoreRefused) {
    ChainBench bench;
    bench.prepare();
    ASSERT_TRUE(bench.create("j", rollout_body(R"({"pace":{"rate":"20/s"}})")));
    for (int i = 0; i < 10; ++i) {
        bench.store.fail_commits(2, 2);
        bench.pass(seconds(1));
    }
    bench.store.fail_commits(1, 0);
    bench.crash();
    bench.connect_all(40, [](int) { return RolloutBench::Manner{}; });
    bench.pass(seconds(10));
    ASSERT_EQ(bench.status("j"), JobStatus::completed);
    const auto found = bench.verify("j");
    EXPECT_TRUE(found.is_intact()) << (found.log.faults.empty() ? "" : found.log.faults[0].what);
}

TEST(LogChain, APlainJobAndAnOldLogAreReadAndSaidNotToBeChained) {
    ChainBench bench;
    bench.prepare();
    ASSERT_TRUE(bench.create("plain", method_body("*")));
    ASSERT_TRUE(bench.create("old", rollout_body(R"({"pace":{"rate":"20/s"}})")));
    bench.pass(std::chrono::milliseconds(500));
    EXPECT_FALSE(bench.verify("plain").log.is_chained);
    for (const auto& [key, value] : bench.events(1)) EXPECT_EQ(value[0] & 0x80, 0);
    // As a version without chains would have left it.
    for (const auto& [key, value] : bench.events(2)) {
        auto event = std::string(split_chained(as_bytes(value)).event);
        event[0] = static_cast<char>(event[0] & 0x7f);
        bench.put(key, event);
    }
    bench.crash();
    bench.connect_all(40, [](int) { return RolloutBench::Manner{}; });
    bench.pass(seconds(10));
    EXPECT_EQ(bench.status("old"), JobStatus::completed);
    const auto found = bench.verify("old");
    EXPECT_FALSE(found.log.is_chained);
    EXPECT_TRUE(found.log.faults.empty());
    for (const auto& [key, value] : bench.events(2)) EXPECT_EQ(value[0] & 0x80, 0);
}

TEST(LogChain, TellsBatchesThatWereRefusedFromThoseThatFollow) {
    LogChain chain;
    static_cast<void>(chain.link(1, "a", "x"));
    static_cast<void>(chain.link(2, "b", "y"));
    chain.settled(1, true);
    const auto first = chain.durable();
    EXPECT_EQ(first.sequence, 1U);
    static_cast<void>(chain.link(3, "c", "z"));
    chain.settled(2, false);
    EXPECT_EQ(chain.newest(), first) << "what was built on it is gone as well";
    const auto value = chain.link(4, "d", "w");
    chain.settled(3, false);
    EXPECT_EQ(chain.newest().sequence, 4U);
    chain.settled(4, true);
    EXPECT_EQ(chain.durable().hash, chain_hash(first.hash, "d", split_chained(as_bytes(value)).event));
}

}  // namespace
}  // namespace carillon
