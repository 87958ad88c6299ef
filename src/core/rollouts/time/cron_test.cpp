// Times that come again, and what clocks that change do to them.

#include "core/rollouts/time/cron.hpp"

#include "base/text.hpp"
#include "core/rollouts/time/zones.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace carillon {
namespace {

std::int64_t cron_moment(int year, int month, int day, int hour, int minute) {
    return CivilDay{year, month, day}.days_since_1970() * 86'400 + hour * 3600 + minute * 60;
}

struct Cron : ::testing::Test {
    std::shared_ptr<const TimeZone> zone(std::string_view name) {
        auto found = zones.find(name);
        EXPECT_TRUE(found) << name;
        return found;
    }
    /// The next ones, as they are written.
    std::vector<std::string> next(std::string_view text, std::string_view place, std::int64_t after,
                                  int count) {
        const auto times = CronTimes::parse(text);
        EXPECT_TRUE(times) << text;
        const auto there = zone(place);
        std::vector<std::string> found;
        for (int i = 0; i < count; ++i) {
            const auto at = times->next(after, *there);
            if (!at) break;
            found.push_back(to_iso8601(WallTime::from_unix_s(*at)).substr(0, 16));
            after = *at;
        }
        return found;
    }
    int count_between(std::string_view text, std::string_view place, std::int64_t from, std::int64_t to) {
        const auto times = CronTimes::parse(text);
        const auto there = zone(place);
        int count = 0;
        for (auto at = times->next(from - 1, *there); at && *at < to; at = times->next(*at, *there)) ++count;
        return count;
    }
    Zones zones;
};
using Texts = std::vector<std::string>;

TEST_F(Cron, G6_3AFixedTimeComesOnceADayWhenTheClocksChange) {
    EXPECT_EQ(next("30 2 * * *", "Europe/Berlin", cron_moment(2027, 3, 27, 12, 0), 2),
              (Texts{"2027-03-28T01:30", "2027-03-29T00:30"}));
    EXPECT_EQ(next("30 2 * * *", "Europe/Berlin", cron_moment(2027, 10, 30, 12, 0), 2),
              (Texts{"2027-10-31T00:30", "2027-11-01T01:30"}));
}

TEST_F(Cron, G6_3AnIntervalGoesOnByRealTime) {
    const auto day = [&](int month, int day_number) {
        const auto there = zone("Europe/Berlin");
        const auto from = there->to_utc(cron_moment(2027, month, day_number, 0, 0));
        const auto to = there->to_utc(cron_moment(2027, month, day_number + 1, 0, 0));
        return count_between("*/30 * * * *", "Europe/Berlin", from, to);
    };
    EXPECT_EQ(day(3, 28), 46);
    EXPECT_EQ(day(10, 30), 48);
    const auto there = zone("Europe/Berlin");
    EXPECT_EQ(count_between("*/30 * * * *", "Europe/Berlin", there->to_utc(cron_moment(2027, 10, 31, 0, 0)),
                            there->to_utc(cron_moment(2027, 11, 1, 0, 0))),
              50);
}

TEST_F(Cron, TwoTimesOfOneMomentAreOne) {
    // 02:30 does not exist on that day, and is the moment of 03:30.
    EXPECT_EQ(next("30 2,3 * * *", "Europe/Berlin", cron_moment(2027, 3, 27, 12, 0), 3),
              (Texts{"2027-03-28T01:30", "2027-03-29T00:30", "2027-03-29T01:30"}));
}

TEST_F(Cron, TakesNamesListsRangesAndSteps) {
    const auto from = cron_moment(2026, 11, 30, 0, 0);  // A Monday.
    EXPECT_EQ(next("0 2 * * mon-fri", "Etc/UTC", from, 6),
              (Texts{"2026-11-30T02:00", "2026-12-01T02:00", "2026-12-02T02:00", "2026-12-03T02:00",
                     "2026-12-04T02:00", "2026-12-07T02:00"}));
    EXPECT_EQ(next("5-10/5,50 22 1 JAN,jul *", "Etc/UTC", from, 4),
              (Texts{"2027-01-01T22:05", "2027-01-01T22:10", "2027-01-01T22:50", "2027-07-01T22:05"}));
    EXPECT_EQ(next("0 0 * * 7", "Etc/UTC", from, 1), Texts{"2026-12-06T00:00"});
    // Both days are named, so one is enough.
    EXPECT_EQ(next("0 0 13 * fri", "Etc/UTC", from, 3),
              (Texts{"2026-12-04T00:00", "2026-12-11T00:00", "2026-12-13T00:00"}));
    EXPECT_EQ(next("0 0 29 2 *", "Etc/UTC", from, 2), (Texts{"2028-02-29T00:00", "2032-02-29T00:00"}));
    EXPECT_EQ(next("0 0 31 2 *", "Etc/UTC", from, 1), Texts{});
    EXPECT_EQ(next("0 * 31 2 *", "Etc/UTC", from, 1), Texts{});
}

TEST_F(Cron, NamesTheFieldThatIsWrong) {
    const auto error = [](std::string_view text) {
        const auto times = CronTimes::parse(text);
        return times ? std::string("accepted") : times.error().detail;
    };
    EXPECT_EQ(error("30 2 * *").substr(0, 17), "takes five fields");
    EXPECT_EQ(error("").substr(0, 17), "takes five fields");
    EXPECT_EQ(error("60 2 * * *"),
              "the field minute does not take '60'; it takes 0 to 59, *, lists, ranges and steps");
    for (const auto* text :
         {"1-0 * * * *", "*/0 * * * *", "5/2 * * * *", "1, * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
          "* * * * 8", "* * * sun *", "-1 * * * *", "* * * * m"})
        EXPECT_EQ(error(text).substr(0, 9), "the field") << text;
}

}  // namespace
}  // namespace carillon
