#include "core/jobs/job_tally.hpp"

#include "base/pack.hpp"
#include "core/jobs/job_progress.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon {
namespace {

Failure other(std::string text, Errc code = Errc::argument_invalid) {
    Failure failure;
    failure.reason = FailReason::other;
    failure.code = code;
    failure.text = std::move(text);
    return failure;
}

std::uint64_t count_of(const JobTally& tally, const Failure& wanted) {
    for (const auto& group : tally.failures()) {
        if (group.failure.reason == wanted.reason && group.failure.code == wanted.code &&
            group.failure.text == wanted.text) {
            return group.count;
        }
    }
    return 0;
}

TEST(JobTally, GroupsFailuresByCodeAndDescription) {
    JobTally tally;
    tally.add_failure(other("a"));
    tally.add_failure(other("a"));
    tally.add_failure(other("b"));
    tally.add_failure(other("a", Errc::generic_bad_request));
    tally.add_failure(FailReason::timeout);
    EXPECT_EQ(tally.failures().size(), 4U);
    EXPECT_EQ(count_of(tally, other("a")), 2U);
    EXPECT_EQ(tally.failed(), 5U);
}

TEST(JobTally, TakesDescriptionsThatDifferInNumbersForOne) {
    JobTally tally;
    tally.add_failure(other("The tags would take 9170 bytes, more than the 8192 allowed."));
    tally.add_failure(other("The tags would take 10000 bytes, more than the 8192 allowed."));
    ASSERT_EQ(tally.failures().size(), 1U);
    EXPECT_EQ(tally.failures()[0].failure.text, "The tags would take # bytes, more than the # allowed.");
    EXPECT_EQ(tally.failures()[0].count, 2U);
}

TEST(JobTally, NamesNoMoreGroupsThanItMayAndLosesNoFailure) {
    JobTally tally;
    for (std::size_t i = 0; i < JobTally::texts_max + 5; ++i)
        tally.add_failure(other(std::string(i + 1, 'x')));
    tally.add_failure(FailReason::deadline);
    tally.add_failure(other("x"));
    EXPECT_EQ(tally.failures().size(), JobTally::texts_max + 1) << "a fixed reason always finds room";
    EXPECT_EQ(tally.unnamed_failures(), 5U);
    EXPECT_EQ(count_of(tally, other("x")), 2U);
    EXPECT_EQ(tally.failed(), JobTally::texts_max + 7);
}

TEST(JobTally, NamesNoMoreAnswersThanItMay) {
    JobTally tally;
    for (int status = 0; status < static_cast<int>(JobTally::answers_max) + 3; ++status) {
        tally.add_answer(status);
    }
    tally.add_answer(0);
    EXPECT_EQ(tally.answers().size(), JobTally::answers_max);
    EXPECT_EQ(tally.answers()[0], (JobTally::Answers{0, 2}));
    EXPECT_EQ(tally.unnamed_answers(), 3U);
}

TEST(JobTally, ASumKeepsItsLargestGroups) {
    JobTally sum;
    for (std::size_t part = 0; part < 3; ++part) {
        JobTally tally;
        for (std::size_t i = 0; i < JobTally::texts_max - 1; ++i) {
            tally.add_failure(other(std::string(part + 1, 'p') + std::string(i + 1, 'x')));
        }
        for (int i = 0; i < 4; ++i) tally.add_failure(other("everywhere"));
        tally.add_failure(FailReason::timeout);
        tally.add_answer(200);
        sum += tally;
    }
    const auto failed = sum.failed();
    sum.trim();
    EXPECT_EQ(sum.failures().size(), JobTally::texts_max + 1);
    EXPECT_EQ(count_of(sum, other("everywhere")), 12U);
    EXPECT_EQ(sum.failed(), failed);
    EXPECT_EQ(sum.answers(), (std::vector<JobTally::Answers>{{200, 3}}));
}

TEST(JobTally, ComesBackAsItWasStoredAndCutOnesAreRefused) {
    JobTally tally;
    tally.add_failure(other("because"));
    tally.add_failure(FailReason::restart);
    tally.add_answer(-5);
    std::string bytes;
    Packer packer{bytes};
    tally.pack(packer);
    const auto reads = [](std::string_view text, JobTally& into) {
        Unpacker in{as_bytes(text)};
        return into.unpack(in) && in.at_end();
    };
    JobTally back;
    ASSERT_TRUE(reads(bytes, back));
    EXPECT_EQ(back, tally);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(reads(std::string_view(bytes).substr(0, cut), back)) << cut;
    }
    bytes[1] = 9;  // no such reason
    EXPECT_FALSE(reads(bytes, back));
}

TEST(GroupedDescription, IsCutBetweenCharacters) {
    const auto cut = grouped_description(std::string(JobTally::text_bytes_max - 1, 'a') + "\u00e4rgerlich");
    EXPECT_EQ(cut, std::string(JobTally::text_bytes_max - 1, 'a'));
    EXPECT_EQ(grouped_description(std::string(1000, 'b')).size(), JobTally::text_bytes_max);
}

// --- rate ----------------------------------------------------------------------------------------

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateMeter, SaysNothingFromOneLook) {
    RateMeter meter;
    EXPECT_EQ(meter.rate(TimePoint{}, 0), 0);
    meter.note(TimePoint{}, 10);
    EXPECT_EQ(meter.rate(TimePoint{}, 10), 0);
}

TEST(RateMeter, IsTheRiseOverTheWindow) {
    RateMeter meter;
    for (int i = 0; i <= 2500; ++i) {  // 1000 a second at first, then 100
        const auto at = TimePoint{} + milliseconds(10 * i);
        meter.note(at, static_cast<std::uint64_t>(i <= 1000 ? i * 10 : 10'000 + (i - 1000)));
    }
    EXPECT_DOUBLE_EQ(meter.rate(TimePoint{} + seconds(25), 11'500), 100);
}

TEST(RateMeter, FallsToNothingWhenNothingHappens) {
    RateMeter meter;
    meter.note(TimePoint{}, 0);
    meter.note(TimePoint{} + milliseconds(100), 900);
    meter.note(TimePoint{} + milliseconds(200), 1000);
    EXPECT_DOUBLE_EQ(meter.rate(TimePoint{} + seconds(5), 1000), 200);
    EXPECT_EQ(meter.rate(TimePoint{} + seconds(11), 1000), 0);
}

}  // namespace
}  // namespace carillon
