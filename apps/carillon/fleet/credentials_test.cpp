#include "fleet/credentials.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "fleet/registration.hpp"
#include "wire/sas/sas_token.hpp"

#include <gtest/gtest.h>
#include <array>
#include <map>
#include <set>

namespace carillon::fleet {
namespace {

constexpr std::string_view group_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const WallTime now = WallTime::from_unix_s(1'700'000'000);

sas::ConnectionString policy() {
    sas::ConnectionString parts;
    parts.host_name = "hub.example.net";
    parts.key_name = "iothubowner";
    parts.key = group_key;
    return parts;
}

TEST(Credentials, ADevicesKeyIsTheGroupsOverItsId) {
    const auto credentials = Credentials::of_group(policy(), group_key, "sim-").value();
    EXPECT_EQ(credentials.primary_key("sim-000001"),
              base64_encode(hmac_sha256("0123456789abcdef0123456789abcdef", "sim-000001")));
    EXPECT_NE(credentials.primary_key("sim-000001"), credentials.primary_key("sim-000002"));
    EXPECT_NE(credentials.primary_key("sim-000001"), credentials.secondary_key("sim-000001"));
}

TEST(Credentials, TheGroupKeyFollowsFromThePolicyAndThePrefix) {
    const auto one = Credentials::of_group(policy(), {}, "sim-").value();
    const auto again = Credentials::of_group(policy(), {}, "sim-").value();
    const auto other = Credentials::of_group(policy(), {}, "door-").value();
    EXPECT_EQ(one.primary_key("x"), again.primary_key("x"));
    EXPECT_NE(one.primary_key("x"), other.primary_key("x"));
}

TEST(Credentials, ADevicesTokenNamesItAndIsSignedByItsKey) {
    const auto credentials = Credentials::of_group(policy(), {}, "sim-").value();
    const auto token = sas::parse_token(credentials.token("sim-000001", now)).value();
    const std::array<std::string, 1> names{"hub.example.net"};
    EXPECT_TRUE(sas::covers_identity(token, names, "sim-000001", {}));
    EXPECT_TRUE(sas::is_signed_by(token, credentials.primary_key("sim-000001")));
    EXPECT_FALSE(sas::is_expired(token, now.plus_s(Credentials::token_life_s)));
    EXPECT_EQ(token.key_name, "");
}

TEST(Credentials, ThePolicyMaySignForAnyDevice) {
    const auto credentials = Credentials::of_policy(policy());
    EXPECT_FALSE(credentials.has_device_keys());
    const auto token = sas::parse_token(credentials.token("whoever", now)).value();
    EXPECT_TRUE(sas::is_signed_by(token, group_key));
    EXPECT_EQ(token.key_name, "iothubowner");
}

TEST(Credentials, RefusesAMalformedKey) {
    EXPECT_FALSE(Credentials::of_group(policy(), "no base64!", "sim-"));
    EXPECT_FALSE(Credentials::of_group(policy(), "c2hvcnQ=", "sim-"));
}

TEST(Credentials, IdsHaveAtLeastSixDigits) {
    EXPECT_EQ(device_id("sim-", 0), "sim-000000");
    EXPECT_EQ(device_id("sim-", 123'456), "sim-123456");
    EXPECT_EQ(device_id("", 1'234'567), "1234567");
}

TEST(Registration, ARequestHoldsEachDeviceOnceWithItsKeysAndTags) {
    const auto credentials = Credentials::of_group(policy(), {}, "sim-").value();
    const std::string text = registration_json(credentials, {.prefix = "sim-"}, 95, 100);
    const auto body = JsonDocument::parse(text);
    ASSERT_TRUE(body);
    EXPECT_EQ(body->root().size(), 100U);
    std::set<std::string> ids;
    for (auto entry = body->root().first(); entry.exists(); entry = entry.next()) {
        const std::string id(entry.find("id").string());
        ids.insert(id);
        const auto keys = entry.find("authentication").find("symmetricKey");
        EXPECT_EQ(keys.find("primaryKey").string(), credentials.primary_key(id));
        EXPECT_EQ(entry.find("tags").find("fleet").string(), "sim-");
    }
    EXPECT_EQ(ids.size(), 100U);
    EXPECT_TRUE(ids.contains("sim-000095") && ids.contains("sim-000194"));
}

TEST(Registration, DevicesHaveSitesAndTimeZonesIfThereAreAny) {
    const auto credentials = Credentials::of_group(policy(), {}, "sim-").value();
    const RegistrationOrder order{.prefix = "sim-", .sites = 3, .zones = {"Europe/Berlin", "Asia/Tokyo"}};
    const std::string text = registration_json(credentials, order, 0, 300);
    EXPECT_EQ(registration_json(credentials, order, 0, 300), text);
    const auto body = JsonDocument::parse(text).value();
    std::map<std::string, int> seen;
    for (auto entry = body.root().first(); entry.exists(); entry = entry.next()) {
        ++seen[std::string(entry.find("tags").find("site").string())];
        ++seen[std::string(entry.find("tags").find("tz").string())];
    }
    EXPECT_EQ(seen.size(), 5U);
    for (const auto& [value, count] : seen) EXPECT_GT(count, 60) << value;
    EXPECT_TRUE(seen.contains("site-2") && seen.contains("Asia/Tokyo"));
}

}  // namespace
}  // namespace carillon::fleet
