#include "core/jobs/gate.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace carillon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint t0{};

GateReport wants(std::uint32_t part, std::uint64_t wanted, std::vector<std::uint32_t> places = {}) {
    GateReport report;
    report.part = part;
    report.wanted = wanted;
    report.places = std::move(places);
    return report;
}

std::uint64_t sum(const std::vector<GatePermit>& permits) {
    return std::accumulate(permits.begin(), permits.end(), std::uint64_t{0},
                           [](std::uint64_t all, const GatePermit& permit) { return all + permit.granted; });
}

TEST(Gate, NothingIsGivenBeforeEveryPartHasToldItsCounts) {
    Gate gate(2);
    gate.open(t0);
    gate.report(wants(0, 10));
    EXPECT_TRUE(gate.give(t0).empty());
    gate.report(wants(1, 0));
    EXPECT_EQ(sum(gate.give(t0)), 10U);
}

TEST(Gate, PermitsCountAgainstTheCapUntilTheyAreSeenUsed) {
    Gate gate(2);
    gate.open(t0);
    gate.set_cap(21);
    gate.report(wants(0, 500));
    gate.report(wants(1, 500));
    EXPECT_EQ(sum(gate.give(t0)), 21U);
    EXPECT_TRUE(gate.give(t0).empty());
    // Used, begun, and one of them ended.
    auto used = wants(0, 500);
    used.used = 11;
    used.in_flight = 10;
    gate.report(used);
    EXPECT_EQ(gate.in_flight(), 20U);
    const auto more = gate.give(t0);
    ASSERT_EQ(more.size(), 1U);
    EXPECT_TRUE(gate.give(t0).empty());
}

TEST(Gate, AReportThatComesTwiceChangesNothing) {
    Gate gate(1);
    gate.open(t0);
    gate.set_cap(5);
    gate.report(wants(0, 10));
    EXPECT_EQ(sum(gate.give(t0)), 5U);
    auto used = wants(0, 5);
    used.used = 5;
    used.in_flight = 5;
    gate.report(used);
    gate.report(used);
    EXPECT_EQ(gate.in_flight(), 5U);
    EXPECT_TRUE(gate.give(t0).empty());
}

TEST(Gate, ABatchHasAtMost512) {
    Gate gate(1);
    gate.open(t0);
    gate.report(wants(0, 100'000));
    EXPECT_EQ(sum(gate.give(t0)), 512U);
    EXPECT_EQ(gate.give(t0)[0].granted, 1024U);
    EXPECT_TRUE(gate.give(t0).empty()) << "no more than two batches stand out";
}

TEST(Gate, ARateBeginsWithOneTokenAndSavesUpOneSecond) {
    Gate gate(1);
    gate.set_rate(RolloutRate{100, false}, t0);
    gate.open(t0);
    gate.report(wants(0, 1000));
    EXPECT_EQ(sum(gate.give(t0)), 1U);
    EXPECT_EQ(*gate.next(t0), t0 + milliseconds(10));
    EXPECT_EQ(gate.give(t0 + milliseconds(9)).size(), 0U);
    EXPECT_EQ(gate.give(t0 + milliseconds(10))[0].granted, 2U);
    EXPECT_EQ(gate.give(t0 + seconds(100))[0].granted, 102U);
}

TEST(Gate, ARateOfLessThanOneASecondGivesOneAtATime) {
    Gate gate(1);
    gate.set_rate(RolloutRate{30, true}, t0);
    gate.open(t0);
    gate.report(wants(0, 10));
    EXPECT_EQ(sum(gate.give(t0)), 1U);
    EXPECT_EQ(*gate.next(t0), t0 + seconds(2));
    EXPECT_EQ(gate.give(t0 + seconds(60))[0].granted, 2U);
}

TEST(Gate, ALowerRateForgetsWhatWasSavedUpBeyondIt) {
    Gate gate(1);
    gate.set_rate(RolloutRate{100, false}, t0);
    gate.open(t0);
    gate.set_rate(RolloutRate{10, false}, t0 + seconds(5));
    gate.report(wants(0, 1000));
    EXPECT_EQ(gate.give(t0 + seconds(5))[0].granted, 10U);
}

TEST(Gate, WhatIsGivenBackCountsForTheRateAgain) {
    Gate gate(1);
    gate.set_rate(RolloutRate{10, false}, t0);
    gate.open(t0);
    gate.report(wants(0, 10));
    EXPECT_EQ(gate.give(t0 + seconds(1))[0].granted, 10U);
    auto report = wants(0, 10);
    report.used = 4;
    report.returned = 6;
    gate.report(report);
    EXPECT_EQ(gate.give(t0 + seconds(1))[0].granted, 16U);
}

TEST(Gate, TheLowestPlacesAreServedFirst) {
    Gate gate(3);
    gate.open(t0);
    gate.set_cap(4);
    gate.report(wants(0, 3, {0, 5, 6}));
    gate.report(wants(1, 3, {1, 2, 9}));
    gate.report(wants(2, 2, {3, 4}));
    const auto permits = gate.give(t0);
    ASSERT_EQ(permits.size(), 3U);
    EXPECT_EQ(permits[0].granted, 1U);
    EXPECT_EQ(permits[1].granted, 2U);
    EXPECT_EQ(permits[2].granted, 1U);
}

TEST(Gate, AClosedGateGivesNothingAndAnOpenedOneBeginsWithOneToken) {
    Gate gate(1);
    gate.set_rate(RolloutRate{100, false}, t0);
    gate.report(wants(0, 1000));
    EXPECT_TRUE(gate.give(t0).empty());
    gate.open(t0);
    EXPECT_EQ(sum(gate.give(t0)), 1U);
    gate.close();
    EXPECT_TRUE(gate.give(t0 + seconds(10)).empty());
    EXPECT_FALSE(gate.next(t0 + seconds(10)));
    gate.open(t0 + seconds(10));
    EXPECT_EQ(gate.give(t0 + seconds(10))[0].granted, 2U);
}

}  // namespace
}  // namespace carillon
