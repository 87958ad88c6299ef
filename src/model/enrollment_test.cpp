#include "model/enrollment.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

SeededRandom chance{7};

Result<Enrollment> read_enrollment(std::string_view body, const Enrollment* existing = nullptr,
                                   Enrollment::Kind kind = Enrollment::Kind::individual,
                                   std::string_view id = "dev-1") {
    const auto document = JsonDocument::parse(body);
    EXPECT_TRUE(document);
    return Enrollment::parse(kind, id, document->root(), existing, chance);
}

std::string shown(const Enrollment& enrollment, EnrollmentKeys keys = EnrollmentKeys::withheld) {
    std::string out;
    append_enrollment_json(out, enrollment, keys);
    return out;
}

// Vectors of the DPS documentation and of our contract (dps.md 3.2).
TEST(Enrollment, DerivesTheKeyOfAGroupsDevice) {
    EXPECT_EQ(derived_device_key(
                  "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==",
                  "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"),
              "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
    const std::string group =
        base64_encode("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    EXPECT_EQ(derived_device_key(group, "dev-1"), "EtBdIjQtG6MIZuJsLAZuYcZmG4eKsQPsEui0yZSLdWk=");
    EXPECT_EQ(derived_device_key(group, "Dev-1"), "gL7Gr+Xpu+aN5Sr8+bcZCtrJISnTNLJDbhrrvyneLBY=");
}

TEST(Enrollment, HasAShortIdThatEndsInALetterADigitOrAHyphen) {
    for (const char* good : {"a", "A-1", "a.b_c:d-", "0"}) EXPECT_TRUE(is_enrollment_id(good)) << good;
    for (const char* bad : {"", "a.", "a_", "a:", "a b", "a/b", "a%20", "\xC3\xA9"})
        EXPECT_FALSE(is_enrollment_id(bad)) << bad;
    EXPECT_TRUE(is_enrollment_id(std::string(128, 'a')));
    EXPECT_FALSE(is_enrollment_id(std::string(129, 'a')));
}

TEST(Enrollment, GetsKeysWhereNoneAreGivenAndKeepsThemInAnUpdate) {
    const auto made = read_enrollment(R"({"attestation":{"type":"symmetricKey"}})");
    ASSERT_TRUE(made);
    EXPECT_EQ(base64_decode(made->primary_key)->size(), 64U);
    EXPECT_NE(made->primary_key, made->secondary_key);
    const auto updated =
        read_enrollment(R"({"attestation":{"type":"symmetricKey","symmetricKey":{}}})", &*made);
    ASSERT_TRUE(updated);
    EXPECT_EQ(updated->primary_key, made->primary_key);
    const auto other = read_enrollment(
        R"({"attestation":{"type":"symmetrickey","symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==",)"
        R"("secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}})",
        &*made);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->primary_key, "MDEyMzQ1Njc4OWFiY2RlZg==");
}

TEST(Enrollment, TellsKeysOnlyWhereItShould) {
    const auto made = read_enrollment(R"({"attestation":{"type":"symmetricKey"}})");
    ASSERT_TRUE(made);
    EXPECT_EQ(shown(*made).find(made->primary_key), std::string::npos);
    EXPECT_NE(shown(*made, EnrollmentKeys::told).find(made->primary_key), std::string::npos);
}

TEST(Enrollment, ReadsBackFromTheStoreTheSame) {
    const auto made = read_enrollment(
        R"({"registrationId":"DEV-1","deviceId":"pump","attestation":{"type":"symmetricKey"},)"
        R"("capabilities":{"iotEdge":true},"provisioningStatus":"disabled","allocationPolicy":"GeoLatency",)"
        R"("iotHubs":["hub.localhost"],"iotHubHostName":"hub.localhost","initialTwin":{"tags":{"a":1}},)"
        R"("optionalDeviceInformation":{"x":"y"},"reprovisionPolicy":{"migrateDeviceData":false},)"
        R"("customAllocationDefinition":{"webhookUrl":"https://w.example/","apiVersion":"2019-03-31"}})");
    ASSERT_TRUE(made) << made.error().detail;
    Enrollment stored = *made;
    stored.etag = 9;
    stored.created = WallTime::from_unix_s(1'700'000'000);
    stored.updated = WallTime::from_unix_s(1'700'000'100);
    const auto back = Enrollment::decode(stored.encode());
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(shown(*back, EnrollmentKeys::told), shown(stored, EnrollmentKeys::told));
    EXPECT_EQ(back->allocation_policy, "geoLatency");
    EXPECT_EQ(back->webhook_url, "https://w.example/");
    EXPECT_EQ(back->webhook_version, "2019-03-31");
    EXPECT_FALSE(back->is_enabled);
    ASSERT_TRUE(back->reprovision);
    EXPECT_TRUE(back->reprovision->update_hub_assignment);
    EXPECT_FALSE(back->reprovision->migrate_device_data);
    EXPECT_EQ(Enrollment::decode("{}").error().code, Errc::store_corrupt);
    EXPECT_EQ(Enrollment::decode("x").error().code, Errc::store_corrupt);
}

TEST(Enrollment, SaysWhereABodyIsWrong) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({})", "attestation must be an object"},
        {R"({"attestation":{}})", "attestation.type"},
        {R"({"attestation":{"type":"none"}})", "attestation.type"},
        {R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"AAAA","secondaryKey":"AAAA"}}})",
         "16 to 64 bytes"},
        {R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}})",
         "both keys"},
        {R"({"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"AAAA"}}}}})",
         "neither"},
        {R"({"attestation":{"type":"x509","x509":{"clientCertificates":{}}}})", "primary certificate"},
        {R"({"attestation":{"type":"x509","x509":{"signingCertificates":{}}}})", "not for individual"},
        {R"({"attestation":{"type":"tpm"}})", "endorsementKey is missing"},
        {R"({"attestation":{"type":"tpm","tpm":{"endorsementKey":"***"}}})", "endorsementKey must be base64"},
        {R"({"registrationId":"other","attestation":{"type":"symmetricKey"}})", "id of the path"},
        {R"({"attestation":{"type":"symmetricKey"},"provisioningStatus":"maybe"})", "provisioningStatus"},
        {R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom"})", "webhookUrl"},
        {R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"near"})", "allocationPolicy"},
        {R"({"attestation":{"type":"symmetricKey"},"iotHubs":"a"})", "iotHubs"},
        {R"({"attestation":{"type":"symmetricKey"},"iotHubs":[1]})", "iotHubs"},
        {R"({"attestation":{"type":"symmetricKey"},"initialTwin":5})", "initialTwin"},
        {R"({"attestation":{"type":"symmetricKey"},"deviceId":"a b"})", "deviceId"},
        {R"({"attestation":{"type":"symmetricKey"},"capabilities":{"iotEdge":"perhaps"}})", "iotEdge"},
    };
    for (const auto& [body, expected] : cases) {
        const auto refused = read_enrollment(body);
        ASSERT_FALSE(refused) << body;
        EXPECT_EQ(refused.error().code, Errc::argument_invalid) << body;
        EXPECT_NE(refused.error().detail.find(expected), std::string::npos) << refused.error().detail;
    }
    EXPECT_EQ(read_enrollment("[]").error().code, Errc::iot_hub_format_error);
    const auto of_group = [](const char* body) {
        return read_enrollment(body, nullptr, Enrollment::Kind::group);
    };
    EXPECT_NE(of_group(R"({"attestation":{"type":"tpm"}})").error().detail.find("individual"),
              std::string::npos);
    EXPECT_NE(of_group(R"({"attestation":{"type":"x509"}})").error().detail.find("signingCertificates must"),
              std::string::npos);
    EXPECT_NE(of_group(R"({"attestation":{"type":"x509","x509":{"clientCertificates":{}}}})")
                  .error()
                  .detail.find("not for groups"),
              std::string::npos);
}

TEST(Enrollment, NamesAuthoritiesInsteadOfCertificates) {
    for (const auto kind : {Enrollment::Kind::individual, Enrollment::Kind::group}) {
        const auto made = read_enrollment(
            R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":"Root","secondary":"next"}}}})",
            nullptr, kind);
        ASSERT_TRUE(made) << made.error().detail;
        EXPECT_TRUE(made->names_authority("root") && made->names_authority("NEXT"));
        EXPECT_FALSE(made->names_authority("") || made->names_authority("other"));
        const auto decoded = Enrollment::decode(made->encode());
        ASSERT_TRUE(decoded);
        std::string text;
        append_attestation_json(text, *decoded, EnrollmentKeys::withheld);
        EXPECT_EQ(text, R"({"type":"x509","x509":{"caReferences":{"primary":"Root","secondary":"next"}}})");
        const auto again = read_enrollment(R"({"attestation":{"type":"x509"}})", &*decoded, kind);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->secondary_authority, "next") << "an update that says nothing of it";
    }
    EXPECT_EQ(
        read_enrollment(R"({"attestation":{"type":"x509","x509":{"caReferences":"root"}}})").error().code,
        Errc::argument_invalid);
}

TEST(Enrollment, KeepsTheKeysOfATpmAndTellsThem) {
    const auto made = read_enrollment(
        R"({"attestation":{"type":"tpm","tpm":{"endorsementKey":"AAEC","storageRootKey":"AwQF"}}})");
    ASSERT_TRUE(made) << made.error().detail;
    const auto decoded = Enrollment::decode(made->encode());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->attestation, AttestationType::tpm);
    std::string text;
    append_attestation_json(text, *decoded, EnrollmentKeys::withheld);
    EXPECT_EQ(text, R"({"type":"tpm","tpm":{"endorsementKey":"AAEC","storageRootKey":"AwQF"}})");
    const auto again = read_enrollment(R"({"attestation":{"type":"tpm"}})", &*decoded);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->endorsement_key, "AAEC") << "what is not sent stays";
}

TEST(Enrollment, PrintsEtagsAsBase64OfATextInQuotes) {
    EXPECT_TRUE(provisioning_etag_text(1).starts_with("Ij"));
    EXPECT_NE(provisioning_etag_text(1), provisioning_etag_text(2));
}

TEST(Registration, ReadsBackFromTheStoreTheSame) {
    Registration registration;
    registration.id = "dev-1";
    registration.operation_id = "5.abc";
    registration.group = "g";
    registration.device_id = "dev-1";
    registration.assigned_hub = "hub.localhost";
    registration.substatus = "initialAssignment";
    registration.etag = 3;
    const auto back = Registration::decode(registration.encode());
    ASSERT_TRUE(back);
    std::string before;
    std::string after;
    append_registration_json(before, registration);
    append_registration_json(after, *back);
    EXPECT_EQ(after, before);
    EXPECT_EQ(back->operation_id, "5.abc");
    EXPECT_NE(before.find(R"("status":"assigned")"), std::string::npos);
    registration.status = RegistrationStatus::disabled;
    std::string disabled;
    append_registration_json(disabled, registration);
    EXPECT_EQ(disabled.find("assignedHub"), std::string::npos);
    EXPECT_NE(disabled.find("errorMessage"), std::string::npos);
}

}  // namespace
}  // namespace carillon
