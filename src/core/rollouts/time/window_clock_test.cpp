#include "core/rollouts/time/window_clock.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <cstdlib>
#include <ctime>

namespace carillon {
namespace {

RolloutWindows windows_of(std::string_view windows, int response_timeout_s = 0) {
    const auto rollout = Rollout::parse(fmt::format(R"({{"windows":{}}})", windows), JobType::device_method);
    EXPECT_TRUE(rollout) << rollout.error().detail;
    return *RolloutWindows::of(*rollout, response_timeout_s);
}

std::int64_t utc(std::string_view text) {
    return parse_iso8601(text)->unix_s();
}

/// `2027-03-28T01:00:00Z 2027-03-28T03:00:00Z`: the window that ends next behind a moment.
std::string next(std::string_view windows, const char* zone, std::string_view behind) {
    Zones zones;
    const auto found = next_window(windows_of(windows), *zones.find(zone), utc(behind));
    if (!found) return "none";
    const auto text = [](std::int64_t s) { return to_iso8601(WallTime::from_unix_s(s)).substr(0, 16); };
    return text(found->first) + ' ' + text(found->second);
}

constexpr std::string_view night = R"({"zone":"Etc/UTC","open":[{"from":"02:00","for":"2h"}]})";

TEST(NextWindow, G6_1EachDayHasOneOfTheSameLengthWhenTheClocksChange) {
    EXPECT_EQ(next(night, "Europe/Berlin", "2027-03-27T12:00:00Z"), "2027-03-28T01:00 2027-03-28T03:00");
    EXPECT_EQ(next(night, "Europe/Berlin", "2027-10-30T12:00:00Z"), "2027-10-31T00:00 2027-10-31T02:00");
    EXPECT_EQ(next(night, "America/New_York", "2027-03-13T12:00:00Z"), "2027-03-14T07:00 2027-03-14T09:00");
    EXPECT_EQ(next(night, "America/New_York", "2027-11-06T12:00:00Z"), "2027-11-07T07:00 2027-11-07T09:00");
    EXPECT_EQ(next(night, "Australia/Lord_Howe", "2027-10-02T12:00:00Z"),
              "2027-10-02T15:30 2027-10-02T17:30");
}

/// By the C library: when a local time is reached first, or would be with the offset before the gap that it
/// falls into.
std::int64_t opening_of(std::int64_t local_s) {
    constexpr std::int64_t step = 900;
    const auto offset_at = [](std::int64_t utc_s) {
        const auto time = static_cast<std::time_t>(utc_s);
        std::tm local{};
        localtime_r(&time, &local);
        return static_cast<std::int64_t>(local.tm_gmtoff);
    };
    const auto near = local_s - offset_at(local_s);
    auto before = offset_at(near - 4 * 3600);
    for (auto utc_s = near - 4 * 3600; utc_s <= near + 4 * 3600; utc_s += step) {
        const auto offset = offset_at(utc_s);
        if (utc_s + offset == local_s) return utc_s;
        if (utc_s + offset > local_s) return local_s - before;
        before = offset;
    }
    return -1;
}

TEST(NextWindow, G6_1OneADayInFourteenZonesOverTenYears) {
    constexpr const char* names[] = {"Europe/Berlin",   "America/New_York",  "Australia/Lord_Howe",
                                     "Europe/Dublin",   "Africa/Casablanca", "America/St_Johns",
                                     "Pacific/Chatham", "America/Santiago",  "Africa/Cairo",
                                     "Asia/Gaza",       "Antarctica/Troll",  "Asia/Tehran",
                                     "America/Nuuk",    "Pacific/Kiritimati"};
    constexpr std::int64_t day = 86'400;
    Zones zones;
    const auto windows = windows_of(night);
    std::size_t doubled_or_missing = 0;
    for (const char* name : names) {
        setenv("TZ", name, 1);
        tzset();
        const auto zone = zones.find(name);
        ASSERT_TRUE(zone) << name;
        const auto first = CivilDay{2027, 1, 1}.days_since_1970();
        const auto last = CivilDay{2037, 1, 1}.days_since_1970();
        auto behind = opening_of(first * day + 2 * 3600);
        for (auto date = first; date < last; ++date) {
            const auto opens = opening_of(date * day + 2 * 3600);
            const auto found = next_window(windows, *zone, behind);
            ASSERT_TRUE(found) << name;
            ASSERT_EQ(found->first, opens) << name << ' ' << to_iso8601(WallTime::from_unix_s(opens));
            ASSERT_EQ(found->second, opens + 2 * 3600) << name;
            behind = found->second;
            doubled_or_missing += zone->offset_at(opens - 1) != zone->offset_at(opens + 4 * 3600) ? 1 : 0;
        }
    }
    unsetenv("TZ");
    tzset();
    EXPECT_GT(doubled_or_missing, 60U) << "of the days on which clocks change about then";
}

TEST(NextWindow, IsTheOneThatIsOpen) {
    EXPECT_EQ(next(night, "Etc/UTC", "2027-01-01T03:59:59Z"), "2027-01-01T02:00 2027-01-01T04:00");
    EXPECT_EQ(next(night, "Etc/UTC", "2027-01-01T04:00:00Z"), "2027-01-02T02:00 2027-01-02T04:00");
}

TEST(NextWindow, LastsPastMidnightAndBelongsToTheDayOnWhichItBegan) {
    constexpr auto sundays = R"({"zone":"Etc/UTC","open":[{"days":["sun"],"from":"23:00","for":"3h"}]})";
    EXPECT_EQ(next(sundays, "Etc/UTC", "2027-01-04T01:00:00Z"), "2027-01-03T23:00 2027-01-04T02:00");
    EXPECT_EQ(next(sundays, "Etc/UTC", "2027-01-04T02:00:00Z"), "2027-01-10T23:00 2027-01-11T02:00");
}

TEST(NextWindow, JoinsThoseThatOverlapOrTouch) {
    constexpr auto three =
        R"({"zone":"Etc/UTC","open":[{"from":"23:00","for":"2h"},{"from":"01:00","for":"1h"},)"
        R"({"from":"01:30","for":"1h"},{"from":"04:00","for":"1h"}]})";
    EXPECT_EQ(next(three, "Etc/UTC", "2027-01-01T12:00:00Z"), "2027-01-01T23:00 2027-01-02T02:30");
    EXPECT_EQ(next(three, "Etc/UTC", "2027-01-02T02:30:00Z"), "2027-01-02T04:00 2027-01-02T05:00");
}

TEST(NextWindow, IsNotOnADateThatIsExcepted) {
    constexpr auto some = R"({"zone":"Etc/UTC","open":[{"from":"23:00","for":"3h"}],)"
                          R"("except":["2026-12-24..2026-12-26","2026-12-28"]})";
    EXPECT_EQ(next(some, "Etc/UTC", "2026-12-24T01:00:00Z"), "2026-12-23T23:00 2026-12-24T02:00");
    EXPECT_EQ(next(some, "Etc/UTC", "2026-12-24T02:00:00Z"), "2026-12-27T23:00 2026-12-28T02:00");
    EXPECT_EQ(next(some, "Etc/UTC", "2026-12-28T02:00:00Z"), "2026-12-29T23:00 2026-12-30T02:00");
    // By local date: in Auckland it is the 27th when it is the 26th in UTC.
    EXPECT_EQ(next(some, "Pacific/Auckland", "2026-12-24T12:00:00Z"), "2026-12-27T10:00 2026-12-27T13:00");
}

TEST(NextWindow, IsLookedForForAYear) {
    constexpr auto never = R"({"zone":"Etc/UTC","open":[{"days":["mon"],"from":"02:00","for":"1h"}],)"
                           R"("except":["2027-01-01..2029-01-01"]})";
    EXPECT_EQ(next(never, "Etc/UTC", "2027-01-01T00:00:00Z"), "none");
}

struct Clocks {
    Zones zones;
    WindowClock clock;
    explicit Clocks(std::string_view windows, int response_timeout_s = 0)
        : clock(windows_of(windows, response_timeout_s), zones) {}
    WindowLook look(std::string_view zone, std::string_view when) {
        return clock.look(zone, *parse_iso8601(when));
    }
    std::string opens(std::string_view when) {
        const auto found = clock.next_opening(*parse_iso8601(when));
        return found ? to_iso8601(*found).substr(0, 16) : "never";
    }
};

constexpr std::string_view tagged =
    R"({"zone":"tags.tz","fallback":"Etc/UTC","open":[{"from":"02:00","for":"2h"}]})";

TEST(WindowClock, SaysOfEachZoneWhetherItIsOpenAndWhenTheFirstOpens) {
    Clocks clocks(tagged);
    EXPECT_EQ(clocks.opens("2027-01-01T00:00:00Z"), "never") << "nobody was asked for";
    EXPECT_EQ(clocks.look("Europe/Berlin", "2027-01-01T00:59:59Z"), WindowLook::shut);
    EXPECT_EQ(clocks.look("Asia/Tokyo", "2027-01-01T00:59:59Z"), WindowLook::shut);
    EXPECT_EQ(clocks.opens("2027-01-01T00:59:59Z"), "2027-01-01T01:00");
    EXPECT_EQ(clocks.look("Europe/Berlin", "2027-01-01T01:00:00Z"), WindowLook::open);
    EXPECT_EQ(clocks.look("Asia/Tokyo", "2027-01-01T01:00:00Z"), WindowLook::shut);
    EXPECT_EQ(clocks.opens("2027-01-01T01:00:00Z"), "2027-01-01T17:00") << "Tokyo";
    EXPECT_EQ(clocks.look("Europe/Berlin", "2027-01-01T03:00:00Z"), WindowLook::shut);
    EXPECT_EQ(clocks.opens("2027-01-01T20:00:00Z"), "2027-01-02T01:00") << "Berlin again";
    // Days on which nobody asked are over.
    EXPECT_EQ(clocks.opens("2027-01-05T12:00:00Z"), "2027-01-05T17:00");
}

TEST(WindowClock, AZoneThatThereIsNotIsTheFallback) {
    Clocks clocks(tagged);
    EXPECT_EQ(clocks.look("Mars/Base", "2027-01-01T02:30:00Z"), WindowLook::open);
    EXPECT_EQ(clocks.look("", "2027-01-01T04:30:00Z"), WindowLook::shut);
    Clocks strict(R"({"zone":"tags.tz","fallback":"skip","open":[{"from":"02:00","for":"2h"}]})");
    EXPECT_EQ(strict.look("Mars/Base", "2027-01-01T02:30:00Z"), WindowLook::none);
    EXPECT_EQ(strict.look("Etc/UTC", "2027-01-01T02:30:00Z"), WindowLook::open);
    EXPECT_EQ(strict.opens("2027-01-01T02:30:00Z"), "2027-01-02T02:00");
}

TEST(WindowClock, IsShutInItsClosingTime) {
    Clocks clocks(night, 30);
    EXPECT_EQ(clocks.look("Etc/UTC", "2027-01-01T03:59:29Z"), WindowLook::open);
    EXPECT_EQ(clocks.look("Etc/UTC", "2027-01-01T03:59:30Z"), WindowLook::shut);
    EXPECT_EQ(clocks.opens("2027-01-01T03:59:30Z"), "2027-01-02T02:00");
    Clocks written(R"({"zone":"Etc/UTC","open":[{"from":"02:00","for":"2h"}],"closing":"10m"})", 30);
    EXPECT_EQ(written.look("Etc/UTC", "2027-01-01T03:49:59Z"), WindowLook::open);
    EXPECT_EQ(written.look("Etc/UTC", "2027-01-01T03:50:00Z"), WindowLook::shut);
}

}  // namespace
}  // namespace carillon
