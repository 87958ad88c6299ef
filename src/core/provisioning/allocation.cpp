#include "core/provisioning/allocation.hpp"

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/provisioning/registration_request.hpp"

#include <algorithm>

namespace carillon {

namespace {

void write_attestation(JsonWriter& json, const RegistrationRequest& request) {
    switch (request.enrollee.attestation) {
        case AttestationType::symmetric_key:
            json.key("symmetricKey").begin_object();
            break;
        case AttestationType::x509:
            json.key("x509").begin_object().member("sha256Thumbprint", request.certificate_sha256);
            break;
        case AttestationType::tpm:
            json.key("tpm").begin_object().member("endorsementKey", request.enrollee.endorsement_key);
            json.member("storageRootKey", request.storage_root_key);
            break;
    }
    json.end_object();
}

}  // namespace

std::string AllocationQuestion::json() const {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    std::string enrolled;
    append_enrollment_json(enrolled, enrollment, EnrollmentKeys::withheld);
    json.member_raw(enrollment.is_group() ? "enrollmentGroup" : "individualEnrollment", enrolled);
    json.key("deviceRuntimeContext").begin_object();
    json.member("registrationId", request.enrollee.registration_id);
    if (before != nullptr && !before->assigned_hub.empty()) {
        json.member("currentIotHubHostName", before->assigned_hub);
        json.member("currentDeviceId", before->device_id);
    }
    write_attestation(json, request);
    if (!request.payload.empty()) json.member_raw("payload", request.payload);
    json.end_object();
    json.key("linkedHubs").begin_array();
    for (const std::string& hub : hubs) json.value(hub);
    json.end_array().end_object();
    return text;
}

Result<Allocation> Allocation::parse(std::string_view body, const std::vector<std::string>& hubs) {
    const auto document = JsonDocument::parse(body);
    if (!document || !document->root().is_object())
        return fail(Errc::argument_invalid, "the answer is not a JSON object");
    MemberReader in(document->root());
    const std::string_view named = in.text("iotHubHostName").value_or("");
    const auto hub = std::find_if(hubs.begin(), hubs.end(), [named](const std::string& one) {
        return equals_ignoring_case(one, named);
    });
    if (hub == hubs.end()) in.refuse("iotHubHostName is not one of linkedHubs");
    const JsonValue twin = in.object("initialTwin");
    const JsonValue payload = in.find("payload");
    if (auto error = in.error(); !error) return fail(Errc::argument_invalid, error.error().detail);
    Allocation read;
    read.hub = *hub;
    if (twin.is_object()) read.initial_twin = twin.raw();
    if (!payload.is_null_or_absent()) read.payload = payload.raw();
    return read;
}

}  // namespace carillon
