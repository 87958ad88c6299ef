#include "endpoint/rest/sign_in_brake.hpp"

#include <gtest/gtest.h>

namespace carillon::rest {
namespace {

using std::chrono::seconds;

constexpr TimePoint start{seconds(1000)};

void fail_often(SignInBrake& brake, std::string_view peer, int times = SignInBrake::failures_max) {
    for (int i = 0; i < times; ++i) brake.failed(peer, start);
}

TEST(SignInBrake, StopsAnAddressThatFailsTooOftenAndNoOther) {
    SignInBrake brake;
    fail_often(brake, "192.0.2.1:1000", SignInBrake::failures_max - 1);
    EXPECT_EQ(brake.wait("192.0.2.1:1001", start), Duration::zero());
    brake.failed("192.0.2.1:1002", start);
    EXPECT_EQ(brake.wait("192.0.2.1:1003", start), seconds(SignInBrake::seconds_a_failure));
    EXPECT_EQ(brake.wait("192.0.2.2:1000", start), Duration::zero());
}

TEST(SignInBrake, ForgivesAFailureAtATime) {
    SignInBrake brake;
    fail_often(brake, "192.0.2.1:1", 1000);
    const TimePoint later = start + seconds(SignInBrake::seconds_a_failure);
    EXPECT_GT(brake.wait("192.0.2.1:1", later - seconds(1)), Duration::zero());
    EXPECT_EQ(brake.wait("192.0.2.1:1", later), Duration::zero());
    brake.failed("192.0.2.1:1", later);
    EXPECT_EQ(brake.wait("192.0.2.1:1", later), seconds(SignInBrake::seconds_a_failure));
}

TEST(SignInBrake, TakesANetworkOfIpv6ForOneHost) {
    EXPECT_EQ(SignInBrake::address_of("[2001:db8:1:2::1]:443"),
              SignInBrake::address_of("[2001:db8:1:2:9::]:1"));
    EXPECT_NE(SignInBrake::address_of("[2001:db8:1:2::1]:443"),
              SignInBrake::address_of("[2001:db8:1:3::1]:443"));
    EXPECT_NE(SignInBrake::address_of("[::ffff:192.0.2.1]:1"),
              SignInBrake::address_of("[::ffff:192.0.2.2]:1"));
    EXPECT_EQ(SignInBrake::address_of("192.0.2.1:1"), "192.0.2.1");
}

TEST(SignInBrake, LetsAddressesBeyondItsRoomShareOneAccount) {
    SignInBrake brake;
    for (std::size_t i = 0; i < SignInBrake::addresses_max; ++i)
        brake.failed(std::to_string(i) + ":1", start);
    EXPECT_EQ(brake.wait("a:1", start), Duration::zero());
    fail_often(brake, "a:1");
    EXPECT_GT(brake.wait("b:1", start), Duration::zero());
    // Once the others are forgiven there is room again.
    const TimePoint later = start + seconds(SignInBrake::seconds_a_failure);
    brake.failed("c:1", later);
    EXPECT_EQ(brake.wait("d:1", later), Duration::zero());
}

}  // namespace
}  // namespace carillon::rest
