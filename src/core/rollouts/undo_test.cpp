// Taking back what a twin job wrote. Cases G10 of the specification of rollouts.

#include "core/testing/rollout_bench.hpp"

#include <set>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string id_of(int i) {
    return fmt::format("d{:05}", i);
}

struct UndoBench : RolloutBench {
    using RolloutBench::RolloutBench;

    void write(const std::string& id, std::string_view body) {
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(patch) << body;
        auto writing = owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(hub->run(std::move(writing)));
    }
    void desire(const std::string& id, std::string_view desired) {
        write(id, fmt::format(R"({{"properties":{{"desired":{}}}}})", desired));
    }
    std::string desired(const std::string& id) {
        std::string text;
        twin(id).desired.append_json(text, SectionForm::plain);
        return text;
    }
    /// Every device's desired properties.
    std::vector<std::string> all(int count) {
        std::vector<std::string> texts;
        for (int i = 0; i < count; ++i) texts.push_back(desired(id_of(i)));
        return texts;
    }
    std::string refusal(std::string_view id, std::string_view body) {
        const auto created = create(id, body);
        return created ? "" : created.error().detail;
    }
};

std::string night_job(std::string_view rollout = "{}") {
    return fmt::format(
        R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","tags":{{"set":"n"}},)"
        R"("properties":{{"desired":{{"mode":"night"}}}}}},"queryCondition":"*","rollout":{}}})",
        rollout);
}

std::string undo_body(std::string_view rollout) {
    return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*"}},"rollout":{}}})",
                       rollout);
}

/// 100 devices of which the last 20 have no room for what `grow` writes.
void add_full_devices(UndoBench& bench) {
    bench.add(100);
    const std::string filler(4096, 'x');
    for (int i = 80; i < 100; ++i) {
        for (int k = 0; k < 7; ++k) bench.desire(id_of(i), fmt::format(R"({{"k{}":"{}"}})", k, filler));
        bench.desire(id_of(i), fmt::format(R"({{"k7":"{}"}})", filler.substr(0, 4000)));
    }
}
std::string grow(std::string_view rollout) {
    return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":)"
                       R"({{"config":{{"text":"{}"}}}}}}}},"queryCondition":"*","rollout":{}}})",
                       std::string(600, 'y'), rollout);
}

TEST(Undo, G10_1BringsBackWhatNobodyElseHasChanged) {
    UndoBench bench;
    bench.add(1000);
    for (int i = 0; i < 950; ++i) bench.desire(id_of(i), R"({"mode":"day","level":1})");
    const auto before = bench.all(1000);
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    ASSERT_EQ(bench.counts("night").succeeded, 1000U);
    EXPECT_EQ(bench.desired(id_of(0)), R"({"mode":"night","level":1})");
    for (int i = 0; i < 6; ++i) bench.desire(id_of(i), R"({"mode":"dusk"})");
    for (int i = 950; i < 954; ++i) bench.desire(id_of(i), R"({"mode":null})");
    // Beside what the job wrote, anything may have changed.
    bench.desire(id_of(10), R"({"level":7})");

    ASSERT_TRUE(bench.create("back", undo_body(R"({"undoOf":"night"})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.status("back"), JobStatus::completed);
    EXPECT_EQ(bench.counts("back").succeeded, 990U);
    EXPECT_EQ(bench.counts("back").failed, 10U);
    EXPECT_EQ(bench.progress("back").tally.failures().front().failure.reason, FailReason::conflict);
    EXPECT_EQ(bench.desired(id_of(0)), R"({"mode":"dusk","level":1})");
    EXPECT_EQ(bench.desired(id_of(10)), R"({"mode":"day","level":7})");
    EXPECT_EQ(bench.desired(id_of(950)), "{}");
    std::string tags;
    bench.twin(id_of(20)).tags.append_json(tags, SectionForm::plain);
    EXPECT_EQ(tags, "{}");
    const auto after = bench.all(1000);
    int restored = 0;
    int absent = 0;
    for (std::size_t i = 0; i < 1000; ++i) {
        restored += after[i] == before[i] ? 1 : 0;
        absent += after[i] == "{}" ? 1 : 0;
    }
    EXPECT_EQ(restored, 989 + 4) << "990 less the one with another level, and four that others emptied";
    EXPECT_EQ(absent, 46 + 4);
    for (const auto& row : bench.rows("back", 100)) {
        if (row.status != DeviceJobStatus::failed) continue;
        EXPECT_EQ(row.error_code, "PreconditionFailed");
        EXPECT_TRUE(
            row.error_description.starts_with("properties.desired.mode is no longer as the job wrote it"))
            << row.error_description;
    }
}

TEST(Undo, G10_1EqualValuesAreStoredOnceAChunk) {
    JobEngineLimits limits;
    limits.twin_chunk_devices = 64;
    UndoBench bench(limits, 1);
    bench.add(256);
    for (int i = 0; i < 200; ++i) bench.desire(id_of(i), R"({"mode":"day"})");
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    std::size_t devices = 0;
    std::size_t reversals = 0;
    std::size_t chunks = 0;
    const auto visit = [&](std::string_view, std::string_view value) {
        const auto event = decode_job_event(as_bytes(value));
        if (const auto* written = event ? std::get_if<WrittenEvent>(&*event) : nullptr) {
            ++chunks;
            devices += written->devices.size();
            reversals += written->reversals.size();
            EXPECT_LT(value.size(), written->devices.size() * 5 + 100);
        }
        return true;
    };
    ASSERT_TRUE(bench.store.scan(Table::job_events, job_event_key(1, 0), job_event_key(1, 1), visit));
    EXPECT_EQ(devices, 256U);
    EXPECT_LE(reversals, chunks + 1);
}

TEST(Undo, G10_2AnUndoCanBeUndone) {
    UndoBench bench;
    bench.add(40);
    for (int i = 0; i < 20; ++i) bench.desire(id_of(i), fmt::format(R"({{"mode":"day{}"}})", i));
    const auto before = bench.all(40);
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    const auto written = bench.all(40);
    ASSERT_TRUE(bench.create("back", undo_body(R"({"undoOf":"night"})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.all(40), before);
    ASSERT_TRUE(bench.create("again", undo_body(R"({"undoOf":"back"})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("again").succeeded, 40U);
    EXPECT_EQ(bench.all(40), written);
    // Nothing is the first job's any more where the values differ; here they are what it wrote.
    ASSERT_TRUE(bench.create("back2", undo_body(R"({"undoOf":"night"})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.all(40), before);
}

TEST(Undo, TakesTheDevicesOfAnotherJobOrOfACondition) {
    UndoBench bench;
    bench.add(10);
    for (int i = 0; i < 4; ++i) bench.write(id_of(i), R"({"tags":{"site":"a"}})");
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    ASSERT_TRUE(bench.create("back",
                             R"({"type":"scheduleUpdateTwin","updateTwin":{"deviceId":null,"etag":"*"},)"
                             R"("queryCondition":"tags.site = 'a'","rollout":{"undoOf":"night"}})"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("back").succeeded, 4U);
    EXPECT_EQ(bench.desired(id_of(0)), "{}");
    EXPECT_EQ(bench.desired(id_of(4)), R"({"mode":"night"})");
    // The others are those that a verifying job called without success.
    for (int i = 0; i < 10; ++i) bench.answer_as(id_of(i), {milliseconds(0), i < 7 ? 200 : 500});
    ASSERT_TRUE(bench.create("verify", rollout_body("{}")));
    bench.pass(seconds(1));
    ASSERT_TRUE(
        bench.create("rest", undo_body(R"({"undoOf":"night","from":{"job":"verify","in":["failed"]}})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("rest").succeeded, 3U);
    EXPECT_EQ(bench.desired(id_of(6)), R"({"mode":"night"})");
    EXPECT_EQ(bench.desired(id_of(7)), "{}");
}

/// Devices with a value each of its own.
void add_distinct_devices(UndoBench& bench, int count) {
    bench.add(count);
    for (int i = 0; i < count; ++i) {
        bench.desire(id_of(i), fmt::format(R"({{"mode":"{}{}"}})", std::string(1U + i % 40U, 'm'), i));
    }
}
/// An undo holds less than one of their values.
JobEngineLimits held_little() {
    JobEngineLimits limits;
    limits.twin_chunk_devices = 7;
    limits.undo_bytes_max = 100;
    return limits;
}

TEST(Undo, TakesBackAnyNumberOfDistinctValuesHoweverLittleItHolds) {
    for (const std::size_t held : {0U, 100U, 3000U, 20'000U}) {
        for (const auto* written : {R"({})", R"({"order":"random","seed":7})"}) {
            for (const auto* way : {"", R"(,"order":"random","seed":5)",
                                    R"(,"waves":[{"size":40},{"size":"rest"}],"pace":{"rate":"100/s"})"}) {
                SCOPED_TRACE(fmt::format("{} {} {}", held, written, way));
                auto limits = held_little();
                limits.undo_bytes_max = held;
                UndoBench bench(limits);
                add_distinct_devices(bench, 400);
                const auto before = bench.all(400);
                ASSERT_TRUE(bench.create("night", night_job(written)));
                bench.pass(seconds(2));
                ASSERT_EQ(bench.counts("night").succeeded, 400U);
                for (int i = 0; i < 30; i += 3) bench.desire(id_of(i), R"({"mode":"dusk"})");
                ASSERT_TRUE(bench.create("back", undo_body(fmt::format(R"({{"undoOf":"night"{}}})", way))));
                bench.pass(seconds(10), milliseconds(50));
                EXPECT_EQ(bench.status("back"), JobStatus::completed);
                EXPECT_EQ(bench.counts("back").succeeded, 390U);
                EXPECT_EQ(bench.counts("back").failed, 10U);
                EXPECT_EQ(bench.progress("back").tally.failures().front().failure.reason,
                          FailReason::conflict);
                const auto after = bench.all(400);
                for (int i = 0; i < 400; ++i) {
                    const bool is_changed = i < 30 && i % 3 == 0;
                    EXPECT_EQ(after[static_cast<std::size_t>(i)],
                              is_changed ? R"({"mode":"dusk"})" : before[static_cast<std::size_t>(i)]);
                }
                // And forth again, of what the undo has kept itself.
                ASSERT_TRUE(bench.create("again", undo_body(R"({"undoOf":"back"})")));
                bench.pass(seconds(3), milliseconds(50));
                EXPECT_EQ(bench.counts("again").succeeded, 390U);
                EXPECT_EQ(bench.desired(id_of(1)), R"({"mode":"night"})");
                if (HasFailure()) return;
            }
        }
    }
}

TEST(Undo, OfSomeOfThoseDevicesHoldsLittleToo) {
    UndoBench bench(held_little());
    add_distinct_devices(bench, 60);
    for (int i = 0; i < 60; i += 2) bench.write(id_of(i), R"({"tags":{"site":"a"}})");
    const auto before = bench.all(60);
    ASSERT_TRUE(bench.create("night", night_job(R"({"order":"random"})")));
    bench.pass(seconds(1));
    for (int i = 0; i < 60; ++i) bench.answer_as(id_of(i), {milliseconds(0), i % 3 == 0 ? 500 : 200});
    ASSERT_TRUE(bench.create("verify", rollout_body("{}")));
    bench.pass(seconds(1));
    ASSERT_TRUE(bench.create(
        "back", R"({"type":"scheduleUpdateTwin","updateTwin":{"deviceId":null,"etag":"*"},)"
                R"("queryCondition":"tags.site = 'a'",)"
                R"("rollout":{"undoOf":"night","from":{"job":"verify","in":["failed"]}}})"));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("back").succeeded, 10U);
    for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(bench.desired(id_of(i)),
                  i % 6 == 0 ? before[static_cast<std::size_t>(i)] : R"({"mode":"night"})");
    }
}

TEST(Undo, ThatReadsAsItGoesSurvivesRestartsAndRefusedCommits) {
    for (std::size_t k = 1; k <= 40; k += 3) {
        SCOPED_TRACE(k);
        UndoBench bench(held_little());
        add_distinct_devices(bench, 40);
        const auto before = bench.all(40);
        ASSERT_TRUE(bench.create("night", night_job(R"({"order":"random"})")));
        bench.pass(seconds(1));
        bench.store.fail_commits(k, 2);
        const auto body = undo_body(R"({"undoOf":"night","order":"random","pace":{"rate":"10/s"}})");
        auto definition = parse_job("back", body, bench.clock.wall_now());
        const auto created = bench.hub->begin((*bench.hub)->jobs().create(*definition));
        bench.hub->settle();
        bench.pass(milliseconds(1000 + 50 * static_cast<int>(k)));
        bench.crash();
        bench.pass(milliseconds(1500));
        bench.store.fail_commits(1, 0);
        if (!bench.find("back")) {
            ASSERT_TRUE(bench.create("back", body));
        }
        bench.pass(seconds(8));
        EXPECT_EQ(bench.counts("back").succeeded, 40U);
        EXPECT_EQ(bench.all(40), before);
        for (int i = 0; i < 40; ++i) EXPECT_LE(bench.twin(id_of(i)).desired.version(), 4) << "restored twice";
        if (HasFailure()) return;
    }
}

TEST(Undo, IsRefusedWhereNothingWasKept) {
    UndoBench bench;
    bench.add(2);
    ASSERT_TRUE(bench.create("plain", twin_body("*")));
    ASSERT_TRUE(bench.create("kept-none", night_job(R"({"undo":false})")));
    ASSERT_TRUE(bench.create("method", rollout_body("{}")));
    bench.pass(seconds(1));
    const auto why = [&](const char* of) {
        return bench.refusal("back", undo_body(fmt::format(R"({{"undoOf":"{}"}})", of)));
    };
    EXPECT_EQ(why("nobody"), "rollout.undoOf: there is no job with id 'nobody'");
    for (const char* of : {"plain", "kept-none", "method"}) {
        EXPECT_TRUE(why(of).starts_with(fmt::format("rollout.undoOf: job '{}' did not keep", of))) << why(of);
    }
    ASSERT_TRUE(bench.create("slow", night_job(R"({"pace":{"rate":"1/m"}})")));
    EXPECT_EQ(why("slow"), "rollout.undoOf: job 'slow' has not ended");
    EXPECT_FALSE(bench.find("back"));
}

TEST(Undo, OfADeviceThatIsGoneFailsForItAlone) {
    UndoBench bench;
    bench.add(3);
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(bench.hub->run(bench.owner(id_of(1)).remove_identity(*IdentityKey::parse(id_of(1)), any)));
    ASSERT_TRUE(bench.create("back", undo_body(R"({"undoOf":"night"})")));
    bench.pass(seconds(1));
    EXPECT_EQ(bench.counts("back").succeeded, 2U);
    EXPECT_EQ(bench.progress("back").tally.failures().front().failure.reason, FailReason::device_not_found);
}

TEST(Undo, AStopRuleThatAsksForItIsFollowedByAnUndo) {
    UndoBench bench;
    add_full_devices(bench);
    const auto before = bench.all(100);
    ASSERT_TRUE(bench.create("grow", grow(R"({"order":"random","seed":3,"pace":{"rate":"20/s"},)"
                                          R"("stop":[{"failed":5,"do":"undo"}]})")));
    bench.pass(seconds(10));
    EXPECT_EQ(bench.status("grow"), JobStatus::cancelled);
    EXPECT_GE(bench.counts("grow").failed, 5U);
    EXPECT_GT(bench.counts("grow").succeeded, 5U);
    EXPECT_GT(bench.counts("grow").canceled, 20U);
    ASSERT_TRUE(bench.find("grow-undo"));
    EXPECT_EQ(bench.status("grow-undo"), JobStatus::completed);
    EXPECT_EQ(bench.counts("grow-undo").succeeded, bench.counts("grow").succeeded);
    EXPECT_EQ(bench.find("grow-undo")->definition->rollout->pace.rate->text(), "20/s");
    EXPECT_EQ(bench.find("grow-undo")->definition->creator.policy, "$hub");
    EXPECT_EQ(bench.all(100), before);
}

TEST(Undo, AWaveThatFailsMayAskForItEvenTheLast) {
    for (const bool is_last : {false, true}) {
        UndoBench bench;
        add_full_devices(bench);
        const auto before = bench.all(100);
        ASSERT_TRUE(bench.create(
            "grow", grow(is_last ? R"({"waves":[{"size":"rest","else":"undo"}]})"
                                 : R"({"seed":3,"waves":[{"size":50,"else":"undo"},{"size":"rest"}]})")));
        bench.pass(seconds(10));
        EXPECT_EQ(bench.status("grow"), is_last ? JobStatus::completed : JobStatus::cancelled);
        ASSERT_TRUE(bench.find("grow-undo")) << is_last;
        EXPECT_EQ(bench.status("grow-undo"), JobStatus::completed);
        EXPECT_EQ(bench.all(100), before);
    }
}

TEST(Undo, GoesOnWhereItWasAfterARestart) {
    UndoBench bench;
    bench.add(30);
    for (int i = 0; i < 20; ++i) bench.desire(id_of(i), fmt::format(R"({{"mode":"day{}"}})", i));
    const auto before = bench.all(30);
    ASSERT_TRUE(bench.create("night", night_job()));
    bench.pass(seconds(1));
    ASSERT_TRUE(
        bench.create("back", undo_body(R"({"undoOf":"night","order":"random","pace":{"rate":"10/s"}})")));
    bench.pass(milliseconds(1500));
    EXPECT_LT(bench.counts("back").succeeded, 30U);
    bench.crash();
    bench.pass(seconds(5));
    EXPECT_EQ(bench.counts("back").succeeded, 30U);
    EXPECT_EQ(bench.all(30), before);
    for (int i = 0; i < 30; ++i) EXPECT_LE(bench.twin(id_of(i)).desired.version(), 4) << "restored twice";
}

TEST(Undo, WhereverTheHubDiesTheUndoIsThereOnceAndRestoresAll) {
    JobEngineLimits limits;
    limits.twin_chunk_devices = 4;
    limits.undo_bytes_max = 60;
    const auto scenario = [](UndoBench& bench) {
        const auto definition = parse_job(
            "grow",
            grow(R"({"seed":3,"order":"random","waves":[{"size":50,"else":"undo"},{"size":"rest"}]})"),
            bench.clock.wall_now());
        const auto created = bench.hub->begin((*bench.hub)->jobs().create(*definition));
        bench.hub->settle();
        bench.pass(seconds(3), milliseconds(100));
    };
    std::size_t commits = 0;
    {
        UndoBench bench(limits);
        add_full_devices(bench);
        const auto begin = bench.store.commits();
        scenario(bench);
        commits = bench.store.commits() - begin;
        ASSERT_TRUE(bench.find("grow-undo"));
    }
    ASSERT_GT(commits, 10U);
    for (std::size_t k = 2; k <= commits; ++k) {
        SCOPED_TRACE(fmt::format("dies before commit {} of {}", k, commits));
        UndoBench bench(limits);
        add_full_devices(bench);
        const auto before = bench.all(100);
        bench.store.fail_commits(k, 1'000'000);  // Of what is refused nothing is there after the restart.
        scenario(bench);
        bench.store.fail_commits(1, 0);
        bench.crash();
        bench.pass(seconds(10), milliseconds(100));
        ASSERT_TRUE(bench.find("grow"));
        EXPECT_EQ(bench.status("grow"), JobStatus::cancelled);
        ASSERT_TRUE(bench.find("grow-undo"));
        EXPECT_FALSE(bench.find("grow-undo2")) << "undone twice";
        EXPECT_EQ(bench.status("grow-undo"), JobStatus::completed);
        EXPECT_EQ(bench.counts("grow-undo").succeeded, bench.counts("grow").succeeded);
        EXPECT_EQ(bench.all(100), before);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace carillon
