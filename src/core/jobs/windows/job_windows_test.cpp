// Jobs whose devices begin only in windows, each by its own clock. Cases of docs/rollout-reference.md.

#include "base/text.hpp"
#include "core/testing/rollout_bench.hpp"

#include <cstdlib>
#include <ctime>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct JobWindows : ::testing::Test {
    JobWindows() { bench.clock.set_wall(moment("2027-01-01T00:00:00Z")); }

    static WallTime moment(std::string_view text) { return *parse_iso8601(text); }
    void set_tags(const std::string& id, const std::string& tags) {
        const auto body = fmt::format(R"({{"tags":{}}})", tags);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(patch);
        auto writing =
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(bench.hub->run(std::move(writing)));
    }
    static std::string nightly(std::string_view more = {}) {
        return fmt::format(R"({{"windows":{{"zone":"Etc/UTC","open":[{{"from":"02:00","for":"2h"}}]}}{}}})",
                           more);
    }
    RolloutBench bench;
};

TEST_F(JobWindows, NothingBeginsBeforeAWindowOpens) {
    bench.add(50);
    bench.connect_all(50, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(bench.create("j", rollout_body(nightly())));
    bench.pass(minutes(119), seconds(10));
    EXPECT_TRUE(bench.begins.empty());
    EXPECT_EQ(bench.status("j"), JobStatus::running) << "what a stock client sees";
    EXPECT_EQ(bench.progress("j").held.window, 50U);
    EXPECT_EQ(bench.progress("j").held.offline, 0U);
    bench.pass(seconds(62), seconds(1));
    EXPECT_EQ(bench.begins.size(), 50U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.progress("j").held.window, 0U);
}

TEST_F(JobWindows, WhatAWindowDoesNotHoldGoesOnInTheNextOne) {
    bench.add(10);
    bench.connect_all(10, [](int) { return RolloutBench::Manner{}; });
    // One each 20 minutes: six before the closing time, that of a method of 30 s.
    ASSERT_TRUE(bench.create("j", rollout_body(nightly(R"(,"pace":{"rate":"1/m"},"deadline":"9d")"))));
    ASSERT_TRUE(bench.change("j", R"({"windows":{"open":[{"from":"02:00","for":"6m"}]}})"));
    bench.pass(hours(25), seconds(10));
    EXPECT_GE(bench.begins.size(), 6U);
    EXPECT_LE(bench.begins.size(), 7U);
    bench.pass(hours(2), seconds(10));
    EXPECT_EQ(bench.begins.size(), 10U);
    const auto start = bench.clock.now() - hours(27);
    for (const auto& begin : bench.begins) {
        const auto into_day = (begin.at - start) % hours(24);
        EXPECT_GE(into_day, hours(2)) << begin.device;
        EXPECT_LT(into_day, hours(2) + minutes(6) - seconds(30)) << begin.device;
    }
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST_F(JobWindows, ADeviceThatComesBackWaitsForItsWindowAndOneThatComesLateBeginsInIt) {
    bench.add(2);
    ASSERT_TRUE(bench.create("j", rollout_body(nightly())));
    bench.pass(minutes(30), seconds(30));
    bench.answer_as("d00000", {});
    bench.hub->settle();
    bench.pass(minutes(89), seconds(30));
    EXPECT_TRUE(bench.begins.empty());
    EXPECT_EQ(bench.progress("j").held.window, 2U);
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.begins.size(), 1U);
    EXPECT_EQ(bench.progress("j").held.offline, 1U);
    bench.answer_as("d00001", {});
    bench.hub->settle();
    bench.pass(seconds(1));
    EXPECT_EQ(bench.begins.size(), 2U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST_F(JobWindows, ATwinIsNotWrittenBeforeItsWindowOpensWhetherItsDeviceIsThereOrNot) {
    bench.add(20);
    bench.answer_as("d00000", {});
    bench.hub->settle();
    ASSERT_TRUE(bench.create("j", twin_rollout_body(nightly())));
    bench.pass(minutes(119), seconds(10));
    EXPECT_EQ(bench.counts("j").succeeded, 0U);
    EXPECT_EQ(bench.progress("j").held.window, 20U);
    bench.pass(seconds(62), seconds(1));
    EXPECT_EQ(bench.counts("j").succeeded, 20U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST_F(JobWindows, TheDevicesOfAnOpenWaveAreSaidToWaitForTheirWindow) {
    bench.add(20);
    const auto waves = nightly(R"(,"waves":[{"size":2}])");
    ASSERT_TRUE(bench.create("twins", twin_rollout_body(waves)));
    ASSERT_TRUE(bench.create("methods", rollout_body(waves)));
    bench.pass(milliseconds(200), milliseconds(20));
    for (const char* job : {"twins", "methods"}) {
        EXPECT_EQ(bench.progress(job).held.window, 2U) << job;
        EXPECT_EQ(bench.progress(job).held.wave, 18U) << job;
    }
}

TEST_F(JobWindows, ATwinJobWithoutItsWindowsAnyMoreWritesAtOnce) {
    bench.add(20);
    ASSERT_TRUE(bench.create("j", twin_rollout_body(nightly())));
    bench.pass(minutes(1), seconds(10));
    EXPECT_EQ(bench.counts("j").succeeded, 0U);
    ASSERT_TRUE(bench.change("j", R"({"windows":null})"));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST_F(JobWindows, AZoneThatTheHubDoesNotKnowIsRefusedAlsoInAChange) {
    bench.add(1);
    const auto refused = bench.create(
        "j", rollout_body(R"({"windows":{"zone":"Mars/Base","open":[{"from":"02:00","for":"2h"}]}})"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "rollout.windows.zone: this hub knows no time zone 'Mars/Base'");
    EXPECT_FALSE(bench.find("j"));
    ASSERT_TRUE(bench.create("j", rollout_body(nightly())));
    const auto changed = bench.change("j", R"({"windows":{"zone":"tags.tz","fallback":"Moon"}})");
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().detail, "rollout.windows.fallback: this hub knows no time zone 'Moon'");
}

TEST_F(JobWindows, AWindowMustBeLongerThanAMethodMayTake) {
    bench.add(1);
    const auto body = [](std::string_view closing) {
        return rollout_body(
            fmt::format(R"({{"windows":{{"zone":"Etc/UTC","open":[{{"from":"02:00","for":"5m"}}]{}}}}})",
                        closing),
            "*", 300);
    };
    const auto refused = bench.create("j", body(""));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail,
              "rollout.windows.closing: is needed with windows that are not longer than the response timeout "
              "of the "
              "method, 300 s");
    EXPECT_TRUE(bench.create("j", body(R"(,"closing":"0s")")));
}

TEST_F(JobWindows, DevicesWithoutAZoneAreSkippedIfTheJobSaysSo) {
    bench.add(3);
    set_tags("d00000", R"({"tz":"Etc/UTC"})");
    set_tags("d00001", R"({"tz":"Mars/Base"})");
    bench.connect_all(3, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(bench.create(
        "j",
        rollout_body(
            R"({"windows":{"zone":"tags.tz","fallback":"skip","open":[{"from":"02:00","for":"2h"}]}})")));
    bench.pass(minutes(121), seconds(5));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    EXPECT_EQ(bench.counts("j").succeeded, 1U);
    EXPECT_EQ(bench.counts("j").canceled, 2U);
    ASSERT_EQ(bench.begins.size(), 1U);
    EXPECT_EQ(bench.begins[0].device, "d00000");
}

TEST_F(JobWindows, AZoneThatIsWrittenWhileTheDeviceWaitsCountsAtTheNextOpening) {
    bench.add(1);
    set_tags("d00000", R"({"tz":"Europe/Berlin"})");
    bench.connect_all(1, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(bench.create(
        "j",
        rollout_body(
            R"({"windows":{"zone":"tags.tz","fallback":"Etc/UTC","open":[{"from":"02:00","for":"2h"}]}})")));
    bench.pass(minutes(10), seconds(10));
    set_tags("d00000", R"({"tz":"Europe/London"})");
    bench.pass(minutes(109), seconds(10));
    EXPECT_TRUE(bench.begins.empty()) << "02:00 in Berlin, but it is in London";
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.begins.size(), 1U);
}

TEST_F(JobWindows, AJobBetweenItsWindowsHoldsNoPlace) {
    bench.limits.running_max = 1;
    bench.restart();
    bench.clock.set_wall(moment("2027-01-01T00:00:00Z"));
    bench.add(5);
    bench.connect_all(5, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(bench.create("night", rollout_body(nightly())));
    bench.pass(seconds(2));
    ASSERT_TRUE(bench.create("stock", method_body("*")));
    bench.pass(seconds(2));
    EXPECT_EQ(bench.status("stock"), JobStatus::completed);
    EXPECT_EQ(bench.status("night"), JobStatus::running);
}

TEST_F(JobWindows, ACrashBetweenWindowsChangesNothing) {
    bench.add(20);
    bench.connect_all(20, [](int) { return RolloutBench::Manner{}; });
    ASSERT_TRUE(bench.create("j", rollout_body(nightly())));
    bench.pass(minutes(60), seconds(10));
    bench.crash();
    bench.connect_all(20, [](int) { return RolloutBench::Manner{}; });
    bench.pass(minutes(59), seconds(10));
    EXPECT_TRUE(bench.begins.empty());
    bench.pass(minutes(2), seconds(1));
    EXPECT_EQ(bench.begins.size(), 20U);
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
}

TEST(JobWindowsOfAFleet, G6_2EachDeviceOfNinetyZonesBeginsWithinItsOwnWindow) {
    // Offsets from -11 to +14 hours, quarters and daylight saving times of both hemispheres among them.
    constexpr const char* zones[] = {"Pacific/Pago_Pago",
                                     "Pacific/Honolulu",
                                     "Pacific/Marquesas",
                                     "America/Anchorage",
                                     "America/Adak",
                                     "America/Los_Angeles",
                                     "America/Tijuana",
                                     "America/Phoenix",
                                     "America/Denver",
                                     "America/Chicago",
                                     "America/Mexico_City",
                                     "America/Regina",
                                     "Pacific/Easter",
                                     "America/New_York",
                                     "America/Havana",
                                     "America/Bogota",
                                     "America/Lima",
                                     "America/Jamaica",
                                     "America/Caracas",
                                     "America/Halifax",
                                     "America/Santiago",
                                     "America/Asuncion",
                                     "America/La_Paz",
                                     "America/Manaus",
                                     "America/St_Johns",
                                     "America/Sao_Paulo",
                                     "America/Argentina/Buenos_Aires",
                                     "America/Montevideo",
                                     "America/Nuuk",
                                     "America/Miquelon",
                                     "America/Noronha",
                                     "Atlantic/South_Georgia",
                                     "Atlantic/Azores",
                                     "Atlantic/Cape_Verde",
                                     "America/Scoresbysund",
                                     "Europe/London",
                                     "Europe/Dublin",
                                     "Europe/Lisbon",
                                     "Africa/Casablanca",
                                     "Africa/Abidjan",
                                     "Atlantic/Reykjavik",
                                     "Europe/Berlin",
                                     "Europe/Madrid",
                                     "Europe/Paris",
                                     "Africa/Lagos",
                                     "Africa/Algiers",
                                     "Europe/Athens",
                                     "Europe/Kyiv",
                                     "Africa/Cairo",
                                     "Africa/Johannesburg",
                                     "Asia/Jerusalem",
                                     "Asia/Beirut",
                                     "Europe/Chisinau",
                                     "Europe/Istanbul",
                                     "Europe/Moscow",
                                     "Asia/Baghdad",
                                     "Africa/Nairobi",
                                     "Asia/Riyadh",
                                     "Asia/Tehran",
                                     "Asia/Dubai",
                                     "Asia/Baku",
                                     "Asia/Tbilisi",
                                     "Asia/Kabul",
                                     "Asia/Karachi",
                                     "Asia/Tashkent",
                                     "Asia/Kolkata",
                                     "Asia/Colombo",
                                     "Asia/Kathmandu",
                                     "Asia/Dhaka",
                                     "Asia/Thimphu",
                                     "Asia/Yangon",
                                     "Asia/Bangkok",
                                     "Asia/Jakarta",
                                     "Asia/Shanghai",
                                     "Asia/Singapore",
                                     "Australia/Perth",
                                     "Australia/Eucla",
                                     "Asia/Tokyo",
                                     "Asia/Seoul",
                                     "Australia/Darwin",
                                     "Australia/Adelaide",
                                     "Australia/Brisbane",
                                     "Australia/Sydney",
                                     "Australia/Lord_Howe",
                                     "Pacific/Noumea",
                                     "Pacific/Auckland",
                                     "Pacific/Fiji",
                                     "Pacific/Chatham",
                                     "Pacific/Apia",
                                     "Pacific/Kiritimati"};
    constexpr int count = 1800;
    static_assert(std::size(zones) == 90);
    RolloutBench bench({}, 4);
    // The night before the clocks change in Europe.
    bench.clock.set_wall(*parse_iso8601("2027-03-27T12:00:00Z"));
    bench.add(count);
    for (int i = 0; i < count; ++i) {
        const auto id = fmt::format("d{:05}", i);
        const auto body = fmt::format(R"({{"tags":{{"tz":"{}"}}}})", zones[static_cast<std::size_t>(i) % 90]);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(patch);
        auto writing =
            bench.owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
        ASSERT_TRUE(bench.hub->run(std::move(writing)));
    }
    bench.connect_all(count, [](int) { return RolloutBench::Manner{}; });
    const auto start = bench.clock.now();
    const auto start_s = bench.clock.wall_now().unix_s();
    ASSERT_TRUE(bench.create(
        "j",
        rollout_body(
            R"({"windows":{"zone":"tags.tz","fallback":"Etc/UTC","open":[{"from":"02:00","for":"2h"}]}})")));
    bench.pass(hours(24), minutes(1));
    EXPECT_EQ(bench.begins.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(bench.status("j"), JobStatus::completed);
    for (const auto& begin : bench.begins) {
        const auto zone = zones[std::stoul(begin.device.substr(1)) % 90];
        setenv("TZ", zone, 1);
        tzset();
        const auto utc =
            static_cast<std::time_t>(start_s + std::chrono::duration_cast<seconds>(begin.at - start).count());
        std::tm local{};
        localtime_r(&utc, &local);
        const bool is_springing = local.tm_mon == 2 && local.tm_mday == 28 && local.tm_hour == 4;
        EXPECT_TRUE(local.tm_hour == 2 || local.tm_hour == 3 || is_springing)
            << begin.device << " in " << zone << " at " << local.tm_hour << ':' << local.tm_min;
    }
    unsetenv("TZ");
    tzset();
}

}  // namespace
}  // namespace carillon
