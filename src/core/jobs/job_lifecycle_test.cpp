#include "core/jobs/job_lifecycle.hpp"

#include "core/jobs/job_schedule.hpp"

#include <gtest/gtest.h>
#include <functional>
#include <string>
#include <vector>

namespace carillon {
namespace {

constexpr WallTime now{1000};

const char* name_of(JobAction::Kind kind) {
    switch (kind) {
        case JobAction::schedule:
            return "schedule";
        case JobAction::queue:
            return "queue";
        case JobAction::leave:
            return "leave";
        case JobAction::prepare:
            return "prepare";
        case JobAction::discard:
            return "discard";
        case JobAction::ask:
            return "ask";
        case JobAction::begin:
            return "begin";
        case JobAction::cancel:
            return "cancel";
        case JobAction::write:
            return "write";
        case JobAction::retry:
            return "retry";
        case JobAction::take_place:
            return "take";
        case JobAction::free_place:
            return "free";
        case JobAction::finish:
            return "finish";
    }
    return "?";
}

/// Actions as words; a write says what it stores.
std::string told(const JobActions& actions) {
    std::string out;
    for (const auto& action : actions) {
        if (!out.empty()) out += ' ';
        out += name_of(action.kind);
        if (action.kind != JobAction::write) continue;
        out += ':';
        out += action.record.is_cancelling ? "cancelling" : job_status_text(action.record.status);
    }
    return out;
}

Error refusal(const char* text) {
    return {Errc::store_failed, text};
}

/// A job of two parts that has come to a phase by the shortest way.
JobLifecycle at(JobPhase phase) {
    if (phase == JobPhase::running || phase == JobPhase::cancelling) {
        JobRecord record;
        record.started = WallTime{900};
        record.is_cancelling = phase == JobPhase::cancelling;
        return JobLifecycle::resumed(2, record);
    }
    JobLifecycle life(2);
    if (phase == JobPhase::queued) return life;
    if (phase == JobPhase::scheduled) {
        (void)life.place(false);
        return life;
    }
    (void)life.turn(now, {});
    if (phase == JobPhase::evaluating) return life;
    (void)life.part_prepared(1, 0, 3, now);
    (void)life.part_prepared(1, 1, 4, now);
    if (phase == JobPhase::starting) return life;
    (void)life.written(JobWrite::start, true, true);
    (void)life.part_finished(0, now);
    (void)life.part_finished(1, now);
    if (phase == JobPhase::ended) (void)life.written(JobWrite::end, true, true);
    return life;
}

constexpr JobPhase phases[] = {JobPhase::scheduled, JobPhase::queued,  JobPhase::evaluating,
                               JobPhase::starting,  JobPhase::running, JobPhase::cancelling,
                               JobPhase::ending,    JobPhase::ended};

TEST(JobLifecycle, APlannedJobGoesThroughAllItsPhases) {
    JobLifecycle life(2);
    EXPECT_EQ(told(life.place(false)), "schedule");
    EXPECT_EQ(told(life.place(true)), "queue");
    EXPECT_EQ(told(life.turn(now, {})), "take prepare");
    EXPECT_EQ(told(life.part_prepared(1, 0, 3, now)), "");
    EXPECT_EQ(told(life.part_prepared(1, 1, 4, now)), "write:running");
    EXPECT_EQ(life.targets(), 7U);
    EXPECT_EQ(told(life.written(JobWrite::start, true, true)), "begin");
    EXPECT_EQ(told(life.part_finished(0, now)), "");
    EXPECT_EQ(told(life.part_finished(1, now)), "write:completed");
    EXPECT_EQ(told(life.written(JobWrite::end, true, true)), "free finish");
    EXPECT_EQ(life.phase(), JobPhase::ended);
    EXPECT_FALSE(life.is_at_work());
}

TEST(JobLifecycle, WhatAPartTellsTwiceCountsOnce) {
    JobLifecycle life(2);
    (void)life.turn(now, {});
    EXPECT_EQ(told(life.part_prepared(1, 1, 4, now)), "");
    EXPECT_EQ(told(life.part_prepared(1, 1, 4, now)), "");
    EXPECT_TRUE(life.is_waiting_for(0));
    EXPECT_EQ(told(life.part_prepared(1, 0, 3, now)), "write:running");
    EXPECT_EQ(told(life.part_prepared(1, 0, 3, now)), "");
    EXPECT_EQ(life.targets(), 7U);
    (void)life.written(JobWrite::start, true, true);
    EXPECT_EQ(told(life.part_prepared(1, 0, 3, now)), "") << "late";
    EXPECT_EQ(told(life.part_finished(0, now)), "");
    EXPECT_EQ(told(life.part_finished(0, now)), "");
    EXPECT_EQ(told(life.part_finished(1, now)), "write:completed");
    EXPECT_EQ(told(life.part_finished(1, now)), "");
}

/// Each event in each phase: what it asks for, empty where it changes nothing.
TEST(JobLifecycle, AnswersEachEventInEachPhase) {
    struct Row {
        const char* event;
        std::function<JobActions(JobLifecycle&)> happen;
        std::vector<const char*> actions;  ///< By `phases`.
    };
    const std::vector<Row> rows{
        {"place, early",
         [](JobLifecycle& l) { return l.place(false); },
         {"schedule", "schedule", "", "", "", "", "", ""}},
        {"place, due",
         [](JobLifecycle& l) { return l.place(true); },
         {"queue", "queue", "", "", "", "", "", ""}},
        {"turn",
         [](JobLifecycle& l) { return l.turn(now, {}); },
         {"", "take prepare", "", "", "", "", "", ""}},
        {"turn, condition refused",
         [](JobLifecycle& l) { return l.turn(now, fail(refusal("bad"))); },
         {"", "write:failed", "", "", "", "", "", ""}},
        {"prepared, earlier attempt",
         [](JobLifecycle& l) { return l.part_prepared(0, 0, 1, now); },
         {"", "", "", "", "", "", "", ""}},
        {"both prepared, no device",
         [](JobLifecycle& l) {
             (void)l.part_prepared(1, 1, 0, now);
             return l.part_prepared(1, 0, 0, now);
         },
         {"", "", "discard write:completed", "", "", "", "", ""}},
        {"both prepared, one refused",
         [](JobLifecycle& l) {
             (void)l.part_prepared(1, 1, fail(refusal("full")), now);
             return l.part_prepared(1, 0, 5, now);
         },
         {"", "", "discard free retry", "", "", "", "", ""}},
        {"targets refused",
         [](JobLifecycle& l) { return l.refuse(1, now, "drift"); },
         {"", "", "discard write:failed", "", "", "", "", ""}},
        {"start stored",
         [](JobLifecycle& l) { return l.written(JobWrite::start, true, true); },
         {"", "", "", "begin", "", "", "", ""}},
        {"start refused",
         [](JobLifecycle& l) { return l.written(JobWrite::start, false, true); },
         {"", "", "", "discard free retry", "", "", "", ""}},
        {"both finished",
         [](JobLifecycle& l) {
             (void)l.part_finished(0, now);
             return l.part_finished(1, now);
         },
         {"", "", "", "", "write:completed", "write:cancelled", "", ""}},
        {"cancel",
         [](JobLifecycle& l) { return l.cancel(now); },
         {"leave write:cancelled", "leave write:cancelled", "leave discard free write:cancelled", "",
          "write:cancelling", "", "", ""}},
        {"cancel stored",
         [](JobLifecycle& l) { return l.written(JobWrite::cancel, true, true); },
         {"", "", "", "", "cancel", "", "", ""}},
        {"cancel refused",
         [](JobLifecycle& l) { return l.written(JobWrite::cancel, false, true); },
         {"", "", "", "", "", "", "", ""}},
        {"end stored",
         [](JobLifecycle& l) { return l.written(JobWrite::end, true, true); },
         {"", "", "", "", "", "", "free finish", ""}},
        {"end refused",
         [](JobLifecycle& l) { return l.written(JobWrite::end, false, true); },
         {"", "", "", "", "", "", "retry", ""}},
        {"end refused, and retried twice",
         [](JobLifecycle& l) {
             (void)l.written(JobWrite::end, false, true);
             auto again = l.retry(now, true);
             EXPECT_EQ(told(l.retry(now, true)), "");
             return again;
         },
         {"", "", "", "", "", "", "write:completed", ""}},
        {"retry that nobody asked for",
         [](JobLifecycle& l) { return l.retry(now, true); },
         {"", "", "", "", "", "", "", ""}},
    };
    for (const auto& row : rows) {
        ASSERT_EQ(row.actions.size(), std::size(phases));
        for (std::size_t i = 0; i < std::size(phases); ++i) {
            auto life = at(phases[i]);
            ASSERT_EQ(life.phase(), phases[i]);
            EXPECT_EQ(told(row.happen(life)), row.actions[i]) << row.event << " in phase " << i;
            if (*row.actions[i] == '\0') {
                EXPECT_EQ(life.phase(), phases[i]) << row.event << " in phase " << i;
            }
        }
    }
}

TEST(JobLifecycle, AJobThatNeedsAnApprovalHoldsNoPlaceUntilItHasOne) {
    for (const bool is_approved : {true, false}) {
        auto life = at(JobPhase::evaluating);
        (void)life.part_prepared(1, 0, 3, now);
        life.demand_approval();
        EXPECT_EQ(told(life.part_prepared(1, 1, 4, now)), "free ask");
        EXPECT_FALSE(life.is_at_work());
        EXPECT_EQ(told(life.retry(now, true)), "");
        if (is_approved) {
            EXPECT_EQ(told(life.approve()), "take write:running");
            EXPECT_EQ(told(life.approve()), "");
            EXPECT_EQ(told(life.written(JobWrite::start, true, true)), "begin");
        } else {
            EXPECT_EQ(told(life.cancel(now)), "leave discard write:cancelled");
            EXPECT_EQ(told(life.written(JobWrite::end, true, true)), "finish");
        }
    }
}

TEST(JobLifecycle, ACancelThatCannotBeStoredPutsTheJobBackInLine) {
    for (const bool is_due : {false, true}) {
        auto life = at(JobPhase::evaluating);
        EXPECT_EQ(told(life.cancel(now)), "leave discard free write:cancelled");
        EXPECT_EQ(told(life.written(JobWrite::end, false, is_due)), is_due ? "queue" : "schedule");
        EXPECT_FALSE(life.is_at_work());
        EXPECT_EQ(life.started().ticks, 0);
    }
}

TEST(JobLifecycle, AJobThatFinishesWhileItsCancelIsStoredIsCompleted) {
    auto life = at(JobPhase::running);
    EXPECT_EQ(told(life.cancel(now)), "write:cancelling");
    (void)life.part_finished(0, now);
    EXPECT_EQ(told(life.part_finished(1, now)), "write:completed");
    EXPECT_EQ(told(life.written(JobWrite::cancel, true, true)), "");
    EXPECT_EQ(told(life.written(JobWrite::end, true, true)), "free finish");
}

TEST(JobLifecycle, AStartThatFailedIsTriedAgainWithTargetsOfItsOwn) {
    auto life = at(JobPhase::starting);
    EXPECT_EQ(told(life.written(JobWrite::start, false, true)), "discard free retry");
    EXPECT_EQ(told(life.retry(now, true)), "queue");
    EXPECT_EQ(told(life.turn(WallTime{2000}, {})), "take prepare");
    EXPECT_EQ(life.attempt(), 2U);
    EXPECT_EQ(life.started().ticks, 2000);
    EXPECT_EQ(told(life.part_prepared(1, 0, 9, now)), "") << "of the first attempt";
    (void)life.part_prepared(2, 1, 1, now);
    EXPECT_EQ(told(life.part_prepared(2, 0, 1, now)), "write:running");
    EXPECT_EQ(life.targets(), 2U);
}

TEST(JobLifecycle, AFailedStartThatIsMadeGoodBeforeItsRetryEndsOnce) {
    auto life = at(JobPhase::starting);
    EXPECT_EQ(told(life.written(JobWrite::start, false, true)), "discard free retry");
    EXPECT_EQ(told(life.place(true)), "queue") << "as it was paused and resumed meanwhile";
    (void)life.turn(now, {});
    (void)life.part_prepared(2, 0, 1, now);
    (void)life.part_prepared(2, 1, 1, now);
    EXPECT_EQ(told(life.written(JobWrite::start, true, true)), "begin");
    (void)life.part_finished(0, now);
    EXPECT_EQ(told(life.part_finished(1, now)), "write:completed");
    EXPECT_EQ(told(life.retry(now, true)), "") << "its end is on its way already";
}

TEST(JobLifecycle, ARecordOfTheEndSaysWhenItBeganAndWhy) {
    auto life = at(JobPhase::queued);
    const auto failed = life.turn(now, fail(refusal("no such word")));
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed[0].record.failure_reason, "no such word");
    EXPECT_EQ(failed[0].record.started.ticks, 0) << "it never ran";
    EXPECT_EQ(failed[0].record.ended, now);
    auto ran = at(JobPhase::cancelling);
    (void)ran.part_finished(0, now);
    EXPECT_EQ(ran.part_finished(1, now)[0].record.started.ticks, 900);
}

TEST(JobSchedule, GivesStartsAndTurnsInOrderAndNoMoreThanThereArePlaces) {
    JobSchedule schedule(2);
    schedule.hold(WallTime{30}, 1);
    schedule.hold(WallTime{20}, 2);
    EXPECT_EQ(schedule.next_start(), 20);
    EXPECT_EQ(schedule.take_due(WallTime{19}), std::nullopt);
    EXPECT_EQ(schedule.take_due(WallTime{20}), 2U);
    EXPECT_EQ(schedule.take_due(WallTime{20}), std::nullopt);
    schedule.leave(WallTime{30}, 1);
    EXPECT_EQ(schedule.next_start(), std::nullopt);

    for (const std::uint64_t job : {7U, 5U, 6U}) schedule.queue(WallTime{10}, job);
    schedule.queue(WallTime{9}, 8);
    schedule.leave(WallTime{10}, 5);
    EXPECT_EQ(schedule.take_turn(), 8U);
    schedule.take_place();
    EXPECT_EQ(schedule.take_turn(), 6U);
    schedule.take_place();
    EXPECT_EQ(schedule.take_turn(), std::nullopt) << "two are at work";
    schedule.free_place();
    EXPECT_EQ(schedule.take_turn(), 7U);
    EXPECT_EQ(schedule.take_turn(), std::nullopt);
}

}  // namespace
}  // namespace carillon
