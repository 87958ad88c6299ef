#include "provisioning/enrollment_request.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

EnrollmentOrder order_of(Enrollments::Kind kind = Enrollments::Kind::individual) {
    EnrollmentOrder order;
    order.kind = kind;
    order.id = "e";
    order.attestation = "symmetrickey";
    return order;
}

TEST(NewEnrollment, IsWhatItsFlagsSay) {
    auto order = order_of();
    EXPECT_EQ(new_enrollment_json(order).value_or("?"),
              R"({"registrationId":"e","attestation":{"type":"symmetricKey","symmetricKey":{}}})");
    order.primary_key = "a";
    order.secondary_key = "b";
    order.device_id = "d";
    order.tags = R"({"x":1})";
    order.desired = R"({"y":2})";
    order.iot_edge = true;
    order.status = "disabled";
    order.reprovision_policy = "reprovisionandresetdata";
    order.allocation_policy = "static";
    order.hubs = {"h"};
    order.webhook_url = "https://w/";
    order.webhook_version = "v";
    EXPECT_EQ(
        new_enrollment_json(order).value_or("?"),
        R"({"registrationId":"e","attestation":{"type":"symmetricKey","symmetricKey":)"
        R"({"primaryKey":"a","secondaryKey":"b"}},"deviceId":"d","capabilities":{"iotEdge":true},)"
        R"("initialTwin":{"tags":{"x":1},"properties":{"desired":{"y":2}}},"provisioningStatus":"disabled",)"
        R"("reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false},)"
        R"("allocationPolicy":"static",)"
        R"("customAllocationDefinition":{"webhookUrl":"https://w/","apiVersion":"v"},"iotHubs":["h"]})");
}

TEST(NewEnrollment, OfAGroupNamesTheCertificateThatSigns) {
    auto order = order_of(Enrollments::Kind::group);
    order.attestation = "x509";
    order.certificate = "AAAA";
    EXPECT_EQ(new_enrollment_json(order).value_or("?"),
              R"({"enrollmentGroupId":"e","attestation":{"type":"x509","x509":{"signingCertificates":)"
              R"({"primary":{"certificate":"AAAA"}}}}})");
    order.kind = Enrollments::Kind::individual;
    EXPECT_NE(new_enrollment_json(order).value_or("?").find("clientCertificates"), std::string::npos);
}

TEST(NewEnrollment, OfATpmNamesItsEndorsementKey) {
    auto order = order_of();
    order.attestation = "tpm";
    EXPECT_EQ(new_enrollment_json(order).error().code, Errc::config_invalid);
    order.endorsement_key = "AAEC";
    EXPECT_EQ(new_enrollment_json(order).value_or("?"),
              R"({"registrationId":"e","attestation":{"type":"tpm","tpm":{"endorsementKey":"AAEC"}}})");
    order.primary_key = "a";
    EXPECT_EQ(new_enrollment_json(order).error().code, Errc::config_invalid);
}

TEST(NewEnrollment, RefusesFlagsThatContradictEachOther) {
    auto order = order_of();
    order.primary_key = "a";
    EXPECT_EQ(new_enrollment_json(order).error().code, Errc::config_invalid);
    order.attestation = "x509";
    EXPECT_EQ(new_enrollment_json(order).error().code, Errc::config_invalid);
    order.primary_key.clear();
    EXPECT_EQ(new_enrollment_json(order).error().code, Errc::config_invalid) << "no certificate";
}

constexpr const char* current_enrollment =
    R"({"registrationId":"e","attestation":{"type":"symmetricKey"},"deviceId":"d","new":1,)"
    R"("initialTwin":{"tags":{"x":1},"properties":{"desired":{"y":2}}},"provisioningStatus":"enabled",)"
    R"("createdDateTimeUtc":"t","lastUpdatedDateTimeUtc":"t","etag":"IjEi"})";

TEST(ChangedEnrollment, KeepsWhatIsNotNamed) {
    EnrollmentOrder order;
    order.id = "e";
    EXPECT_EQ(
        changed_enrollment_json(order, current_enrollment).value_or("?"),
        R"({"registrationId":"e","deviceId":"d","new":1,"initialTwin":{"tags":{"x":1},"properties":)"
        R"({"desired":{"y":2}}},"provisioningStatus":"enabled","attestation":{"type":"symmetricKey"}})");
}

TEST(ChangedEnrollment, TakesEachHalfOfTheTwinSeparately) {
    EnrollmentOrder order;
    order.id = "e";
    order.desired = R"({"z":3})";
    order.status = "disabled";
    EXPECT_EQ(
        changed_enrollment_json(order, current_enrollment).value_or("?"),
        R"({"registrationId":"e","deviceId":"d","new":1,"attestation":{"type":"symmetricKey"},)"
        R"("initialTwin":{"tags":{"x":1},"properties":{"desired":{"z":3}}},"provisioningStatus":"disabled"})");
}

TEST(ChangedEnrollment, RefusesCredentialsOfAnotherKind) {
    EnrollmentOrder order;
    order.id = "e";
    order.certificate = "AAAA";
    EXPECT_EQ(changed_enrollment_json(order, current_enrollment).error().code, Errc::config_invalid);
    EXPECT_EQ(changed_enrollment_json(order, "[]").error().code, Errc::malformed_packet);
}

TEST(CertificateOfPem, TakesTheFirst) {
    const std::string pem =
        "Bag Attributes\r\n-----BEGIN CERTIFICATE-----\r\nAA\r\nBB==\r\n-----END CERTIFICATE-----\r\n"
        "-----BEGIN CERTIFICATE-----\nCC\n-----END CERTIFICATE-----\n";
    EXPECT_EQ(certificate_of_pem("--certificate-path", pem).value_or("?"), "AABB==");
    EXPECT_EQ(certificate_of_pem("--certificate-path", "AABB==").error().code, Errc::config_invalid);
}

// Source: traces of `az iot dps enrollment show --show-keys`.
TEST(EnrollmentEntry, OfAzLosesWhatIsEmptyAndWhatIsOfAnotherHub) {
    const auto entry = read_enrollment_entry(
        R"({"allocationPolicy":"static","attestation":{"symmetricKey":{"primaryKey":"a"},"type":"symmetricKey","tpm":null},)"
        R"("customAllocationDefinition":null,"deviceId":"d","etag":"IjEi","initialTwin":{"properties":{"desired":)"
        R"({"b":2,"count":null,"metadata":null,"version":null}},"tags":{"count":3,"additionalProperties":null}},)"
        R"("iotHubs":["hub.example.net"],"registrationId":"ind1","registrationState":{"x":1}})",
        false);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->id, "ind1");
    EXPECT_EQ(
        entry->json,
        R"({"attestation":{"symmetricKey":{"primaryKey":"a"},"type":"symmetricKey","tpm":null},"deviceId":"d",)"
        R"("initialTwin":{"tags":{"count":3},"properties":{"desired":{"b":2}}},"registrationId":"ind1"})");
}

TEST(EnrollmentEntry, KeepsHubsIfAsked) {
    const auto entry = read_enrollment_entry(R"({"enrollmentGroupId":"g","iotHubs":["h"]})", true);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->kind, Enrollments::Kind::group);
    EXPECT_EQ(entry->json, R"({"enrollmentGroupId":"g","iotHubs":["h"]})");
}

TEST(EnrollmentEntry, NeedsAnId) {
    for (const char* text : {"[]", "{", "{}", R"({"registrationId":5})", R"({"registrationId":""})"})
        EXPECT_EQ(read_enrollment_entry(text, false).error().code, Errc::config_invalid) << text;
}

}  // namespace
}  // namespace carillon
