#include "endpoint/device/registrant.hpp"

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "net/channel.hpp"
#include "net/peer_chain.hpp"
#include "wire/sas/sas_token.hpp"

#include <fmt/core.h>

namespace carillon::device {

namespace {

/// What the SDKs sign registrations as. Some leave it out, or empty.
constexpr std::string_view key_name = "registration";

auto registration_refused(const char* why) {
    return fail(Errc::iot_hub_unauthorized_access, why);
}

/// True if the token is for this registration: `scope/registrations/id`, in any case, a slash behind it or
/// not.
bool covers_registration(const sas::Token& token, const RegistrantCredentials& credentials) {
    auto resource = percent_decode(token.resource);
    if (!resource) return false;
    if (resource->ends_with('/')) resource->pop_back();
    return equals_ignoring_case(*resource,
                                credentials.scope + "/registrations/" + credentials.registration_id);
}

bool is_signed_by(const sas::Token& token, const Enrollee& enrollee) {
    // Both are tried, so that the time taken does not tell which one it was.
    const bool by_primary = sas::is_signed_by(token, enrollee.primary_key);
    const bool by_secondary = sas::is_signed_by(token, enrollee.secondary_key);
    return by_primary || by_secondary;
}

Result<Enrollee> find_signer(std::vector<Enrollee> candidates, const RegistrantCredentials& credentials,
                             WallTime now) {
    const auto token = sas::parse_token(*credentials.token);
    if (!token) return registration_refused("malformed token");
    if (sas::is_expired(*token, now)) return registration_refused("expired token");
    if (!token->key_name.empty() && token->key_name != key_name)
        return registration_refused("token of another kind");
    if (!covers_registration(*token, credentials)) return registration_refused("token is for another");
    for (Enrollee& candidate : candidates) {
        if (candidate.attestation != AttestationType::x509 && is_signed_by(*token, candidate))
            return std::move(candidate);
    }
    return registration_refused(candidates.empty() ? "unknown registration id" : "wrong key");
}

/// By its own certificate where it is enrolled by itself, else by its authority's.
Result<Enrollee> find_holder(const Provisioning& provisioning, std::vector<Enrollee> candidates,
                             const RegistrantCredentials& credentials, WallTime now) {
    if (credentials.certificate_sha256.empty()) return registration_refused("neither token nor certificate");
    if (!equals_ignoring_case(credentials.common_name, credentials.registration_id))
        return registration_refused("certificate of another");
    const bool is_individual = !candidates.empty() && candidates.front().group.empty();
    if (!is_individual) return provisioning.find_signed(credentials.registration_id, credentials.chain, now);
    Enrollee& own = candidates.front();
    if (own.is_by_authority) {
        SigningCertificates signers;
        for (const std::string& authority : own.authorities)
            signers.add(authority, credentials.registration_id);
        const auto found = signers.find_group(credentials.chain, now);
        if (!found) return fail(found.error());
        return std::move(own);
    }
    const bool is_its = equals_ignoring_case(own.primary_sha256, credentials.certificate_sha256) ||
                        equals_ignoring_case(own.secondary_sha256, credentials.certificate_sha256);
    if (own.attestation == AttestationType::x509 && is_its) return std::move(own);
    return registration_refused("certificate is not enrolled");
}

void write_operation(JsonWriter& json, const Registration& registration, std::string_view status) {
    json.member("operationId", registration.operation_id).member("status", status);
}

std::string_view status_text(RegistrationStatus status) {
    switch (status) {
        case RegistrationStatus::assigned:
            return "assigned";
        case RegistrationStatus::failed:
            return "failed";
        case RegistrationStatus::disabled:
            break;
    }
    return "disabled";
}

}  // namespace

void take_certificate(RegistrantCredentials& credentials, const Channel& channel) {
    const PeerCertificate* const certificate = channel.peer_certificate();
    if (certificate == nullptr) return;
    credentials.certificate_sha256 = certificate->sha256;
    credentials.common_name = certificate->common_name;
    credentials.chain = peer_chain(channel);
}

Task<Result<RegistrationRequest>> identify_registrant(Hub& hub, RegistrantCredentials credentials,
                                                      WallTime now) {
    Provisioning& provisioning = hub.provisioning();
    if (!provisioning.has_scope(credentials.scope)) {
        co_return fail(Errc::generic_not_found, "The id scope is not one of this hub's.");
    }
    if (!is_enrollment_id(credentials.registration_id))
        co_return registration_refused("not a registration id");
    auto candidates = co_await provisioning.enrollees(credentials.registration_id);
    if (!candidates) co_return fail(std::move(candidates).error());
    auto found = credentials.token ? find_signer(*std::move(candidates), credentials, now)
                                   : find_holder(provisioning, *std::move(candidates), credentials, now);
    if (!found) co_return fail(std::move(found).error());
    RegistrationRequest request;
    request.enrollee = *std::move(found);
    if (!credentials.token) request.certificate_sha256 = credentials.certificate_sha256;
    request.api_version = credentials.api_version;
    co_return request;
}

Result<RegistrationBody> read_registration_body(std::string_view body, std::string_view registration_id) {
    RegistrationBody read;
    if (trimmed(body).empty()) return read;
    const auto document = JsonDocument::parse(body);
    if (!document) return fail(document.error());
    if (!document->root().is_object()) return fail(Errc::iot_hub_format_error, "The body must be an object.");
    MemberReader in(document->root());
    const auto named = in.text("registrationId");
    if (named && !equals_ignoring_case(*named, registration_id))
        in.refuse("registrationId is not the one that was authenticated.");
    MemberReader tpm(in.object("tpm"), in, "tpm.");
    read.endorsement_key = tpm.text("endorsementKey").value_or("");
    read.storage_root_key = tpm.text("storageRootKey").value_or("");
    const JsonValue payload = in.find("payload");
    if (payload.raw().size() > EnrollmentLimits::payload_bytes_max)
        in.refuse(fmt::format("payload must be of at most {} bytes.", EnrollmentLimits::payload_bytes_max));
    if (!payload.is_null_or_absent()) read.payload = payload.raw();
    if (!in.find("csr").is_null_or_absent()) in.refuse("This hub issues no certificates.");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    return read;
}

Result<RegistrationRequest> read_registration(RegistrationRequest proved, std::string_view body) {
    auto read = read_registration_body(body, proved.enrollee.registration_id);
    if (!read) return fail(std::move(read).error());
    const bool is_of_tpm = proved.enrollee.attestation == AttestationType::tpm;
    if (!is_of_tpm && !read->endorsement_key.empty())
        return fail(Errc::argument_invalid, "The device is not enrolled by a TPM.");
    if (!read->storage_root_key.empty()) proved.storage_root_key = std::move(read->storage_root_key);
    if (is_of_tpm && proved.storage_root_key.empty())
        return fail(Errc::argument_invalid, "tpm.storageRootKey is missing.");
    proved.payload = std::move(read->payload);
    return proved;
}

std::string operation_begun_json(const Registration& registration) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    write_operation(json, registration, "assigning");
    json.end_object();
    return text;
}

std::string operation_ended_json(const Registration& registration) {
    std::string state;
    append_registration_json(state, registration);
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    write_operation(json, registration, status_text(registration.status));
    json.member_raw("registrationState", state);
    json.end_object();
    return text;
}

}  // namespace carillon::device
