#include "core/provisioning/provisioning.hpp"

#include "base/text.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Kind = Enrollment::Kind;

constexpr const char* by_key = R"({"attestation":{"type":"symmetricKey"}})";

class ProvisioningTest : public ::testing::Test {
protected:
    ProvisioningTest() { start(); }

    void start() {
        hub_.reset();
        hub_ = std::make_unique<testing::TestHub>(store_, clock_, 4);
        hub_->operator*().provisioning().use({"0ne00ABCDEF"});
    }
    Provisioning& provisioning() { return (*hub_)->provisioning(); }

    Result<Enrollment> put(Kind kind, std::string id, std::string body, EtagMatch match = {}) {
        return hub_->run(provisioning().put(kind, std::move(id), std::move(body), std::move(match)));
    }
    static EtagMatch any() { return {.kind = EtagMatch::Kind::any, .etag = {}}; }
    static EtagMatch exact(std::uint64_t etag) {
        return {.kind = EtagMatch::Kind::exact, .etag = provisioning_etag_text(etag)};
    }
    std::vector<Enrollee> enrollees(std::string id) {
        return *hub_->run(provisioning().enrollees(std::move(id)));
    }
    /// As a device that proved itself by the first that could be it.
    RegistrationRequest request(const std::string& id, std::string api_version = "2019-03-31") {
        const auto found = enrollees(id);
        EXPECT_FALSE(found.empty());
        return {.enrollee = found.front(), .certificate_sha256 = {}, .api_version = std::move(api_version)};
    }
    Result<Registration> enter(const std::string& id, std::string api_version = "2019-03-31") {
        return hub_->run(provisioning().register_device(request(id, std::move(api_version))));
    }
    /// What comes from thread to thread must have an empty state, which a row has not.
    static Task<bool> succeeded(Task<Result<FoundRow>> task) {
        const auto row = co_await std::move(task);
        co_return row.has_value();
    }
    std::string twin_of(std::string_view id) {
        const Record* record = hub_->find(id);
        std::string out;
        if (record != nullptr) record->committed->twin.desired.append_json(out, SectionForm::plain);
        return out;
    }

    ManualClock clock_{WallTime::from_unix_s(1'800'000'000)};
    MemoryStore store_;
    std::unique_ptr<testing::TestHub> hub_;
};

TEST_F(ProvisioningTest, AnIndividualEnrollmentMakesItsDeviceWithTheSameKeys) {
    const auto enrollment = put(Kind::individual, "Dev-1",
                                R"({"deviceId":"pump","attestation":{"type":)"
                                R"("symmetricKey"},"initialTwin":{"tags":{"a":1},)"
                                R"("properties":{"desired":{"b":2}}}})");
    ASSERT_TRUE(enrollment) << enrollment.error().detail;
    const auto registered = enter("dev-1");
    ASSERT_TRUE(registered) << registered.error().detail;
    EXPECT_EQ(registered->status, RegistrationStatus::assigned);
    EXPECT_EQ(registered->device_id, "pump");
    EXPECT_EQ(registered->assigned_hub, "hub.example.net");
    EXPECT_EQ(registered->substatus, "initialAssignment");
    const Record* record = hub_->find("pump");
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->committed->identity.unpack().auth.primary_key, enrollment->primary_key);
    EXPECT_EQ(twin_of("pump"), R"({"b":2})");
}

TEST_F(ProvisioningTest, AGroupsDevicesHaveDerivedKeys) {
    const auto group = put(Kind::group, "fleet", by_key);
    ASSERT_TRUE(group);
    const auto found = enrollees("Sensor-7");
    ASSERT_EQ(found.size(), 2U) << "derived from either spelling";
    EXPECT_EQ(found[0].primary_key, derived_device_key(group->primary_key, "Sensor-7"));
    EXPECT_EQ(found[1].secondary_key, derived_device_key(group->secondary_key, "sensor-7"));
    const auto registered = enter("Sensor-7");
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->device_id, "Sensor-7");
    EXPECT_EQ(registered->group, "fleet");
    EXPECT_EQ(hub_->find("Sensor-7")->committed->identity.unpack().auth.primary_key, found[0].primary_key);
    const auto listed = hub_->run(provisioning().list_registrations("FLEET", "", 10));
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->items.size(), 1U);
    EXPECT_EQ(listed->items[0].id, "Sensor-7");
}

TEST_F(ProvisioningTest, AnIndividualEnrollmentWinsOverAGroupAlsoWhenItIsDisabled) {
    ASSERT_TRUE(put(Kind::group, "fleet", by_key));
    ASSERT_TRUE(put(Kind::individual, "d",
                    R"({"attestation":{"type":"symmetricKey"},"provisioningStatus":"disabled"})"));
    ASSERT_EQ(enrollees("D").size(), 1U);
    EXPECT_EQ(enrollees("D")[0].group, "");
    const auto registered = enter("d");
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->status, RegistrationStatus::disabled);
    EXPECT_EQ(hub_->find("d"), nullptr);
}

TEST_F(ProvisioningTest, EnrollmentsAreCreatedChangedAndRemovedUnderTheirEtags) {
    const auto made = put(Kind::individual, "d", by_key);
    ASSERT_TRUE(made);
    EXPECT_EQ(put(Kind::individual, "D", by_key).error().code, Errc::enrollment_already_exists);
    EXPECT_EQ(put(Kind::individual, "other", by_key, any()).error().code, Errc::enrollment_not_found);
    EXPECT_EQ(put(Kind::individual, "d", by_key, exact(made->etag + 1)).error().code,
              Errc::precondition_failed);
    const auto changed = put(Kind::individual, "D", by_key, exact(made->etag));
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->id, "d") << "as first spelled";
    EXPECT_EQ(changed->primary_key, made->primary_key);
    EXPECT_NE(changed->etag, made->etag);
    EXPECT_EQ(hub_->run(provisioning().remove(Kind::individual, "d", exact(made->etag))).error().code,
              Errc::precondition_failed);
    EXPECT_TRUE(hub_->run(provisioning().remove(Kind::individual, "d", {})));
    EXPECT_EQ(hub_->run(provisioning().find(Kind::individual, "d")).error().code, Errc::enrollment_not_found);
}

TEST_F(ProvisioningTest, ARestartFindsAllOfIt) {
    ASSERT_TRUE(put(Kind::group, "Fleet", by_key));
    ASSERT_TRUE(put(Kind::individual, "a", by_key));
    ASSERT_TRUE(put(Kind::individual, "b", by_key));
    const auto registered = enter("a");
    ASSERT_TRUE(registered);
    start();
    EXPECT_TRUE(hub_->run(provisioning().find(Kind::group, "fleet")));
    const auto page = hub_->run(provisioning().list(Kind::individual, "", 1));
    ASSERT_TRUE(page);
    ASSERT_EQ(page->items.size(), 1U);
    EXPECT_EQ(page->next, "b");
    const auto rest = hub_->run(provisioning().list(Kind::individual, page->next, 10));
    ASSERT_EQ(rest->items.size(), 1U);
    EXPECT_EQ(rest->next, "");
    EXPECT_EQ(hub_->run(provisioning().operation("A", registered->operation_id))->device_id, "a");
    EXPECT_EQ(hub_->run(provisioning().operation("a", "5.other")).error().code, Errc::operation_not_found);
    EXPECT_EQ(hub_->run(provisioning().operation("b", registered->operation_id)).error().code,
              Errc::operation_not_found);
}

TEST_F(ProvisioningTest, WhoRegistersAgainKeepsItsTwinUnlessThePolicySaysOtherwise) {
    const auto with_policy = [](const char* policy) {
        return std::string(R"({"attestation":{"type":"symmetricKey"},"initialTwin":{"properties":)"
                           R"({"desired":{"first":1}}},"reprovisionPolicy":)") +
               policy + "}";
    };
    ASSERT_TRUE(
        put(Kind::individual, "d", with_policy(R"({"updateHubAssignment":true,"migrateDeviceData":true})")));
    ASSERT_TRUE(enter("d"));
    const auto key = IdentityKey::parse("d");
    const auto patch = JsonDocument::parse(R"({"properties":{"desired":{"mine":2}}})");
    ASSERT_TRUE(hub_->run(succeeded((*hub_)->registry().write_twin(
        *key, Shard::TwinWrite::patch, *TwinPatch::parse(patch->root(), *key), any()))));
    const auto again = enter("d");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->substatus, "initialAssignment");
    EXPECT_EQ(twin_of("d"), R"({"first":1,"mine":2})");
    ASSERT_TRUE(put(Kind::individual, "d",
                    with_policy(R"({"updateHubAssignment":true,"migrateDeviceData":false})"), any()));
    const auto reset = enter("d");
    ASSERT_TRUE(reset);
    EXPECT_EQ(reset->substatus, "deviceDataReset");
    EXPECT_EQ(twin_of("d"), R"({"first":1})");
    // Never: nothing of it changes, not even the keys.
    const std::string before = hub_->find("d")->committed->identity.unpack().auth.primary_key;
    ASSERT_TRUE(put(Kind::individual, "d",
                    R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":)"
                    R"("MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}},)"
                    R"("reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":false}})",
                    any()));
    ASSERT_TRUE(enter("d"));
    EXPECT_EQ(hub_->find("d")->committed->identity.unpack().auth.primary_key, before);
}

TEST_F(ProvisioningTest, ADeviceThatTheHubKnewIsTakenOverAsAnOperatorLeftIt) {
    hub_->add_device("d");
    const auto key = IdentityKey::parse("d");
    ASSERT_TRUE(hub_->run(
        succeeded((*hub_)->registry().put(*key, R"({"status":"disabled","statusReason":"stolen"})", any()))));
    ASSERT_TRUE(put(Kind::individual, "d", by_key));
    const auto registered = enter("d", "2021-06-01");
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->substatus, "reprovisionedToInitialAssignment");
    EXPECT_EQ(hub_->find("d")->committed->identity.status(), DeviceStatus::disabled);
    ASSERT_TRUE(hub_->run(provisioning().remove_registration("d", {})));
    EXPECT_EQ(enter("d", "2018-11-01")->substatus, "initialAssignment") << "old clients know no other word";
}

TEST_F(ProvisioningTest, TwoRegistrationsOfOneDeviceAtOnceMakeOneIdentityAndOneRecord) {
    ASSERT_TRUE(put(Kind::individual, "d", by_key));
    const RegistrationRequest first = request("d");
    auto a = hub_->begin(provisioning().register_device(first));
    auto b = hub_->begin(provisioning().register_device(first));
    hub_->settle();
    ASSERT_TRUE(a->has_value() && b->has_value());
    ASSERT_TRUE(**a && **b);
    EXPECT_NE((**a)->operation_id, (**b)->operation_id);
    const auto record = hub_->run(provisioning().find_registration("d"));
    ASSERT_TRUE(record);
    EXPECT_EQ(record->etag, (**b)->etag);
}

TEST_F(ProvisioningTest, RefusesAnUnknownHubAndAMalformedTwin) {
    EXPECT_EQ(put(Kind::individual, "d",
                  R"({"attestation":{"type":"symmetricKey"},"iotHubHostName":"other.example.net"})")
                  .error()
                  .code,
              Errc::argument_invalid);
    EXPECT_TRUE(put(Kind::individual, "d",
                    R"({"attestation":{"type":"symmetricKey"},"iotHubs":["HUB.example.net"]})"));
    const auto refused = put(Kind::individual, "e",
                             R"({"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a.b":1}}})");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().detail.starts_with("initialTwin: ")) << refused.error().detail;
}

TEST_F(ProvisioningTest, AHubTakesNoMoreThanItMay) {
    for (std::size_t i = 0; i < EnrollmentLimits::groups_max; ++i)
        ASSERT_TRUE(put(Kind::group, "g" + std::to_string(i), by_key));
    EXPECT_EQ(put(Kind::group, "more", by_key).error().code, Errc::too_many_devices);
    EXPECT_TRUE(put(Kind::group, "g1", by_key, any())) << "what is there may be changed";
    ASSERT_TRUE(hub_->run(provisioning().remove(Kind::group, "g0", {})));
    EXPECT_TRUE(put(Kind::group, "more", by_key));
}

TEST_F(ProvisioningTest, RemovingAnEnrollmentTakesItsRecordAndLeavesTheDevice) {
    ASSERT_TRUE(put(Kind::individual, "d", by_key));
    ASSERT_TRUE(enter("d"));
    ASSERT_TRUE(hub_->run(provisioning().remove(Kind::individual, "d", {})));
    EXPECT_EQ(hub_->run(provisioning().find_registration("d")).error().code, Errc::registration_not_found);
    EXPECT_NE(hub_->find("d"), nullptr);
    EXPECT_TRUE(enrollees("d").empty());
}

}  // namespace
}  // namespace carillon
