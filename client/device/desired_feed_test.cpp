#include "device/desired_feed.hpp"

#include <gtest/gtest.h>

namespace carillon::client {
namespace {

std::string twin_of(int version) {
    return R"({"desired":{"a":1,"$version":)" + std::to_string(version) + R"(},"reported":{"$version":1}})";
}

/// The versions told, those of a whole section with a star.
std::string versions(const std::vector<DesiredProperties>& told) {
    std::string text;
    for (const DesiredProperties& one : told) {
        text += (text.empty() ? "" : " ") + std::to_string(one.version) + (one.is_complete ? "*" : "");
    }
    return text;
}

TEST(DesiredFeed, BeginsWithTheWhole) {
    DesiredFeed feed;
    EXPECT_TRUE(feed.wants_twin());
    feed.reading();
    EXPECT_FALSE(feed.wants_twin());
    const auto told = feed.twin_read(twin_of(4));
    ASSERT_TRUE(told);
    EXPECT_EQ(versions(*told), "4*");
    EXPECT_EQ(told->front().json, R"({"a":1,"$version":4})");
    EXPECT_FALSE(feed.wants_twin());
}

TEST(DesiredFeed, TellsEachVersionOnce) {
    DesiredFeed feed;
    feed.reading();
    EXPECT_FALSE(feed.changed(5, "{}")) << "held back while the twin is read";
    EXPECT_FALSE(feed.changed(6, "{}"));
    EXPECT_EQ(versions(feed.twin_read(twin_of(5)).value()), "5* 6");
    EXPECT_FALSE(feed.changed(6, "{}"));
    const auto next = feed.changed(7, "{}");
    ASSERT_TRUE(next);
    EXPECT_FALSE(next->is_complete);
}

TEST(DesiredFeed, AGapHasTheTwinReadAgain) {
    DesiredFeed feed;
    feed.reading();
    ASSERT_TRUE(feed.twin_read(twin_of(1)));
    EXPECT_FALSE(feed.changed(3, "{}"));
    EXPECT_TRUE(feed.wants_twin());
    feed.reading();
    EXPECT_EQ(versions(feed.twin_read(twin_of(3)).value()), "3*");
}

TEST(DesiredFeed, AfterAConnectionOnlyWhatChangedIsTold) {
    DesiredFeed feed;
    feed.reading();
    ASSERT_TRUE(feed.twin_read(twin_of(2)));
    feed.connection_over();
    EXPECT_TRUE(feed.wants_twin());
    feed.reading();
    EXPECT_EQ(versions(feed.twin_read(twin_of(2)).value()), "");
    feed.connection_over();
    feed.reading();
    EXPECT_EQ(versions(feed.twin_read(twin_of(1)).value()), "1*") << "a device that was made anew";
}

TEST(DesiredFeed, MoreThanItHoldsIsReadAgain) {
    DesiredFeed feed;
    feed.reading();
    for (int version = 2; version <= 20; ++version) EXPECT_FALSE(feed.changed(version, "{}"));
    ASSERT_TRUE(feed.twin_read(twin_of(1)));
    EXPECT_TRUE(feed.wants_twin());
    feed.reading();
    EXPECT_EQ(feed.twin_read(twin_of(20)).value().back().version, 20);
}

TEST(DesiredFeed, WhatIsNoTwinIsRefused) {
    DesiredFeed feed;
    feed.reading();
    EXPECT_FALSE(feed.twin_read("{}"));
    EXPECT_FALSE(feed.twin_read("["));
    EXPECT_TRUE(feed.wants_twin());
}

}  // namespace
}  // namespace carillon::client
