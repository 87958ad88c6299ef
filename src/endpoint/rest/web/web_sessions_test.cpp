#include "endpoint/rest/web/web_sessions.hpp"

#include <gtest/gtest.h>

namespace carillon::rest {
namespace {

constexpr std::int64_t never = 1LL << 40;

SharedAccessPolicy policy_of(std::string name, AccessRights rights) {
    SharedAccessPolicy policy;
    policy.name = std::move(name);
    policy.rights = rights;
    policy.primary_key = policy.name + "-first";
    policy.secondary_key = policy.name + "-second";
    return policy;
}

class Sessions : public ::testing::Test {
protected:
    std::string open(WebAccess access = WebAccess::read) {
        return sessions_.open(*policies_.find("owner"), access, now_, never);
    }

    WallTime now_ = WallTime::from_unix_s(1'795'514'400);
    SeededRandom random_{1};
    Policies policies_{
        {policy_of("owner", AccessRights::all), policy_of("a.b;c", AccessRights::registry_read)}};
    WebSessions sessions_{policies_, "secret", random_};
};

TEST_F(Sessions, AreOfAPolicyAndEndByThemselves) {
    const std::string text = open(WebAccess::change);
    const auto found = sessions_.find(text, now_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->policy, "owner");
    EXPECT_EQ(found->rights, AccessRights::all);
    EXPECT_EQ(found->access, WebAccess::change);
    EXPECT_TRUE(sessions_.find(text, now_.plus_s(WebSessions::lifetime_s - 1)));
    EXPECT_FALSE(sessions_.find(text, now_.plus_s(WebSessions::lifetime_s)));
    const std::string other = sessions_.open(*policies_.find("a.b;c"), WebAccess::read, now_, never);
    EXPECT_EQ(sessions_.find(other, now_)->policy, "a.b;c");
    EXPECT_EQ(other.find(';'), std::string::npos);
}

TEST_F(Sessions, EndNoLaterThanTheyAreLet) {
    const std::string text =
        sessions_.open(*policies_.find("owner"), WebAccess::read, now_, now_.unix_s() + 10);
    EXPECT_TRUE(sessions_.find(text, now_.plus_s(9)));
    EXPECT_FALSE(sessions_.find(text, now_.plus_s(10)));
}

TEST_F(Sessions, AreRefusedIfAnyByteIsAnother) {
    const std::string text = open();
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string forged = text;
        forged[i] = forged[i] == '1' ? '2' : '1';
        EXPECT_FALSE(sessions_.find(forged, now_)) << forged;
        EXPECT_FALSE(sessions_.find(std::string_view(text).substr(0, i), now_));
    }
    EXPECT_FALSE(sessions_.find(text + ".", now_));
    EXPECT_FALSE(sessions_.find(std::string(WebSessions::cookie_bytes_max + 1, '.'), now_));
}

TEST_F(Sessions, OutliveTheHubButNotTheKeysOfTheirPolicy) {
    const std::string text = open();
    EXPECT_TRUE(WebSessions(policies_, "secret", random_).find(text, now_));
    EXPECT_FALSE(WebSessions(policies_, "another secret", random_).find(text, now_));
    SharedAccessPolicy changed = policy_of("owner", AccessRights::all);
    changed.secondary_key = "new";
    const Policies rotated({changed});
    EXPECT_FALSE(WebSessions(rotated, "secret", random_).find(text, now_));
    const Policies none{std::vector<SharedAccessPolicy>()};
    EXPECT_FALSE(WebSessions(none, "secret", random_).find(text, now_));
}

TEST_F(Sessions, OnceEndedStaySoAcrossARestart) {
    const std::string first = open();
    const std::string second = open();
    const std::string stored = sessions_.end(*sessions_.find(first, now_), now_);
    EXPECT_FALSE(sessions_.find(first, now_));
    EXPECT_TRUE(sessions_.find(second, now_));
    WebSessions later(policies_, "secret", random_);
    ASSERT_TRUE(later.restore(stored));
    EXPECT_FALSE(later.find(first, now_));
    EXPECT_TRUE(later.find(second, now_));
    EXPECT_FALSE(later.restore("nonsense"));
    EXPECT_FALSE(later.restore("0\nid"));
}

TEST_F(Sessions, AreForgottenOnceTheyWouldHaveEnded) {
    const std::string before = sessions_.end(*sessions_.find(open(), now_), now_);
    const WallTime later = now_.plus_s(WebSessions::lifetime_s);
    const std::string other = sessions_.open(*policies_.find("owner"), WebAccess::read, later, never);
    EXPECT_EQ(sessions_.end(*sessions_.find(other, later), later).size(), before.size());
}

TEST_F(Sessions, AllEndWhenTooManyHaveToBeRemembered) {
    const std::string kept = open();
    for (std::size_t i = 0; i < WebSessions::ended_max; ++i) {
        sessions_.end(*sessions_.find(open(), now_), now_);
    }
    EXPECT_TRUE(sessions_.find(kept, now_));
    const std::string stored = sessions_.end(*sessions_.find(open(), now_), now_);
    EXPECT_FALSE(sessions_.find(kept, now_));
    EXPECT_LT(stored.size(), 100U);
    WebSessions later(policies_, "secret", random_);
    ASSERT_TRUE(later.restore(stored));
    EXPECT_FALSE(later.find(kept, now_));
    const auto next = now_.plus_s(1);
    EXPECT_TRUE(later.find(later.open(*policies_.find("owner"), WebAccess::read, next, never), next));
}

TEST_F(Sessions, HaveAWritingTokenEach) {
    const auto one = sessions_.find(open(), now_);
    const auto two = sessions_.find(open(), now_);
    EXPECT_EQ(sessions_.csrf_token(*one).size(), 64U);
    EXPECT_EQ(sessions_.csrf_token(*one), sessions_.csrf_token(*one));
    EXPECT_NE(sessions_.csrf_token(*one), sessions_.csrf_token(*two));
}

TEST_F(Sessions, AreOpenedOnceByALink) {
    const std::string code = sessions_.make_link("owner", WebAccess::change, now_, never);
    EXPECT_FALSE(sessions_.open_link("0123456789abcdef0123456789abcdef", now_));
    const auto opened = sessions_.open_link(code, now_);
    ASSERT_TRUE(opened);
    EXPECT_EQ(sessions_.find(*opened, now_)->access, WebAccess::change);
    EXPECT_FALSE(sessions_.open_link(code, now_));
    const std::string old = sessions_.make_link("owner", WebAccess::read, now_, never);
    EXPECT_FALSE(sessions_.open_link(old, now_.plus_s(WebSessions::link_lifetime_s + 1)));
}

TEST_F(Sessions, KeepABoundedNumberOfLinks) {
    const std::string first = sessions_.make_link("owner", WebAccess::read, now_, never);
    for (std::size_t i = 0; i < WebSessions::links_max; ++i) {
        sessions_.make_link("owner", WebAccess::read, now_.plus_s(1), never);
    }
    EXPECT_FALSE(sessions_.open_link(first, now_));
}

}  // namespace
}  // namespace carillon::rest
