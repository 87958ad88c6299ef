#include "endpoint/rest/authorize.hpp"

#include "base/text.hpp"
#include "core/hub/provisioning_rights.hpp"
#include "endpoint/rest/routes.hpp"
#include "model/identity.hpp"
#include "wire/sas/sas_token.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace carillon::rest {
namespace {

const WallTime now = WallTime::from_unix_s(1'795'514'400);
const WallTime later = now.plus_s(3600);
const std::string key_a = base64_encode("0123456789abcdef0123456789abcdef");
const std::string key_b = base64_encode("fedcba9876543210fedcba9876543210");
const std::string other_key = base64_encode("00000000000000000000000000000000");
const std::vector<std::string> hosts{"hub.example.net", "localhost"};

const Policies policies{{
    {"iothubowner", every_right, key_a, key_b},
    {"service", AccessRights::service_connect, key_a, key_b},
    {"device", AccessRights::device_connect, key_a, key_b},
    {"registryRead", AccessRights::registry_read, key_a, key_b},
    {"registryReadWrite", AccessRights::registry_write, key_a, key_b},
    {"hub", AccessRights::all, key_a, key_b},
    {"provisioningserviceowner", ProvisioningRights::all, key_a, key_b},
    {"enrollmentRead", ProvisioningRights::enrollment_read, key_a, key_b},
    {"enrollmentWrite", ProvisioningRights::enrollment_write, key_a, key_b},
    {"statusRead", ProvisioningRights::registration_status_read, key_a, key_b},
    {"statusWrite", ProvisioningRights::registration_status_write, key_a, key_b},
    {"release", AccessRights::job_approve, key_a, key_b},
}};

/// Asks for `method path` with `token`: true if it may.
bool may(std::string_view method, std::string_view target, std::optional<std::string> token,
         WallTime at = now) {
    Path path;
    EXPECT_TRUE(path.parse(target));
    auto match = find_route(method, path);
    EXPECT_TRUE(match) << method << ' ' << target;
    if (match->route->need.is_open()) return true;
    Authorizer authorizer(policies, hosts);
    const auto result = authorizer.check(token ? std::optional<std::string_view>(*token) : std::nullopt,
                                         match->route->need, path.segments(), match->ids(), at);
    if (!result) {
        EXPECT_EQ(result.error().code, Errc::iot_hub_unauthorized_access);
    }
    return result && *result == Admitted::by_policy;
}

std::string token_for(const std::string& policy, const std::string& resource = "hub.example.net") {
    return sas::make_token(resource, key_a, later, policy);
}

// Who may do what; written anew from "Control access to IoT Hub", not read from the table.
struct Row {
    const char* method;
    const char* path;
    std::set<std::string> allowed;  ///< Beside iothubowner.
};
const std::set<std::string> readers{"registryRead", "registryReadWrite", "hub"};
const std::set<std::string> owner;                 ///< None of the lesser policies.
const std::set<std::string> approvers{"release"};  ///< And not iothubowner.
const std::set<std::string> writers{"registryReadWrite", "hub"};
const std::set<std::string> services{"service", "hub"};
const std::set<std::string> device_policies{"device", "hub"};
const std::set<std::string> read_or_service{"registryRead", "registryReadWrite", "service", "hub"};
const std::set<std::string> write_or_service{"registryReadWrite", "service", "hub"};
const std::set<std::string> enrollment_readers{"enrollmentRead", "enrollmentWrite",
                                               "provisioningserviceowner"};
const std::set<std::string> enrollment_writers{"enrollmentWrite", "provisioningserviceowner"};
const std::set<std::string> status_readers{"statusRead", "statusWrite", "provisioningserviceowner"};
const std::set<std::string> status_writers{"statusWrite", "provisioningserviceowner"};

const std::vector<Row> rows{
    {"GET", "/devices", readers},
    {"POST", "/devices", writers},
    {"POST", "/devices/query", read_or_service},
    {"POST", "/devices/keys/regenerate", writers},
    {"GET", "/devices/d", readers},
    {"PUT", "/devices/d", writers},
    {"DELETE", "/devices/d", writers},
    {"GET", "/devices/d/modules", readers},
    {"GET", "/devices/d/modules/m", readers},
    {"PUT", "/devices/d/modules/m", writers},
    {"DELETE", "/devices/d/modules/m", writers},
    {"GET", "/carillon/jobs", read_or_service},
    {"GET", "/carillon/jobs/j", read_or_service},
    {"GET", "/carillon/jobs/j/devices", read_or_service},
    {"GET", "/carillon/jobs/j/failures", read_or_service},
    {"POST", "/carillon/jobs/j/what-if", read_or_service},
    {"PATCH", "/carillon/jobs/j", write_or_service},
    {"GET", "/carillon/jobs/j/events", read_or_service},
    {"POST", "/carillon/jobs/j/pause", write_or_service},
    {"POST", "/carillon/jobs/j/resume", write_or_service},
    {"POST", "/carillon/jobs/j/promote", write_or_service},
    {"POST", "/carillon/jobs/j/close", write_or_service},
    {"POST", "/carillon/jobs/j/approve", approvers},
    {"POST", "/carillon/jobs/j/deny", approvers},
    {"GET", "/carillon/approval-rules", read_or_service},
    {"GET", "/carillon/approval-rules/r", read_or_service},
    {"PUT", "/carillon/approval-rules/r", owner},
    {"DELETE", "/carillon/approval-rules/r", owner},
    {"GET", "/carillon/budgets", read_or_service},
    {"GET", "/carillon/budgets/b", read_or_service},
    {"PUT", "/carillon/budgets/b", owner},
    {"DELETE", "/carillon/budgets/b", owner},
    {"GET", "/carillon/templates", read_or_service},
    {"GET", "/carillon/templates/t", read_or_service},
    {"PUT", "/carillon/templates/t", write_or_service},
    {"DELETE", "/carillon/templates/t", write_or_service},
    {"POST", "/carillon/templates/t/jobs", write_or_service},
    {"POST", "/carillon/plans", write_or_service},
    {"GET", "/carillon/plans/p-1", read_or_service},
    {"DELETE", "/carillon/plans/p-1", write_or_service},
    {"GET", "/statistics/devices", read_or_service},
    {"GET", "/statistics/service", read_or_service},
    {"GET", "/twins/d", services},
    {"PATCH", "/twins/d", services},
    {"PUT", "/twins/d", services},
    {"GET", "/twins/d/modules/m", services},
    {"PATCH", "/twins/d/modules/m", services},
    {"PUT", "/twins/d/modules/m", services},
    {"POST", "/twins/d/methods", services},
    {"POST", "/twins/d/modules/m/methods", services},
    {"GET", "/jobs/v2/query", read_or_service},
    {"PUT", "/jobs/v2/j", write_or_service},
    {"GET", "/jobs/v2/j", read_or_service},
    {"POST", "/jobs/v2/j/cancel", write_or_service},
    {"PUT", "/enrollments/d", enrollment_writers},
    {"GET", "/enrollments/d", enrollment_readers},
    {"DELETE", "/enrollments/d", enrollment_writers},
    {"POST", "/enrollments/query", enrollment_readers},
    {"POST", "/enrollments/d/attestationmechanism", enrollment_writers},
    {"POST", "/enrollments", enrollment_writers},
    {"PUT", "/enrollmentGroups/g", enrollment_writers},
    {"GET", "/enrollmentGroups/g", enrollment_readers},
    {"DELETE", "/enrollmentGroups/g", enrollment_writers},
    {"POST", "/enrollmentGroups/query", enrollment_readers},
    {"POST", "/enrollmentGroups/g/attestationmechanism", enrollment_writers},
    {"POST", "/enrollmentGroups", enrollment_writers},
    {"GET", "/registrations/d", status_readers},
    {"DELETE", "/registrations/d", status_writers},
    {"POST", "/registrations/g/query", status_readers},
    {"GET", "/carillon/enrollmentAuthorities", enrollment_readers},
    {"GET", "/carillon/enrollmentAuthorities/a", enrollment_readers},
    {"PUT", "/carillon/enrollmentAuthorities/a", enrollment_writers},
    {"DELETE", "/carillon/enrollmentAuthorities/a", enrollment_writers},
    {"POST", "/jobs/create", writers},
    {"GET", "/jobs", readers},
    {"GET", "/jobs/j", readers},
    {"DELETE", "/jobs/j", writers},
    {"GET", "/carillon/registry", readers},
    {"GET", "/carillon/events", services},
    {"GET", "/carillon/events/partitions", services},
    {"GET", "/carillon/consumer-groups", services},
    {"GET", "/carillon/consumer-groups/g", services},
    {"PUT", "/carillon/consumer-groups/g", services},
    {"DELETE", "/carillon/consumer-groups/g", services},
    {"GET", "/carillon/routes", services},
    {"POST", "/carillon/routes/test", services},
    {"GET", "/carillon/routes/r", services},
    {"PUT", "/carillon/routes/r", owner},
    {"DELETE", "/carillon/routes/r", owner},
    {"GET", "/carillon/endpoints", services},
    {"GET", "/carillon/endpoints/e", services},
    {"PUT", "/carillon/endpoints/e", owner},
    {"DELETE", "/carillon/endpoints/e", owner},
    {"GET", "/certificates", owner},
    {"GET", "/certificates/{}", owner},
    {"PUT", "/certificates/{}", owner},
    {"DELETE", "/certificates/{}", owner},
    {"POST", "/certificates/{}/generateVerificationCode", owner},
    {"POST", "/certificates/{}/verify", owner},
    {"POST", "/carillon/mcp", read_or_service},
    {"GET", "/carillon/backup", owner},
    {"POST", "/carillon/backup", owner},
    {"POST", "/configurations/testQueries", read_or_service},
    {"GET", "/configurations", read_or_service},
    {"GET", "/configurations/c", read_or_service},
    {"PUT", "/configurations/c", writers},
    {"DELETE", "/configurations/c", writers},
    {"POST", "/devices/d/applyConfigurationContent", writers},
    {"GET", "/digitaltwins/d", services},
    {"PATCH", "/digitaltwins/d", services},
    {"POST", "/digitaltwins/d/commands/c", services},
    {"POST", "/digitaltwins/d/components/p/commands/c", services},
    {"POST", "/devices/d/messages/devicebound", services},
    {"POST", "/devices/d/modules/m/messages/devicebound", services},
    {"DELETE", "/devices/d/commands", services},
    {"GET", "/messages/serviceBound/feedback", services},
    {"GET", "/messages/serviceBound/filenotifications", services},
    {"DELETE", "/messages/serviceBound/filenotifications/l", services},
    {"POST", "/messages/serviceBound/filenotifications/l/abandon", services},
    {"POST", "/carillon/session/links", read_or_service},
    {"GET", "/carillon/overview", read_or_service},
    {"GET", "/carillon/overview/events", read_or_service},
    {"GET", "/carillon/jobs/j/history", read_or_service},
    {"GET", "/carillon/jobs/j/verify", read_or_service},
    {"GET", "/carillon/about", read_or_service},
    {"GET", "/carillon/settings", read_or_service},
    {"GET", "/carillon/health", read_or_service},
    {"GET", "/carillon/devices/d/connections", read_or_service},
    {"GET", "/carillon/devices/d/files", services},
    {"GET", "/carillon/policies", owner},
    {"GET", "/carillon/policies/service", owner},
    {"POST", "/carillon/policies/service/renewKey", owner},
    {"POST", "/carillon/tokenKey/renew", owner},
    {"PUT", "/carillon/policies/mine", owner},
    {"DELETE", "/carillon/policies/mine", owner},
    {"GET", "/carillon/audit", owner},
    {"GET", "/carillon/devices/d/revocation", readers},
    {"PUT", "/carillon/devices/d/revocation", writers},
    {"DELETE", "/carillon/devices/d/revocation", writers},
    {"POST", "/carillon/traces", services},
    {"GET", "/carillon/traces/t", services},
    {"DELETE", "/carillon/traces/t", services},
    {"GET", "/carillon/log", owner},
    {"PUT", "/carillon/log", owner},
    {"DELETE", "/messages/serviceBound/feedback/l", services},
    {"POST", "/messages/serviceBound/feedback/l/abandon", services},
    {"POST", "/devices/d/messages/events", device_policies},
    {"GET", "/devices/d/messages/devicebound", device_policies},
    {"DELETE", "/devices/d/messages/devicebound/l", device_policies},
    {"POST", "/devices/d/messages/devicebound/l/abandon", device_policies},
    {"POST", "/devices/d/files", device_policies},
    {"GET", "/devices/d/files/f", device_policies},
    {"POST", "/devices/d/files/notifications", device_policies},
    {"POST", "/devices/d/files/notifications/c", device_policies},
};

TEST(Authorize, AllowsEachOperationToThePoliciesWithItsRightAndNoOther) {
    int refused = 0;
    for (const Row& row : rows) {
        EXPECT_EQ(may(row.method, row.path, token_for("iothubowner")), row.allowed != approvers)
            << row.method << ' ' << row.path;
        for (const auto& shared : policies.all()) {
            const SharedAccessPolicy& policy = *shared;
            if (policy.name == "iothubowner") continue;
            const bool allowed = row.allowed.contains(policy.name);
            EXPECT_EQ(may(row.method, row.path, token_for(policy.name)), allowed)
                << policy.name << ": " << row.method << ' ' << row.path;
            if (!allowed) ++refused;
        }
    }
    EXPECT_GT(refused, 80);
}

TEST(Authorize, CoversEveryOperationThatIsNotOpen) {
    for (const Route& route : routes()) {
        if (route.need.is_open()) continue;
        const bool is_listed = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
            Path path;
            EXPECT_TRUE(path.parse(row.path));
            const auto match = find_route(row.method, path);
            return match && match->route == &route;
        });
        EXPECT_TRUE(is_listed) << route.method << ' ' << route.pattern;
    }
}

TEST(Authorize, RefusesEveryFlawedTokenOnEveryRoute) {
    const std::string good = token_for("iothubowner");
    const std::map<std::string, std::optional<std::string>> flawed{
        {"no header", std::nullopt},
        {"empty", ""},
        {"scheme only", "SharedAccessSignature"},
        {"bearer", "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"basic", "Basic aW90aHViOmh1Yg=="},
        {"other scheme", "sharedaccesssignature" + good.substr(21)},
        {"two spaces", "SharedAccessSignature  " + good.substr(22)},
        {"no sr", "SharedAccessSignature " + good.substr(good.find("sig="))},
        {"signed by another key", sas::make_token("hub.example.net", other_key, later, "iothubowner")},
        {"unknown policy", sas::make_token("hub.example.net", key_a, later, "nobody")},
        {"no policy", sas::make_token("hub.example.net", key_a, later)},
        {"empty policy", good.substr(0, good.rfind('=') + 1)},
        {"a device's own token", sas::make_token("hub.example.net/devices/d", key_a, later)},
        {"expired", sas::make_token("hub.example.net", key_a, now.plus_s(-301), "iothubowner")},
        {"another hub", token_for("iothubowner", "other.example.net")},
        {"a longer host", token_for("iothubowner", "hub.example.net.evil.example")},
        {"a host that ends alike", token_for("iothubowner", "evil-hub.example.net")},
        {"another device's scope", token_for("iothubowner", "hub.example.net/devices/other")},
        {"a scope that matches nothing", token_for("iothubowner", "hub.example.net/nothing")},
        {"half a segment", token_for("iothubowner", "hub.example.net/dev")},
        {"not even encoded",
         "SharedAccessSignature sr=hub.example.net&sig=AAAA&se=1895514400&skn=iothubowner"},
        {"se changed",
         [&] {
             std::string text = good;
             text.replace(text.find("se="), 4, "se=2");
             return text;
         }()},
        {"signature changed",
         [&] {
             std::string text = good;
             char& c = text[text.find("sig=") + 4];
             c = c == 'A' ? 'B' : 'A';
             return text;
         }()},
    };
    int refused = 0;
    for (const auto& [name, token] : flawed) {
        for (const Row& row : rows) {
            EXPECT_FALSE(may(row.method, row.path, token)) << name << ": " << row.method << ' ' << row.path;
            ++refused;
        }
    }
    EXPECT_GT(refused, 500);
}

TEST(Authorize, AcceptsBothKeysAndAnyCaseOfThePolicysName) {
    EXPECT_TRUE(may("GET", "/devices", sas::make_token("hub.example.net", key_b, later, "iothubowner")));
    EXPECT_TRUE(may("GET", "/devices", sas::make_token("hub.example.net", key_a, later, "IoTHubOwner")));
}

TEST(Authorize, AcceptsEveryNameOfTheHub) {
    for (const char* name : {"localhost", "LOCALHOST", "Hub.Example.Net", "hub.example.net:443"}) {
        EXPECT_TRUE(may("GET", "/devices", token_for("iothubowner", name))) << name;
    }
}

TEST(Authorize, AcceptsScopesThatCoverTheResource) {
    EXPECT_TRUE(may("GET", "/devices", token_for("iothubowner", "hub.example.net/devices")));
    EXPECT_TRUE(may("GET", "/devices/d1", token_for("iothubowner", "hub.example.net/devices")));
    EXPECT_TRUE(may("GET", "/devices/d1", token_for("iothubowner", "hub.example.net/devices/d1")));
    EXPECT_TRUE(may("GET", "/devices/d1/modules/m", token_for("iothubowner", "hub.example.net/devices/d1")));
    EXPECT_TRUE(may("GET", "/devices/a%40b", token_for("iothubowner", "hub.example.net/devices/a@b")));
    EXPECT_TRUE(may("GET", "/twins/d1", token_for("iothubowner", "hub.example.net/twins/d1")));
}

TEST(Authorize, RefusesScopesBesideTheResource) {
    const std::vector<std::pair<const char*, const char*>> cases{
        {"/devices", "hub.example.net/devices/d1"},
        {"/devices/d1", "hub.example.net/devices/d"},
        {"/devices/d1", "hub.example.net/devices/D1"},
        {"/devices/d1", "hub.example.net/devices/d10"},
        {"/devices/d1", "hub.example.net/twins/d1"},
        {"/twins/d1", "hub.example.net/devices/d1"},
        {"/twins/d1", "hub.example.net/devices"},
        {"/devices/d1", "hub.example.net/devices/d1/modules"},
        {"/devices/d1", "hub.example.net/devices/d1/x"},
        {"/jobs/v2/j", "hub.example.net/jobs/v2/k"},
        {"/jobs/v2/j", "hub.example.net/devices"},
        {"/statistics/devices", "hub.example.net/devices"},
    };
    for (const auto& [path, scope] : cases) {
        EXPECT_FALSE(may("GET", path, token_for("iothubowner", scope))) << path << " by " << scope;
    }
}

TEST(Authorize, OnlyRoutesOfADevicesModulesAndMessagesTakeItsOwnKey) {
    const std::set<std::string> own{"/devices/d/modules",
                                    "/devices/d/modules/m",
                                    "/devices/d/messages/events",
                                    "/devices/d/messages/devicebound",
                                    "/devices/d/messages/devicebound/l",
                                    "/devices/d/messages/devicebound/l/abandon",
                                    "/devices/d/files",
                                    "/devices/d/files/f",
                                    "/devices/d/files/notifications",
                                    "/devices/d/files/notifications/c"};
    const std::string token = sas::make_token("hub.example.net/devices/d", key_a, later);
    int open = 0;
    for (const Row& row : rows) {
        Path path;
        ASSERT_TRUE(path.parse(row.path));
        const auto match = find_route(row.method, path);
        ASSERT_TRUE(match);
        Authorizer authorizer(policies, hosts);
        const auto passed = authorizer.check(token, match->route->need, path.segments(), match->ids(), now);
        const bool is_own = own.contains(row.path) && row.allowed != services;
        EXPECT_EQ(passed.has_value(), is_own) << row.method << ' ' << row.path;
        if (!passed) continue;
        EXPECT_EQ(*passed, Admitted::if_signed_by_device);
        ++open;
    }
    EXPECT_EQ(open, 12);
}

TEST(Authorize, ADeviceIsBelievedByItsKeysWhileItIsEnabledAndUsesThem) {
    const std::array<std::string_view, 3> path{"devices", "d", "modules"};
    const std::array<std::size_t, 1> ids{1};
    const Need need{.either = AccessRights::registry_read, .own_device = true};
    Identity device(IdentityKey::parse("d").value());
    device.auth.primary_key = key_a;
    device.auth.secondary_key = key_b;
    for (const std::string& key : {key_a, key_b, other_key}) {
        Authorizer authorizer(policies, hosts);
        EXPECT_FALSE(authorizer.check_device(&device)) << "before any token";
        ASSERT_TRUE(
            authorizer.check(sas::make_token("hub.example.net/devices/d", key, later), need, path, ids, now));
        const auto believed = authorizer.check_device(&device);
        EXPECT_EQ(believed.has_value(), key != other_key);
        const auto unknown = authorizer.check_device(nullptr);
        ASSERT_FALSE(unknown);
        EXPECT_EQ(unknown.error().code, Errc::iot_hub_unauthorized_access);
        if (believed) continue;
        EXPECT_EQ(believed.error().code, unknown.error().code);
        EXPECT_EQ(believed.error().detail, unknown.error().detail);
    }
    Authorizer authorizer(policies, hosts);
    ASSERT_TRUE(
        authorizer.check(sas::make_token("hub.example.net/devices/d", key_a, later), need, path, ids, now));
    device.status = DeviceStatus::disabled;
    ASSERT_FALSE(authorizer.check_device(&device));
    EXPECT_EQ(authorizer.check_device(&device).error().code, Errc::iot_hub_unauthorized);
    device.status = DeviceStatus::enabled;
    device.auth.type = AuthType::self_signed;
    EXPECT_FALSE(authorizer.check_device(&device));
}

TEST(Authorize, ForgivesFiveMinutesOfClockSkewAndNoMore) {
    const std::string token = sas::make_token("hub.example.net", key_a, now, "iothubowner");
    EXPECT_TRUE(may("GET", "/devices", token, now.plus_s(300)));
    EXPECT_FALSE(may("GET", "/devices", token, now.plus_s(301)));
}

TEST(Authorize, LooksAtExpiryScopeAndRightsOfATokenItKnows) {
    Authorizer authorizer(policies, hosts);
    const std::string token = token_for("registryRead", "hub.example.net/devices");
    const std::vector<std::string_view> devices{"devices"};
    const std::vector<std::string_view> twins{"twins"};
    const Need read{AccessRights::registry_read};
    const Need write{AccessRights::registry_write};
    EXPECT_TRUE(authorizer.check(token, read, devices, {}, now));
    EXPECT_FALSE(authorizer.check(token, read, devices, {}, later.plus_s(301)));
    EXPECT_FALSE(authorizer.check(token, read, twins, {}, now));
    EXPECT_FALSE(authorizer.check(token, write, devices, {}, now));
    EXPECT_FALSE(authorizer.check(token + "x", read, devices, {}, now));
    EXPECT_TRUE(authorizer.check(token, read, devices, {}, now));
}

TEST(Authorizer, SaysTheSameOfAnUnknownPolicyAsOfAWrongSignature) {
    Authorizer authorizer(policies, hosts);
    const std::array<std::string_view, 2> path{"devices", "d"};
    const std::array<std::size_t, 1> ids{1};
    const auto why = [&](const std::string& token) {
        return authorizer.check(token, {AccessRights::registry_read}, path, ids, now).error().detail;
    };
    const std::string forged = why(sas::make_token("hub.example.net", other_key, later, "iothubowner"));
    EXPECT_TRUE(authorizer.is_wrong());
    EXPECT_EQ(authorizer.claimed_policy(), "iothubowner");
    EXPECT_EQ(why(sas::make_token("hub.example.net", key_a, later, "nobody")), forged);
    EXPECT_TRUE(authorizer.is_wrong());
    EXPECT_EQ(authorizer.claimed_policy(), "");
}

TEST(Authorizer, TellsAWrongCredentialFromOneThatIsTooOldOrMayNot) {
    Authorizer authorizer(policies, hosts);
    const std::array<std::string_view, 2> path{"devices", "d"};
    const std::array<std::size_t, 1> ids{1};
    const auto is_wrong = [&](const std::optional<std::string>& token) {
        const auto shown = token ? std::optional<std::string_view>(*token) : std::nullopt;
        EXPECT_FALSE(authorizer.check(shown, {AccessRights::registry_read}, path, ids, now));
        return authorizer.is_wrong();
    };
    EXPECT_TRUE(is_wrong("SharedAccessSignature nonsense"));
    EXPECT_FALSE(is_wrong(std::nullopt)) << "who shows nothing guesses nothing";
    EXPECT_FALSE(is_wrong(sas::make_token("hub.example.net", key_a, now.plus_s(-3600), "iothubowner")));
    EXPECT_FALSE(is_wrong(token_for("device")));
}

}  // namespace
}  // namespace carillon::rest
