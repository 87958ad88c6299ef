#include "core/hub/hub_keys.hpp"

#include "core/hub/provisioning_rights.hpp"
#include "core/scan/page_tokens.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon {
namespace {

struct HubKeysTest : ::testing::Test {
    void SetUp() override { restart(); }
    void restart() {
        hub.reset();
        hub.emplace(store, clock);
        HubKeys::Outside outside;
        outside.end_connections = [this](const std::vector<KeyTag>& keys) {
            ended.insert(ended.end(), keys.begin(), keys.end());
        };
        (*hub)->keys().use(std::move(outside));
        hub->settle();
    }
    SharedAccessPolicy policy(const char* name = "service") { return *(*hub)->policies().find(name); }
    auto renew(PolicyRenewal what, const char* name = "service") {
        return hub->run((*hub)->keys().renew(name, what, "test"));
    }
    auto put(const char* name, AccessRights rights) {
        return hub->run((*hub)->keys().put(name, rights, "test"));
    }
    auto remove(const char* name) { return hub->run((*hub)->keys().remove(name, "test")); }
    bool has_ended(KeyTag key) const { return std::find(ended.begin(), ended.end(), key) != ended.end(); }

    ManualClock clock{WallTime::from_unix_s(1'700'000'000)};
    MemoryStore store;
    std::vector<KeyTag> ended;
    std::optional<testing::TestHub> hub;
};

TEST_F(HubKeysTest, ARenewedKeyIsAnotherAndEndsWhatStandsOnTheOldOneOnly) {
    const auto before = policy();
    const auto owner = policy("iothubowner");
    const auto renewed = renew(PolicyRenewal::primary, "SERVICE");
    ASSERT_TRUE(renewed);
    EXPECT_NE((*renewed)->primary_key, before.primary_key);
    EXPECT_EQ((*renewed)->secondary_key, before.secondary_key);
    EXPECT_EQ(policy().primary_key, (*renewed)->primary_key);
    EXPECT_TRUE(has_ended(before.primary_tag));
    EXPECT_TRUE(has_ended(before.pair_tag)) << "sessions are signed under both";
    EXPECT_FALSE(has_ended(before.secondary_tag));
    EXPECT_FALSE(has_ended(owner.primary_tag));
    EXPECT_FALSE(has_ended(policy().primary_tag));
    ended.clear();
    ASSERT_TRUE(renew(PolicyRenewal::secondary));
    EXPECT_NE(policy().secondary_key, before.secondary_key);
    EXPECT_EQ(policy().primary_key, (*renewed)->primary_key);
    EXPECT_TRUE(has_ended(before.secondary_tag));
}

TEST_F(HubKeysTest, ASwapEndsNoConnectionButSessions) {
    const auto before = policy();
    ASSERT_TRUE(renew(PolicyRenewal::swap));
    EXPECT_EQ(policy().primary_key, before.secondary_key);
    EXPECT_EQ(policy().secondary_key, before.primary_key);
    EXPECT_EQ(policy().primary_tag, before.secondary_tag);
    EXPECT_EQ(ended, std::vector<KeyTag>{before.pair_tag});
}

TEST_F(HubKeysTest, NobodyIsToldOfAKeyBeforeItIsDurable) {
    const auto before = policy();
    const auto renewing = hub->begin((*hub)->keys().renew("service", PolicyRenewal::primary, "test"));
    hub->poll();
    EXPECT_EQ(policy().primary_key, before.primary_key);
    EXPECT_FALSE(renewing->has_value());
    EXPECT_TRUE(ended.empty());
    hub->settle();
    ASSERT_TRUE(renewing->has_value());
    const auto after = policy();
    EXPECT_NE(after.primary_key, before.primary_key);
    restart();
    EXPECT_EQ(policy().primary_key, after.primary_key);
    EXPECT_EQ(policy().secondary_key, before.secondary_key);
}

TEST_F(HubKeysTest, WhatTheStoreRefusesChangesNothing) {
    const auto before = policy();
    store.fail_commits(1, 1);
    EXPECT_EQ(renew(PolicyRenewal::primary).error().code, Errc::service_unavailable);
    EXPECT_EQ(policy().primary_key, before.primary_key);
    EXPECT_TRUE(ended.empty());
    store.fail_commits(1, 1);
    const std::string token = (*hub)->page_tokens().seal("p", "1");
    EXPECT_FALSE(hub->run((*hub)->keys().renew_token_key("test")));
    EXPECT_TRUE((*hub)->page_tokens().open("p", token));
    EXPECT_TRUE(renew(PolicyRenewal::primary));
}

TEST_F(HubKeysTest, RenewalsAtOnceAllCount) {
    const auto before = policy();
    const auto owner = policy("iothubowner");
    auto first = hub->begin((*hub)->keys().renew("service", PolicyRenewal::primary, "test"));
    auto second = hub->begin((*hub)->keys().renew("service", PolicyRenewal::secondary, "test"));
    auto third = hub->begin((*hub)->keys().renew("iothubowner", PolicyRenewal::primary, "test"));
    hub->settle();
    ASSERT_TRUE(first->has_value() && second->has_value() && third->has_value());
    restart();
    EXPECT_NE(policy().primary_key, before.primary_key);
    EXPECT_NE(policy().secondary_key, before.secondary_key);
    EXPECT_NE(policy("iothubowner").primary_key, owner.primary_key);
}

TEST_F(HubKeysTest, APolicyThatIsNotThereHasNoKey) {
    EXPECT_EQ(renew(PolicyRenewal::primary, "nobody").error().code, Errc::generic_not_found);
    EXPECT_TRUE(ended.empty());
}

TEST_F(HubKeysTest, ANewTokenKeyVoidsContinuationTokensAndEndsSessions) {
    const std::string token = (*hub)->page_tokens().seal("p", "1");
    ASSERT_TRUE(hub->run((*hub)->keys().renew_token_key("test")));
    EXPECT_FALSE((*hub)->page_tokens().open("p", token));
    EXPECT_TRUE((*hub)->page_tokens().open("p", (*hub)->page_tokens().seal("p", "1")));
    EXPECT_TRUE(has_ended(policy().pair_tag));
    EXPECT_FALSE(has_ended(policy().primary_tag));
    const auto stored = store.get(Table::meta, stored_token_key);
    ASSERT_TRUE(stored && *stored);
    const PageTokens again(**stored);
    EXPECT_TRUE(again.open("p", (*hub)->page_tokens().seal("p", "1"))) << "it is what the next start reads";
}

TEST_F(HubKeysTest, APolicyHasExactlyTheRightsItWasMadeWithAlsoAfterARestart) {
    const auto made = put("dashboards", AccessRights::registry_read | AccessRights::service_connect);
    ASSERT_TRUE(made);
    EXPECT_NE((*made)->primary_key, (*made)->secondary_key);
    restart();
    const auto found = policy("Dashboards");
    EXPECT_EQ(found.rights, AccessRights::registry_read | AccessRights::service_connect);
    EXPECT_EQ(found.primary_key, (*made)->primary_key);
    EXPECT_FALSE(includes(found.rights, AccessRights::registry_write));
}

TEST_F(HubKeysTest, OtherRightsKeepTheKeysAndEndWhatStandsOnThem) {
    const auto before = policy();
    ASSERT_TRUE(put("SERVICE", AccessRights::service_connect));
    EXPECT_TRUE(ended.empty()) << "nothing changed";
    ASSERT_TRUE(put("SERVICE", AccessRights::registry_read));
    EXPECT_EQ(policy().name, "service");
    EXPECT_EQ(policy().rights, AccessRights::registry_read);
    EXPECT_EQ(policy().primary_key, before.primary_key);
    EXPECT_TRUE(has_ended(before.primary_tag) && has_ended(before.secondary_tag) &&
                has_ended(before.pair_tag));
    EXPECT_FALSE(has_ended(policy().primary_tag));
}

TEST_F(HubKeysTest, ARemovedPolicyIsGoneAndEndsWhatStandsOnIt) {
    const auto before = policy();
    ASSERT_TRUE(remove("Service"));
    EXPECT_EQ((*hub)->policies().find("service"), nullptr);
    EXPECT_TRUE(has_ended(before.primary_tag) && has_ended(before.secondary_tag) &&
                has_ended(before.pair_tag));
    EXPECT_EQ(remove("service").error().code, Errc::generic_not_found);
    restart();
    EXPECT_EQ((*hub)->policies().find("service"), nullptr);
}

TEST_F(HubKeysTest, RightsOfProvisioningAreKeptApartFromThoseOfTheHub) {
    EXPECT_EQ(policy("iothubowner").rights, every_right);
    EXPECT_EQ(policy("provisioningserviceowner").rights, ProvisioningRights::all);
    ASSERT_TRUE(put("all-of-the-hub", AccessRights::all));
    ASSERT_TRUE(put("enrolls", ProvisioningRights::enrollment_read));
    restart();
    EXPECT_EQ(policy("iothubowner").rights, every_right);
    EXPECT_EQ(policy("all-of-the-hub").rights, AccessRights::all);
    EXPECT_EQ(policy("enrolls").rights, ProvisioningRights::enrollment_read);
    EXPECT_EQ(policy("provisioningserviceowner").rights, ProvisioningRights::all);
}

TEST_F(HubKeysTest, APolicyOfBeforeProvisioningHadRightsOfItsOwnIsReadAsItWasMeant) {
    Batch batch;
    batch.put(Table::meta, "policies",
              R"([{"name":"owner","rights":15,"primaryKey":"AA==","secondaryKey":"AA=="},)"
              R"({"name":"reader","rights":1,"primaryKey":"AA==","secondaryKey":"AA=="}])");
    ASSERT_TRUE(store.commit(batch));
    SeededRandom random(1);
    const auto policies = Policies::load_or_create(store, random);
    ASSERT_TRUE(policies);
    EXPECT_EQ(policies->find("owner")->rights, every_right);
    EXPECT_EQ(policies->find("reader")->rights, AccessRights::registry_read);
    for (const char* wrong :
         {R"("rights":16)", R"("rights":-1)", R"("rights":1,"provisioningRights":1)",
          R"("rights":1,"provisioningRights":512)", R"("rights":1,"provisioningRights":"16")"}) {
        Batch broken;
        broken.put(Table::meta, "policies", std::string(R"([{"name":"a",)") + wrong + "}]");
        ASSERT_TRUE(store.commit(broken));
        EXPECT_EQ(Policies::load_or_create(store, random).error().code, Errc::store_corrupt) << wrong;
    }
}

TEST_F(HubKeysTest, TheLastPolicyWithEveryRightStays) {
    EXPECT_EQ(remove("iothubowner").error().code, Errc::argument_invalid);
    EXPECT_EQ(put("iothubowner", AccessRights::registry_read).error().code, Errc::argument_invalid);
    EXPECT_EQ(put("iothubowner", AccessRights::all).error().code, Errc::argument_invalid);
    ASSERT_TRUE(put("second", every_right));
    EXPECT_TRUE(remove("iothubowner"));
    EXPECT_EQ(remove("second").error().code, Errc::argument_invalid);
}

TEST_F(HubKeysTest, AHubHasAsManyPoliciesAsItMayAndNoMore) {
    for (std::size_t i = (*hub)->policies().all().size(); i < Policies::count_max; ++i) {
        ASSERT_TRUE(put(("p" + std::to_string(i)).c_str(), AccessRights::registry_read));
    }
    EXPECT_EQ(put("one-more", AccessRights::registry_read).error().code, Errc::argument_invalid);
    EXPECT_TRUE(put("service", AccessRights::registry_read)) << "it is there already";
    ASSERT_TRUE(remove("device"));
    EXPECT_TRUE(put("one-more", AccessRights::registry_read));
}

TEST(Rights, AreReadByTheirNamesAndNothingElse) {
    EXPECT_EQ(parse_rights("RegistryRead, serviceconnect"),
              AccessRights::registry_read | AccessRights::service_connect);
    EXPECT_EQ(parse_rights("RegistryWrite"), AccessRights::registry_write);
    EXPECT_EQ(parse_rights("RegistryRead,RegistryWrite,ServiceConnect,DeviceConnect"), AccessRights::all);
    EXPECT_EQ(parse_rights("EnrollmentWrite, RegistrationStatusWrite"), ProvisioningRights::all);
    for (const char* wrong : {"", ",", "RegistryRead,", "Everything", "RegistryRead ServiceConnect"}) {
        EXPECT_EQ(parse_rights(wrong), std::nullopt) << wrong;
    }
}

}  // namespace
}  // namespace carillon
