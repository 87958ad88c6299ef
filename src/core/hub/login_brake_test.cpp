#include "core/hub/login_brake.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint start{seconds(1000)};

Duration fail(LoginBrake& brake, std::string_view identity, std::string_view peer, TimePoint now = start) {
    return brake.failed({.protocol = "test", .identity = identity, .peer = peer, .why = "wrong key"}, now);
}

TEST(LoginBrake, SlowsAnIdentityThatFailsTooOftenAndNoOther) {
    LoginBrake brake;
    for (int i = 0; i < LoginBrake::identity_pace.at_once; ++i) {
        EXPECT_EQ(fail(brake, "d1", "192.0.2.1:1000"), Duration::zero());
    }
    EXPECT_EQ(fail(brake, "d1", "192.0.2.1:1000"), seconds(1));
    EXPECT_EQ(fail(brake, "d1", "192.0.2.2:1000"), seconds(2)) << "from wherever";
    EXPECT_EQ(fail(brake, "d2", "192.0.2.1:1000"), Duration::zero());
    EXPECT_EQ(brake.failures(), LoginBrake::identity_pace.at_once + 3U);
}

TEST(LoginBrake, SlowsAnAddressThatFailsForManyIdentities) {
    LoginBrake brake;
    Duration longest{};
    for (int i = 0; i < LoginBrake::address_pace.at_once; ++i) {
        longest = std::max(longest, fail(brake, "d" + std::to_string(i), "192.0.2.1:1000"));
    }
    EXPECT_EQ(longest, Duration::zero());
    EXPECT_EQ(fail(brake, "another", "192.0.2.1:1000"), milliseconds(100));
    EXPECT_EQ(fail(brake, "another", "192.0.2.2:1000"), Duration::zero());
}

TEST(LoginBrake, ForgivesWithTime) {
    LoginBrake brake;
    for (int i = 0; i < 1000; ++i) fail(brake, "d1", "192.0.2.1:1");
    EXPECT_EQ(fail(brake, "d1", "192.0.2.1:1"), LoginBrake::wait_max) << "and never waits longer";
    EXPECT_EQ(fail(brake, "d1", "192.0.2.1:1", start + seconds(5)), seconds(1));
    EXPECT_EQ(fail(brake, "d1", "192.0.2.1:1", start + seconds(16)), Duration::zero());
}

TEST(LoginBrake, TellsThoseWhoClaimToBeNobodyApartByTheirAddress) {
    LoginBrake brake;
    for (int i = 0; i < LoginBrake::address_pace.at_once; ++i) {
        EXPECT_EQ(fail(brake, "", "192.0.2.1:1"), Duration::zero());
    }
    EXPECT_EQ(fail(brake, "", "192.0.2.1:1"), milliseconds(100));
    EXPECT_EQ(fail(brake, "", "192.0.2.2:1"), Duration::zero());
}

TEST(LoginBrake, TakesANetworkOfIpv6ForOneHost) {
    EXPECT_EQ(LoginBrake::address_of("[2001:db8:1:2::1]:443"),
              LoginBrake::address_of("[2001:db8:1:2:9::]:1"));
    EXPECT_NE(LoginBrake::address_of("[2001:db8:1:2::1]:443"),
              LoginBrake::address_of("[2001:db8:1:3::1]:443"));
    EXPECT_NE(LoginBrake::address_of("[::ffff:192.0.2.1]:1"), LoginBrake::address_of("[::ffff:192.0.2.2]:1"));
    EXPECT_EQ(LoginBrake::address_of("192.0.2.1:1"), "192.0.2.1");
}

TEST(LoginBrake, WritesALineAMinuteForAnIdentityAndFiveASecondInAll) {
    LoginBrake brake;
    ::testing::internal::CaptureStderr();
    for (int i = 0; i < 5; ++i) fail(brake, "d1", "192.0.2.1:1");
    for (int i = 0; i < 50; ++i) fail(brake, "e" + std::to_string(i), "192.0.2.1:1");
    fail(brake, "d1", "192.0.2.1:1", start + seconds(61));
    std::string text = ::testing::internal::GetCapturedStderr();
    int lines = 0;
    for (const char c : text) lines += c == '\n' ? 1 : 0;
    EXPECT_EQ(lines, LoginBrake::lines_a_second_max + 1) << text;
    EXPECT_NE(text.find("identity=d1 peer=192.0.2.1:1 why=\"wrong key\" count=5"), std::string::npos) << text;
}

TEST(LoginBrake, CausesAreCountedApartAndAreNotWithoutNumber) {
    LoginBrake brake;
    const auto fail = [&](std::string_view protocol, std::string_view why) {
        brake.failed({.protocol = protocol, .identity = "d", .peer = "127.0.0.1:1", .why = why}, TimePoint{});
    };
    fail("mqtt", "wrong key");
    fail("mqtt", "wrong key");
    fail("https", "wrong key");
    const auto causes = brake.causes();
    ASSERT_EQ(causes.size(), 2U);
    EXPECT_EQ(causes[0].count, 2U);
    EXPECT_EQ(causes[1].protocol, "https");
    for (std::size_t i = 0; i < 2 * LoginBrake::causes_max; ++i) fail("mqtt", std::to_string(i));
    EXPECT_EQ(brake.causes().size(), LoginBrake::causes_max);
    EXPECT_EQ(brake.causes().back().why, "other");
    std::uint64_t sum = 0;
    for (const auto& cause : brake.causes()) sum += cause.count;
    EXPECT_EQ(sum, brake.failures());
}

}  // namespace
}  // namespace carillon
