#include "core/jobs/job_events.hpp"
#include "core/jobs/job_fold.hpp"
#include "core/jobs/job_record.hpp"
#include "core/jobs/job_state.hpp"
#include "core/shard/twin_log.hpp"
#include "model/key_list.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace carillon {
namespace {

constexpr WallTime noon = WallTime::from_unix_s(1'790'000'000);

// --- keys ----------------------------------------------------------------------------------------

std::vector<std::string> sorted_keys(std::size_t count) {
    std::mt19937 random(7);
    std::set<std::string> keys;
    while (keys.size() < count) {
        std::string key = fmt::format("device-{}", random() % 5000);
        if (random() % 4 == 0) key += '\0' + fmt::format("module{}", random() % 3);
        keys.insert(key);
    }
    return {keys.begin(), keys.end()};
}

TEST(KeyList, GivesBackEachKeyAndFindsIt) {
    for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 32U, 1000U}) {
        const auto keys = sorted_keys(count);
        KeyList list;
        for (const auto& key : keys) list.append(key);
        ASSERT_EQ(list.size(), count);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(list.get(i), keys[i]);
            EXPECT_EQ(list.lower_bound(keys[i]), i);
            EXPECT_EQ(list.lower_bound(keys[i] + '\0'), i + 1) << "just behind " << keys[i];
        }
        EXPECT_EQ(list.lower_bound(""), 0U);
        EXPECT_EQ(list.lower_bound("zzz"), count);
    }
}

TEST(KeyList, TakesEncodedStretchesAsTheyWereStored) {
    const auto keys = sorted_keys(100);
    KeyList whole;
    for (std::size_t first = 0; first < keys.size(); first += 32) {
        KeyList stretch;
        for (std::size_t i = first; i < std::min<std::size_t>(first + 32, keys.size()); ++i)
            stretch.append(keys[i]);
        ASSERT_TRUE(whole.append_encoded(stretch.bytes(), stretch.size()));
    }
    ASSERT_EQ(whole.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(whole.get(i), keys[i]);
    EXPECT_FALSE(whole.append_encoded("", 1)) << "100 keys end within a stretch";
}

TEST(KeyList, TakesAboutTenBytesADevice) {
    KeyList list;
    for (int i = 0; i < 100'000; ++i) list.append(fmt::format("thermostat-{:08}", i));
    EXPECT_LT(list.memory(), 100'000U * 12);
}

TEST(KeyList, OrdersLikeIdentityKeys) {
    std::vector<IdentityKey> keys;
    for (const auto* device : {"a", "a!", "aa", "A", "b"}) {
        keys.push_back(*IdentityKey::parse(device));
        keys.push_back(*IdentityKey::parse(device, "m"));
        keys.push_back(*IdentityKey::parse(device, "n"));
    }
    for (const auto& a : keys) {
        for (const auto& b : keys) EXPECT_EQ(a < b, KeyList::text_of(a) < KeyList::text_of(b));
    }
}

// --- events --------------------------------------------------------------------------------------

std::vector<JobEvent> one_of_each() {
    KeyList keys;
    for (const auto* key : {"a", "b", "ghost"}) keys.append(key);
    TargetsEvent targets{noon, {7, 5, no_ordinal}, std::string(keys.bytes())};
    Failure refused{FailReason::other, Errc::argument_invalid, "too large"};
    Failure missing;
    missing.reason = FailReason::device_not_found;
    TwinChunkEvent chunk{noon, 1, 3, {{1, refused}, {2, missing}}};
    DispatchedEvent dispatched{noon, {0, 2}};
    Outcome answered;
    answered.answer.status = -5;
    answered.answer.payload = R"({"x":1})";
    Outcome failed;
    failed.index = 1;
    failed.kind = OutcomeKind::failed;
    failed.failure = refused;
    Outcome unsent;
    unsent.index = 2;
    unsent.kind = OutcomeKind::not_sent;
    OutcomesEvent outcomes{noon, {answered, failed, unsent}};
    EndedEvent ended{noon, EndKind::cancel_rest};
    Failure changed{FailReason::conflict, Errc::server_error, "properties.desired.a"};
    const Reversal kept{"", R"({"desired":{"a":1}})"};
    const Reversal restored{R"({"desired":{"a":1}})", R"({"desired":{"a":null}})"};
    WrittenEvent written{noon, {{0, {}, 7, 1}, {1, changed, 0, 0}, {2, {}, 9, 1}}, {kept}};
    ReversalsEvent reversals{noon, {1, 0, 2}, {kept, restored}};
    MustSucceedEvent must{noon, {0, 2}};
    WrittenEvent awaited{noon, {{0, {}, 7, 0, true}, {2, {}, 9, 1, true}}, {kept}};
    Failure other{FailReason::diverged, Errc::server_error, "properties.reported.a is 3"};
    ConfirmedEvent confirmed{noon, {{0, {}}, {2, other}}};
    KeyList later;
    for (const auto* key : {"aa", "c"}) later.append(key);
    JoinedEvent joined{noon, {9, 8}, std::string(later.bytes())};
    return {targets,   chunk, dispatched, outcomes,  ended, written,
            reversals, must,  awaited,    confirmed, joined};
}

TEST(JobEvents, ComeBackAsTheyWereWritten) {
    for (const auto& event : one_of_each()) {
        const auto bytes = encode_job_event(event);
        const auto back = decode_job_event(as_bytes(bytes));
        ASSERT_TRUE(back) << event.index();
        EXPECT_EQ(back->index(), event.index());
        EXPECT_EQ(encode_job_event(*back), bytes);
        EXPECT_EQ(time_of(*back), noon);
    }
    const auto outcomes =
        std::get<OutcomesEvent>(*decode_job_event(as_bytes(encode_job_event(one_of_each()[3]))));
    EXPECT_EQ(outcomes.outcomes[0].answer.status, -5);
    EXPECT_EQ(outcomes.outcomes[1].failure.code, Errc::argument_invalid);
    EXPECT_EQ(outcomes.outcomes[1].failure.text, "too large");
}

TEST(JobEvents, SayHowAWriteIsTakenBackOnceForEqualOnes) {
    const auto events = one_of_each();
    const auto written = std::get<WrittenEvent>(*decode_job_event(as_bytes(encode_job_event(events[5]))));
    ASSERT_EQ(written.reversals.size(), 1U);
    EXPECT_EQ(written.devices[2].reversal, 1U);
    EXPECT_EQ(written.devices[1].failure.text, "properties.desired.a");
    const auto reversals = std::get<ReversalsEvent>(*decode_job_event(as_bytes(encode_job_event(events[6]))));
    EXPECT_EQ(reversals.devices, (std::vector<std::uint32_t>{1, 0, 2}));
    EXPECT_EQ(reversals.reversals, std::get<ReversalsEvent>(events[6]).reversals);
}

TEST(JobEvents, CutAtAnyByteAreRefusedOrFoldToNothingWrong) {
    for (const auto& event : one_of_each()) {
        const auto bytes = encode_job_event(event);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            const auto back = decode_job_event(as_bytes(std::string_view(bytes).substr(0, cut)));
            if (!back) continue;
            // Only the keys of Targets and Joined events have no length of their own; the fold counts them.
            JobFold fold;
            EXPECT_TRUE(std::holds_alternative<TargetsEvent>(event) ||
                        std::holds_alternative<JoinedEvent>(event));
            EXPECT_FALSE(fold.apply(1, *back));
        }
    }
}

TEST(JobEvents, DamagedAtAnyByteNeverBreakTheFold) {
    for (const auto& event : one_of_each()) {
        const auto bytes = encode_job_event(event);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                auto damaged = bytes;
                damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
                const auto back = decode_job_event(as_bytes(damaged));
                if (!back) continue;
                JobFold fold;
                ASSERT_TRUE(fold.apply(1, one_of_each()[0]));
                if (std::holds_alternative<TargetsEvent>(*back)) continue;
                static_cast<void>(fold.apply(2, *back));
                const auto& c = fold.state().counts();
                EXPECT_EQ(c.device, c.pending + c.running + c.succeeded + c.failed + c.canceled);
            }
        }
    }
}

TEST(JobFold, WalksItsDevicesByKeyWithThoseThatJoined) {
    JobFold fold;
    ASSERT_TRUE(fold.apply(1, one_of_each()[0]));
    ASSERT_TRUE(fold.apply(2, one_of_each().back()));
    EXPECT_EQ(fold.size(), 5U);
    EXPECT_EQ(fold.key(3), "aa");
    EXPECT_EQ(fold.find("c"), 4U);
    EXPECT_EQ(fold.find("b"), 1U);
    EXPECT_FALSE(fold.find("d"));
    const auto walked = [&fold](std::string_view from) {
        std::string keys;
        for (JobFold::Walk walk(fold, from); walk.has(); walk.next()) {
            EXPECT_EQ(fold.key(walk.index()), walk.key());
            keys += walk.key() + " ";
        }
        return keys;
    };
    EXPECT_EQ(walked(""), "a aa b c ghost ");
    EXPECT_EQ(walked("aa"), "aa b c ghost ");
    EXPECT_EQ(walked("ab"), "b c ghost ");
    EXPECT_EQ(walked("x"), "");
    // More join behind what is walked already, and before.
    JobFold::Walk walk(fold, "");
    walk.next();
    walk.next();
    ASSERT_EQ(walk.key(), "b");
    KeyList keys;
    for (const auto* key : {"aaa", "bb"}) keys.append(key);
    ASSERT_TRUE(fold.apply(3, JoinedEvent{noon, {11, 12}, std::string(keys.bytes())}));
    walk.next();
    EXPECT_EQ(walk.key(), "bb");
    EXPECT_EQ(walked(""), "a aa aaa b bb c ghost ");
}

// --- the state of a part -------------------------------------------------------------------------

struct PartStates : ::testing::Test {
    void SetUp() override { ASSERT_TRUE(state.apply(TargetsEvent{noon, {1, 2, 3, 4}, ""})); }
    void outcome(std::uint32_t index, OutcomeKind kind) {
        Outcome outcome;
        outcome.index = index;
        outcome.kind = kind;
        outcome.failure.reason = kind == OutcomeKind::failed ? FailReason::timeout : FailReason::none;
        ASSERT_TRUE(state.apply(OutcomesEvent{noon, {outcome}}));
    }
    PartState state;
};

TEST_F(PartStates, MoveOnlyForwardAndEndOnce) {
    ASSERT_TRUE(state.apply(DispatchedEvent{noon, {0, 1, 2}}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 1, 3, 0, 0, 0}));
    outcome(0, OutcomeKind::answered);
    outcome(1, OutcomeKind::not_sent);
    EXPECT_EQ(state.at(1), TargetState::attempted);
    EXPECT_EQ(state.counts(), (JobCounts{4, 2, 1, 1, 0, 0}));
    ASSERT_TRUE(state.apply(EndedEvent{noon, EndKind::deadline}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 0, 0, 1, 3, 0}));
    EXPECT_EQ(state.reason(1), FailReason::not_online);
    EXPECT_EQ(state.reason(2), FailReason::timeout);
    EXPECT_EQ(state.reason(3), FailReason::deadline);
    outcome(2, OutcomeKind::answered);
    EXPECT_EQ(state.at(2), TargetState::failed) << "a late answer changes nothing";
    EXPECT_TRUE(state.is_done());
}

TEST_F(PartStates, ADeviceThatIsToConfirmRunsUntilItHas) {
    Failure other{FailReason::diverged, Errc::server_error, "properties.reported.a is 3"};
    ASSERT_TRUE(state.apply(
        WrittenEvent{noon, {{0, {}, 2, 0, true}, {1, {}, 2, 0, true}, {2, {}, 2, 0, false}}, {}}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 1, 2, 1, 0, 0}));
    EXPECT_EQ(state.attempts(), 3U);
    ASSERT_TRUE(state.apply(ConfirmedEvent{noon, {{0, {}}, {1, other}}}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 1, 0, 2, 1, 0}));
    EXPECT_EQ(state.reason(1), FailReason::diverged);
}

TEST_F(PartStates, ARestartEndsOnlyWhatIsInFlight) {
    ASSERT_TRUE(state.apply(DispatchedEvent{noon, {2}}));
    ASSERT_TRUE(state.apply(EndedEvent{noon, EndKind::restart}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 3, 0, 0, 1, 0}));
    EXPECT_EQ(state.reason(2), FailReason::restart);
}

TEST_F(PartStates, ACancelEndsWhatIsPendingFirst) {
    ASSERT_TRUE(state.apply(DispatchedEvent{noon, {2}}));
    ASSERT_TRUE(state.apply(EndedEvent{noon, EndKind::cancel_pending}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 0, 1, 0, 0, 3}));
    ASSERT_TRUE(state.apply(EndedEvent{noon, EndKind::cancel_rest}));
    EXPECT_EQ(state.counts(), (JobCounts{4, 0, 0, 0, 0, 4}));
}

TEST_F(PartStates, RefuseDevicesTheyDoNotHave) {
    EXPECT_FALSE(state.apply(DispatchedEvent{noon, {4}}));
    EXPECT_FALSE(state.apply(TwinChunkEvent{noon, 0, 5, {}}));
}

TEST_F(PartStates, AReasonOfAnyStoredNumberIsKeptBesideTheMark) {
    for (const unsigned number : {7U, 63U, 127U, 255U}) {
        PartState part;
        ASSERT_TRUE(part.apply(TargetsEvent{noon, {1, 2}, {}}));
        part.claim(1);
        Outcome outcome;
        outcome.kind = OutcomeKind::failed;
        outcome.failure.reason = static_cast<FailReason>(number);
        ASSERT_TRUE(part.apply(OutcomesEvent{noon, {outcome}}));
        EXPECT_EQ(part.at(0), TargetState::failed);
        EXPECT_EQ(static_cast<unsigned>(part.reason(0)), number);
        EXPECT_EQ(part.at(1), TargetState::pending);
        EXPECT_TRUE(part.is_claimed(1));
    }
}

TEST_F(PartStates, AClaimLastsUntilTheDeviceMoves) {
    state.claim(0);
    EXPECT_TRUE(state.is_claimed(0));
    EXPECT_EQ(state.at(0), TargetState::pending);
    ASSERT_TRUE(state.apply(DispatchedEvent{noon, {0}}));
    EXPECT_FALSE(state.is_claimed(0));
}

// --- records -------------------------------------------------------------------------------------

TEST(JobRecords, ComeBackAsTheyWereWrittenAndCutOnesAreRefused) {
    JobRecord record;
    record.status = JobStatus::cancelled;
    record.is_cancelling = true;
    record.started = noon;
    record.ended = noon.plus_s(5);
    record.failure_reason = "because";
    record.counts = JobCounts{15, 1, 2, 3, 4, 5};
    record.tally.emplace().add_failure(FailReason::timeout);
    record.tally->add_answer(200);
    const auto bytes = encode_job_record(record);
    const auto back = decode_job_record(as_bytes(bytes));
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_job_record(*back), bytes);
    EXPECT_EQ(back->counts, record.counts);
    EXPECT_EQ(back->tally, record.tally);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(decode_job_record(as_bytes(std::string_view(bytes).substr(0, cut))));
    }
}

TEST(JobRecords, OfTheTimeBeforeReasonsWereCountedAreRead) {
    // Version 1, completed, with counters; started and ended at 0.
    const std::string bytes =
        std::string("\x01\x03\x02", 3) + std::string(16, '\0') + std::string("\0\0\0\x07\x02\0", 6);
    const auto record = decode_job_record(as_bytes(bytes));
    ASSERT_TRUE(record);
    EXPECT_EQ(record->counts, (JobCounts{9, 0, 0, 7, 2, 0}));
    EXPECT_FALSE(record->tally);
}

// --- the twin log --------------------------------------------------------------------------------

TwinPatch patch_of(std::string_view body) {
    const auto json = JsonDocument::parse(body);
    return *TwinPatch::parse(json->root(), *IdentityKey::parse("d"));
}

TEST(TwinLog, AnEntryReplaysToTheSameTwinByteForByte) {
    const char* patches[] = {
        R"({"properties":{"desired":{"a":{"b":1.0,"c":null},"s":"\u00e9","n":1}}})",
        R"({"tags":{"x":{"y":[1,2,{"z":"q"}]}},"properties":{"desired":{"a":{"c":2}}}})",
        R"({"tags":null,"properties":{"desired":{"a":null}}})",
        R"({"properties":{"desired":null}})",
        R"({"tags":{"t":{}},"properties":{"desired":{"$version":9,"$metadata":{},"e":{}}}})",
    };
    Twin live = Twin::fresh(noon);
    Twin replayed = Twin::fresh(noon);
    std::int64_t seconds = 0;
    for (const auto* text : patches) {
        const auto patch = patch_of(text);
        const auto time = noon.plus_s(++seconds);
        const auto bytes = encode_twin_log_entry(time, patch, {9, 3, 70'000});
        const auto entry = decode_twin_log_entry(as_bytes(bytes));
        ASSERT_TRUE(entry) << text;
        EXPECT_EQ(entry->ordinals, (std::vector<Ordinal>{3, 9, 70'000}));
        EXPECT_EQ(count_twin_log_entry(as_bytes(bytes)), 3U);
        live = patch_twin(live, patch, time)->twin;
        replayed = patch_twin(replayed, entry->patch, entry->time)->twin;
        for (const auto section : {&Twin::tags, &Twin::desired, &Twin::reported}) {
            EXPECT_EQ(as_text((live.*section).encoded()), as_text((replayed.*section).encoded())) << text;
        }
        EXPECT_EQ(live.version, replayed.version);
        EXPECT_EQ(live.etag, replayed.etag);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            EXPECT_FALSE(decode_twin_log_entry(as_bytes(std::string_view(bytes).substr(0, cut))));
        }
    }
}

}  // namespace
}  // namespace carillon
