// A device that comes back to its stored session: what waits until its program runs.

#include "wire/mqtt/session.hpp"
#include "wire/mqtt/testing.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon::mqtt {
namespace {

using testing::bytes_of;
using testing::connect_of;
using testing::desired_filter;
using testing::events;
using testing::methods_filter;
using testing::publish_of;
using testing::subscribe_of;
using testing::Talk;
using testing::to_hex;
using testing::twin_filter;
using testing::unsubscribe_of;
using Lines = std::vector<std::string>;

/// When a keep-alive of 60 s ends.
constexpr std::chrono::seconds silence_max{90};

/// A device that is back, with methods and desired properties subscribed to before.
struct Returning : Talk {
    Returning() {
        host.session_present = true;
        host.restored = {{std::string(methods_filter), 0}, {std::string(desired_filter), 0}};
        open();
        host.now += std::chrono::milliseconds(1);
    }
    /// The versions of the notifications sent since the last look.
    std::string desired() {
        const std::string sent = host.take_sent();
        std::string out;
        for (std::size_t at = 0; (at = sent.find("$version=", at)) != std::string::npos; at += 9) {
            out += sent[at + 9];
        }
        return out;
    }
};

TEST(ReturningSession, ACallWaitsUntilTheDeviceShowsThatItsProgramRuns) {
    const std::string_view ping("\xC0\0", 2);
    struct Case {
        std::string bytes;
        bool gets_methods;
        bool gets_desired;
    };
    for (const Case& c : std::initializer_list<Case>{
             {std::string(ping), true, true},
             {publish_of(events, "x"), true, true},
             {publish_of("$iothub/twin/PATCH/properties/reported/?$rid=1", "{}"), true, true},
             {publish_of("$iothub/methods/res/200/?$rid=1"), true, true},
             {subscribe_of(methods_filter), true, false},
             {subscribe_of("$iothub/methods/POST/reboot/#"), true, false},
             {subscribe_of(desired_filter), false, true},
             // What a program does before it registers its handlers.
             {subscribe_of(twin_filter), false, false},
             {subscribe_of("devices/d1/messages/devicebound/#"), false, false},
             {unsubscribe_of(twin_filter), false, false},
         }) {
        Returning talk;
        EXPECT_FALSE(talk.session.takes_method("m"));
        EXPECT_TRUE(talk.session.will_take_method("m"));
        EXPECT_TRUE(talk.session.takes_desired());
        talk.session.send_desired(3, "{}");
        EXPECT_EQ(talk.host.take_sent(), "");
        talk.say(c.bytes);
        EXPECT_EQ(talk.session.takes_method("m"), c.gets_methods) << to_hex(c.bytes);
        EXPECT_NE(talk.session.will_take_method("m"), c.gets_methods) << to_hex(c.bytes);
        const Lines lines = talk.host.take_lines();
        if (c.gets_methods) {
            EXPECT_NE(std::find(lines.begin(), lines.end(), "changed"), lines.end()) << to_hex(c.bytes);
        }
        EXPECT_EQ(talk.desired(), c.gets_desired ? "3" : "") << to_hex(c.bytes);
        talk.session.send_desired(4, "{}");
        EXPECT_EQ(talk.desired(), c.gets_desired ? "4" : "") << to_hex(c.bytes);
        // Whatever waits still does not wait for long.
        EXPECT_EQ(talk.session.deadline() == TimePoint{} + SessionLimits::return_max,
                  !c.gets_methods || !c.gets_desired);
        talk.session.tick(TimePoint{} + SessionLimits::return_max);
        EXPECT_TRUE(talk.session.takes_method("m"));
        EXPECT_EQ(talk.desired(), c.gets_desired ? "" : "34") << to_hex(c.bytes);
    }
}

TEST(ReturningSession, ADeviceThatSaysNothingGetsWhatWaitsSoon) {
    Returning talk;
    talk.session.send_desired(3, "{}");
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + SessionLimits::return_max);
    talk.session.tick(talk.session.deadline() - std::chrono::nanoseconds(1));
    EXPECT_FALSE(talk.session.takes_method("m"));
    talk.session.tick(talk.session.deadline());
    EXPECT_TRUE(talk.session.takes_method("m"));
    EXPECT_EQ(talk.host.take_lines(), Lines{"changed"});
    EXPECT_EQ(talk.desired(), "3");
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + silence_max);
}

TEST(ReturningSession, WhatWaitsForADeviceIsInTheTwinItReads) {
    Returning talk;
    talk.say(subscribe_of(twin_filter));
    talk.session.send_desired(3, "{}");
    talk.say(publish_of("$iothub/twin/GET/?$rid=1"));
    talk.host.take_sent();
    talk.session.send_desired(4, "{}");
    talk.say(subscribe_of(desired_filter, 0, 2));
    EXPECT_EQ(talk.desired(), "4");
}

TEST(ReturningSession, MoreNotificationsThanAreKeptAreSent) {
    Returning talk;
    const std::string body(SessionLimits::kept_bytes_max / 2, ' ');
    talk.session.send_desired(3, body);
    talk.session.send_desired(4, body);
    EXPECT_EQ(talk.host.sent, "");
    talk.session.send_desired(5, "{}");
    EXPECT_EQ(talk.desired(), "345");
    EXPECT_FALSE(talk.session.takes_method("m"));
}

TEST(ReturningSession, ADeviceThatUnsubscribesWhileItReturnsGetsNothing) {
    Returning talk;
    talk.session.send_desired(3, "{}");
    talk.say(unsubscribe_of(desired_filter) + unsubscribe_of(methods_filter, 2));
    EXPECT_FALSE(talk.session.will_take_method("m"));
    talk.host.take_sent();
    talk.session.tick(talk.session.deadline());
    EXPECT_EQ(talk.host.sent, "");
    EXPECT_FALSE(talk.session.takes_method("m"));
}

TEST(ReturningSession, ASessionWithoutSubscriptionsReturnsAtOnce) {
    Talk talk;
    talk.host.session_present = true;
    talk.host.restored = {{std::string(twin_filter), 0}};
    talk.open();
    talk.say(subscribe_of(methods_filter));
    EXPECT_TRUE(talk.session.takes_method("m"));
    EXPECT_EQ(talk.session.deadline(), TimePoint{} + silence_max);
}

}  // namespace
}  // namespace carillon::mqtt
