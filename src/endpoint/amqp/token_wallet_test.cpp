#include "endpoint/amqp/token_wallet.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::amqp {
namespace {

IdentityKey key(std::string_view device, std::string_view module = {}) {
    return *IdentityKey::parse(device, module);
}

constexpr WallTime at(std::int64_t s) {
    return WallTime::from_unix_s(s);
}

std::string identities_of(std::string_view resource) {
    std::string text;
    for (const IdentityKey& identity : parse_token_scope(resource).identities) {
        text += (text.empty() ? "" : " ") + identity.path();
    }
    return text;
}

TEST(TokenScope, IsTheIdentityOfItsPath) {
    EXPECT_EQ(identities_of("hub/devices/d1"), "d1");
    EXPECT_EQ(identities_of("hub%2Fdevices%2Fd1"), "d1");
    EXPECT_EQ(identities_of("hub%2fDEVICES%2fd1/"), "d1");
    EXPECT_EQ(identities_of("amqps://hub:5671/devices/d1"), "d1");
    EXPECT_EQ(identities_of("hub/devices/d1/modules/m1"), "d1/m1");
    EXPECT_EQ(identities_of("hub%2Fdevices%2Fa%2540b"), "a%40b a@b");
    for (const char* none :
         {"", "hub", "hub/devices", "hub/devices/", "hub/messages/events", "hub/devices/a b", "%zz"}) {
        EXPECT_EQ(identities_of(none), "") << none;
    }
}

TEST(TokenWallet, GivesTheTokensToTryBestFirst) {
    TokenWallet wallet;
    ASSERT_TRUE(wallet.put_wide("wide", at(10)));
    ASSERT_TRUE(wallet.put(key("d"), "device", at(10)));
    ASSERT_TRUE(wallet.put(key("d", "m"), "module", at(10)));
    EXPECT_EQ(wallet.find(key("d", "m")), (std::vector<std::string>{"module", "device", "wide"}));
    EXPECT_EQ(wallet.find(key("e")), (std::vector<std::string>{"wide"}));
    ASSERT_TRUE(wallet.put(key("d"), "newer", at(20)));
    EXPECT_EQ(wallet.find(key("d")), (std::vector<std::string>{"newer", "wide"}));
}

TEST(TokenWallet, ForgetsWhatHasEnded) {
    TokenWallet wallet;
    ASSERT_TRUE(wallet.put(key("d"), "device", at(10)));
    ASSERT_TRUE(wallet.put_wide("wide", at(20)));
    EXPECT_EQ(wallet.next_end(), at(10));
    wallet.drop_expired(at(10));
    EXPECT_EQ(wallet.next_end(), at(10));
    EXPECT_FALSE(wallet.drop_expired(at(11)));
    EXPECT_EQ(wallet.next_end(), at(20));
    wallet.drop_expired(at(21));
    EXPECT_TRUE(wallet.is_empty());
}

TEST(TokenWallet, KeepsAGrantByPolicyAndScopeAndSaysWhatItAllows) {
    const std::vector<std::string> hosts{"hub.example.net"};
    const std::string secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const auto grant = [&secret](const char* resource, AccessRights rights, std::int64_t end) {
        Grant made;
        made.policy = "p";
        made.rights = rights;
        made.token = *sas::parse_token(sas::make_token(resource, secret, at(end), "p"));
        made.expires = at(end);
        return made;
    };
    const std::vector<std::string_view> feedback{"messages", "servicebound", "feedback"};
    const auto may = [&](const TokenWallet& wallet, AccessRights right, std::int64_t now) {
        return wallet.find(right, feedback, hosts, at(now)) != nullptr;
    };
    TokenWallet wallet;
    ASSERT_TRUE(wallet.put(grant("hub.example.net/messages", AccessRights::service_connect, 10)));
    EXPECT_TRUE(may(wallet, AccessRights::service_connect, 10));
    EXPECT_FALSE(may(wallet, AccessRights::service_connect, 11));
    EXPECT_FALSE(may(wallet, AccessRights::device_connect, 10));
    ASSERT_TRUE(wallet.put(grant("hub.example.net/messages", AccessRights::service_connect, 20)));
    EXPECT_TRUE(may(wallet, AccessRights::service_connect, 15));
    EXPECT_TRUE(wallet.drop_expired(at(21)));
    ASSERT_TRUE(wallet.put(grant("hub.example.net/devices", AccessRights::all, 30)));
    EXPECT_FALSE(may(wallet, AccessRights::service_connect, 25));
}

TEST(TokenWallet, IsBoundedInTokensInTheirBytesAndInGrants) {
    TokenWallet many;
    for (std::size_t i = 0; i < TokenWallet::tokens_max; ++i)
        ASSERT_TRUE(many.put(key(std::to_string(i)), "t", at(1)));
    EXPECT_EQ(many.put(key("more"), "t", at(1)).error().code, Errc::iot_hub_quota_exceeded);
    EXPECT_TRUE(many.put(key("0"), "u", at(1)));

    TokenWallet large;
    const std::string half(TokenWallet::token_bytes_total_max / 2, 'x');
    ASSERT_TRUE(large.put(key("a"), half, at(1)));
    ASSERT_TRUE(large.put(key("b"), half, at(1)));
    EXPECT_FALSE(large.put(key("c"), "x", at(1)));
    EXPECT_TRUE(large.put(key("b"), half, at(1)));

    TokenWallet wide;
    for (std::size_t i = 0; i <= TokenWallet::wide_max; ++i)
        ASSERT_TRUE(wide.put_wide(std::to_string(i), at(1)));
    EXPECT_EQ(wide.find(key("d")).size(), TokenWallet::wide_max);

    TokenWallet grants;
    for (std::size_t i = 0; i <= TokenWallet::grants_max; ++i) {
        Grant grant;
        grant.policy = std::to_string(i);
        EXPECT_EQ(grants.put(grant).has_value(), i < TokenWallet::grants_max);
    }
}

}  // namespace
}  // namespace carillon::amqp
