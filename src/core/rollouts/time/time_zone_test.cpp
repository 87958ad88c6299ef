#include "core/rollouts/time/time_zone.hpp"

#include "core/rollouts/time/zones.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <cstdlib>
#include <ctime>

namespace carillon {
namespace {

constexpr std::int64_t hour = 3600;

std::int64_t at(std::int64_t year, int month, int day, int hours = 0, int minutes = 0) {
    return CivilDay{year, month, day}.days_since_1970() * 24 * hour + hours * hour + minutes * 60;
}

std::int64_t utc_of(const char* zone, std::int64_t local_s) {
    Zones zones;
    const auto found = zones.find(zone);
    return found ? found->to_utc(local_s) : 0;
}

TEST(TimeZone, G6_1ALocalTimeThatDoesNotExistIsTakenWithTheOffsetBeforeAndADoubleOneIsItsFirst) {
    EXPECT_EQ(utc_of("Europe/Berlin", at(2027, 3, 28, 2)), at(2027, 3, 28, 1));
    EXPECT_EQ(utc_of("Europe/Berlin", at(2027, 10, 31, 2)), at(2027, 10, 31, 0));
    EXPECT_EQ(utc_of("America/New_York", at(2027, 3, 14, 2)), at(2027, 3, 14, 7));
    // 02:00 is not doubled there, 01:00 is.
    EXPECT_EQ(utc_of("America/New_York", at(2027, 11, 7, 2)), at(2027, 11, 7, 7));
    EXPECT_EQ(utc_of("America/New_York", at(2027, 11, 7, 1)), at(2027, 11, 7, 5));
    EXPECT_EQ(utc_of("Australia/Lord_Howe", at(2027, 10, 3, 2)), at(2027, 10, 2, 15, 30));
}

/// The C library reads the same files by code of its own. Files list changes up to 2037, and have a rule for
/// those behind it.
TEST(TimeZone, AgreesWithTheCLibraryOverTenYearsInTwentyZones) {
    constexpr const char* names[] = {
        "Europe/Berlin",        "America/New_York",  "Australia/Lord_Howe", "Europe/Dublin",
        "Africa/Casablanca",    "America/Sao_Paulo", "America/St_Johns",    "Asia/Kathmandu",
        "Asia/Tehran",          "Pacific/Chatham",   "Pacific/Kiritimati",  "Pacific/Marquesas",
        "America/Santiago",     "Africa/Cairo",      "Asia/Gaza",           "Antarctica/Troll",
        "America/Scoresbysund", "Asia/Tokyo",        "America/Nuuk",        "Etc/UTC"};
    Zones zones;
    for (const char* name : names) {
        const auto zone = zones.find(name);
        ASSERT_TRUE(zone) << name;
        setenv("TZ", name, 1);
        tzset();
        const auto until = at(2043, 1, 1);
        for (auto utc = at(2033, 1, 1); utc < until; utc += hour) {
            const auto time = static_cast<std::time_t>(utc);
            std::tm local{};
            localtime_r(&time, &local);
            ASSERT_EQ(zone->offset_at(utc), local.tm_gmtoff) << name << " at " << utc;
        }
    }
    unsetenv("TZ");
    tzset();
}

TEST(TimeZone, EachMomentIsFoundAgainByItsLocalTime) {
    Zones zones;
    for (const char* name :
         {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia"}) {
        const auto zone = zones.find(name);
        ASSERT_TRUE(zone) << name;
        for (auto utc = at(2010, 1, 1); utc < at(2040, 1, 1); utc += 7 * hour + 1800) {
            const auto local = utc + zone->offset_at(utc);
            const auto found = zone->to_utc(local);
            // It is this moment, or the first one of the same local time.
            ASSERT_EQ(found + zone->offset_at(found), local) << name << " at " << utc;
            ASSERT_LE(found, utc) << name;
        }
    }
}

TEST(TimeZone, DaysOfTheCalendarCountBothWays) {
    EXPECT_EQ((CivilDay{1970, 1, 1}).days_since_1970(), 0);
    EXPECT_EQ((CivilDay{2000, 3, 1}).days_since_1970(), 11'017);
    EXPECT_EQ(CivilDay::weekday(CivilDay{2027, 3, 28}.days_since_1970()), 0);
    for (std::int64_t days = -800'000; days < 800'000; days += 37)
        ASSERT_EQ(CivilDay::of(days).days_since_1970(), days);
}

TEST(Zones, NamesThatAreNoneAndFilesThatAreNoneAreNotFound) {
    Zones zones;
    for (const char* name : {"", "Europe", "Mars/Base", "../passwd", "/etc/localtime",
                             "Europe/../Europe/Berlin", "tzdata.zi", "leapseconds", "Europe/Berlin/"})
        EXPECT_FALSE(zones.find(name)) << name;
    EXPECT_TRUE(zones.find("Etc/GMT+5"));
}

TEST(TimeZone, AFileCutAnywhereIsRefusedOrReadWithoutHarm) {
    std::string file = "TZif2" + std::string(15, '\0');
    const auto number = [](std::uint32_t value) {
        std::string bytes;
        for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
        return bytes;
    };
    const auto header = [&](std::uint32_t times) {
        return number(0) + number(0) + number(0) + number(times) + number(1) + number(4);
    };
    const std::string type = number(3600) + std::string(2, '\0') + std::string("CET\0", 4);
    file += header(0) + type + "TZif2" + std::string(15, '\0') + header(1) + number(0) + number(100) +
            std::string(1, '\0') + type + "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    const auto whole = TimeZone::parse(as_bytes(file));
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->offset_at(at(2027, 1, 1)), hour);
    EXPECT_EQ(whole->offset_at(at(2027, 7, 1)), 2 * hour);
    EXPECT_EQ(whole->to_utc(at(2027, 3, 28, 2)), at(2027, 3, 28, 1));
    for (std::size_t length = 0; length < file.size(); ++length)
        EXPECT_FALSE(TimeZone::parse(as_bytes(std::string_view(file).substr(0, length)))) << length;
    for (const char* footer : {"CET-1CEST", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "C-1",
                               "CET-200", "CET-1CEST,M3.5.0", "CET-1CEST,J366,J1", "<CET-1"}) {
        const auto other = file.substr(0, file.rfind('\n', file.size() - 2) + 1) + footer + "\n";
        EXPECT_FALSE(TimeZone::parse(as_bytes(other))) << footer;
    }
}

}  // namespace
}  // namespace carillon
