#include "model/enrollment.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "model/identity.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <limits>

namespace carillon {
namespace {

constexpr std::size_t made_key_bytes = 64;
/// Source: DPS docs, "How to use allocation policies"; azure-iot-cli-extension writes `geolatency`.
constexpr std::array<std::string_view, 4> allocation_policies{"hashed", "geoLatency", "static", "custom"};

auto refuse_enrollment(std::string detail) {
    return fail(Errc::argument_invalid, std::move(detail));
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_provisioning_key(std::string_view key) {
    const auto bytes = base64_decode(key);
    return bytes && bytes->size() >= IdentityLimits::key_bytes_min &&
           bytes->size() <= IdentityLimits::key_bytes_max;
}

/// An object of the user's own, kept as it stands.
std::string read_object_text(MemberReader& in, std::string_view name) {
    const JsonValue object = in.object(name);
    if (object.is_null_or_absent()) return {};
    if (object.raw().size() > EnrollmentLimits::text_bytes_max) {
        in.refuse(
            fmt::format("{} must be an object of at most {} bytes.", name, EnrollmentLimits::text_bytes_max));
    }
    return std::string(object.raw());
}

std::string read_name(MemberReader& in, std::string_view name, std::size_t chars_max) {
    const std::string_view text = in.text(name).value_or("");
    if (text.size() > chars_max)
        in.refuse(fmt::format("{} must be a text of at most {} characters.", name, chars_max));
    return std::string(text);
}

std::vector<std::string> read_hubs(MemberReader& in) {
    const JsonValue hubs = in.find("iotHubs");
    std::vector<std::string> read;
    if (hubs.is_null_or_absent()) return read;
    if (!hubs.is_array() || hubs.size() > EnrollmentLimits::hubs_max) {
        in.refuse(
            fmt::format("iotHubs must be a list of at most {} host names.", EnrollmentLimits::hubs_max));
        return read;
    }
    for (JsonValue v = hubs.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || v.string().empty() || v.string().size() > EnrollmentLimits::name_chars_max) {
            in.refuse("iotHubs must hold host names.");
        }
        read.emplace_back(v.string());
    }
    return read;
}

std::string read_allocation(MemberReader& in) {
    const auto text = in.text("allocationPolicy");
    if (!text) return {};
    for (const std::string_view policy : allocation_policies) {
        if (equals_ignoring_case(policy, *text)) return std::string(policy);
    }
    in.refuse("allocationPolicy must be hashed, geoLatency, static or custom.");
    return {};
}

/// Whom a policy of its own asks. Source: DPS service.json, CustomAllocationDefinition.
void read_webhook(MemberReader& in, Enrollment& into) {
    MemberReader webhook(in.object("customAllocationDefinition"), in, "customAllocationDefinition.");
    into.webhook_url = read_name(webhook, "webhookUrl", EnrollmentLimits::url_chars_max);
    into.webhook_version = read_name(webhook, "apiVersion", EnrollmentLimits::name_chars_max);
    if (into.is_custom() && into.webhook_url.empty())
        in.refuse("allocationPolicy custom takes customAllocationDefinition with a webhookUrl.");
}

bool read_is_enabled(MemberReader& in) {
    const std::string_view status = in.text("provisioningStatus").value_or("enabled");
    if (equals_ignoring_case(status, "enabled")) return true;
    if (!equals_ignoring_case(status, "disabled"))
        in.refuse("provisioningStatus must be enabled or disabled.");
    return false;
}

/// All but the identity, the attestation, times and etag.
void read_settings(MemberReader& in, Enrollment& into) {
    if (!into.is_group()) {
        into.device_id = read_name(in, "deviceId", EnrollmentLimits::id_chars_max);
        if (!into.device_id.empty() && !DeviceId::parse(into.device_id))
            in.refuse("deviceId is not a valid id.");
        into.device_information = read_object_text(in, "optionalDeviceInformation");
    }
    MemberReader capabilities(in.object("capabilities"), in, "capabilities.");
    into.iot_edge = capabilities.boolean("iotEdge").value_or(false);
    into.is_enabled = read_is_enabled(in);
    into.allocation_policy = read_allocation(in);
    read_webhook(in, into);
    into.hub_host_name = read_name(in, "iotHubHostName", EnrollmentLimits::name_chars_max);
    into.hubs = read_hubs(in);
    into.initial_twin = read_object_text(in, "initialTwin");
    const JsonValue policy = in.object("reprovisionPolicy");
    if (policy.is_object()) {
        MemberReader members(policy, in, "reprovisionPolicy.");
        const bool updates = members.boolean("updateHubAssignment").value_or(true);
        const bool migrates = members.boolean("migrateDeviceData").value_or(true);
        into.reprovision = {.update_hub_assignment = updates, .migrate_device_data = migrates};
    }
}

std::optional<EnrolledCertificate> read_certificate(MemberReader& certificates, std::string_view name,
                                                    CertificateUse use) {
    MemberReader members(certificates.object(name), certificates, "attestation.x509.");
    const auto text = members.text("certificate");
    if (!text || text->empty()) return std::nullopt;
    auto read = parse_certificate(*text, use);
    if (read) return *std::move(read);
    certificates.refuse(read.error().detail);
    return std::nullopt;
}

Result<> read_x509(MemberReader& attestation, Enrollment& into, const Enrollment* existing) {
    into.attestation = AttestationType::x509;
    MemberReader x509(attestation.object("x509"), attestation, "attestation.x509.");
    const JsonValue references = x509.object("caReferences");
    MemberReader authorities(references, x509, "attestation.x509.caReferences.");
    into.primary_authority = read_name(authorities, "primary", EnrollmentLimits::id_chars_max);
    into.secondary_authority = read_name(authorities, "secondary", EnrollmentLimits::id_chars_max);
    const auto use = into.is_group() ? CertificateUse::signing : CertificateUse::own;
    const std::string_view member = into.is_group() ? "signingCertificates" : "clientCertificates";
    const std::string_view other = into.is_group() ? "clientCertificates" : "signingCertificates";
    if (!x509.find(other).is_null_or_absent()) {
        attestation.refuse(fmt::format("attestation.x509.{} is not for {}.", other,
                                       into.is_group() ? "groups" : "individual enrollments"));
    }
    const std::string path = fmt::format("attestation.x509.{}", member);
    MemberReader certificates(x509.object(member), x509, path + ".");
    into.primary_certificate = read_certificate(certificates, "primary", use);
    into.secondary_certificate = read_certificate(certificates, "secondary", use);
    // An answer does not hold certificates, so who sends one back means those that are there.
    const bool had = existing != nullptr && existing->attestation == AttestationType::x509;
    const bool has_certificates = into.primary_certificate || into.secondary_certificate;
    if (has_certificates && into.names_authorities())
        attestation.refuse("attestation.x509 must hold either certificates or caReferences.");
    if (had && !has_certificates && !into.names_authorities()) {
        into.primary_certificate = existing->primary_certificate;
        into.secondary_certificate = existing->secondary_certificate;
        into.primary_authority = existing->primary_authority;
        into.secondary_authority = existing->secondary_authority;
    }
    if (!into.primary_certificate && !into.secondary_certificate && !into.names_authorities())
        attestation.refuse(path + " must hold a primary certificate.");
    return {};
}

/// A public key of a TPM; whether it is one is seen where it is used.
std::string read_tpm_key(MemberReader& tpm, std::string_view name) {
    const std::string_view text = tpm.text(name).value_or("");
    if (!text.empty() && !base64_decode(text))
        tpm.refuse(fmt::format("attestation.tpm.{} must be base64.", name));
    return std::string(text);
}

Result<> read_tpm(MemberReader& attestation, Enrollment& into, const Enrollment* existing) {
    if (into.is_group())
        return fail(Errc::argument_invalid, "attestation.type tpm is for individual enrollments.");
    into.attestation = AttestationType::tpm;
    MemberReader tpm(attestation.object("tpm"), attestation, "attestation.tpm.");
    into.endorsement_key = read_tpm_key(tpm, "endorsementKey");
    into.storage_root_key = read_tpm_key(tpm, "storageRootKey");
    if (into.endorsement_key.empty() && existing != nullptr) into.endorsement_key = existing->endorsement_key;
    if (into.endorsement_key.empty()) attestation.refuse("attestation.tpm.endorsementKey is missing.");
    return {};
}

void read_keys(MemberReader& attestation, Enrollment& into, const Enrollment* existing, Random& random) {
    into.attestation = AttestationType::symmetric_key;
    MemberReader keys(attestation.object("symmetricKey"), attestation, "attestation.symmetricKey.");
    into.primary_key = keys.text("primaryKey").value_or("");
    into.secondary_key = keys.text("secondaryKey").value_or("");
    if (into.primary_key.empty() != into.secondary_key.empty()) {
        return attestation.refuse("attestation.symmetricKey must hold both keys, or none.");
    }
    if (!into.primary_key.empty()) {
        if (!is_provisioning_key(into.primary_key) || !is_provisioning_key(into.secondary_key))
            attestation.refuse("A key of attestation.symmetricKey must be base64 of 16 to 64 bytes.");
        return;
    }
    const bool had = existing != nullptr && existing->attestation == AttestationType::symmetric_key;
    into.primary_key = had ? existing->primary_key : random.base64_key(made_key_bytes);
    into.secondary_key = had ? existing->secondary_key : random.base64_key(made_key_bytes);
}

Result<> read_attestation(MemberReader& in, Enrollment& into, const Enrollment* existing, Random& random) {
    const JsonValue object = in.object("attestation");
    if (in.ok() && !object.is_object()) in.refuse("attestation must be an object.");
    MemberReader attestation(object, in, "attestation.");
    const std::string_view type = attestation.text("type").value_or("");
    if (equals_ignoring_case(type, "symmetricKey")) {
        read_keys(attestation, into, existing, random);
    } else if (equals_ignoring_case(type, "x509")) {
        return read_x509(attestation, into, existing);
    } else if (equals_ignoring_case(type, "tpm")) {
        return read_tpm(attestation, into, existing);
    } else if (in.ok()) {
        in.refuse("attestation.type must be symmetricKey, x509 or tpm.");
    }
    return {};
}

// --- what the store keeps -----------------------------------------------------------------------------

auto corrupt() {
    return fail(Errc::store_corrupt, "an enrollment or a registration does not decode");
}

void write_certificate(JsonWriter& json, std::string_view name,
                       const std::optional<EnrolledCertificate>& certificate) {
    if (!certificate) return;
    json.key(name).begin_object();
    json.member("subjectName", certificate->subject);
    json.member("sha1Thumbprint", certificate->sha1);
    json.member("sha256Thumbprint", certificate->sha256);
    json.member("issuerName", certificate->issuer);
    json.member("notBeforeUtc", to_iso8601(certificate->not_before));
    json.member("notAfterUtc", to_iso8601(certificate->not_after));
    json.member("serialNumber", certificate->serial);
    json.member("version", certificate->version);
    json.end_object();
}

std::optional<EnrolledCertificate> stored_certificate(MemberReader& in, std::string_view name) {
    const JsonValue object = in.object(name);
    if (!object.is_object()) return std::nullopt;
    MemberReader members(object, in, name);
    EnrolledCertificate read;
    read.subject = members.text("subjectName").value_or("");
    read.sha1 = members.text("sha1Thumbprint").value_or("");
    read.sha256 = members.text("sha256Thumbprint").value_or("");
    read.issuer = members.text("issuerName").value_or("");
    read.not_before = parse_iso8601(members.text("notBeforeUtc").value_or("")).value_or(WallTime{});
    read.not_after = parse_iso8601(members.text("notAfterUtc").value_or("")).value_or(WallTime{});
    read.serial = members.text("serialNumber").value_or("");
    read.version = static_cast<int>(members.integer("version", 0, 16).value_or(3));
    return read;
}

/// The members that mean the same to the store and to a back end.
void write_settings(JsonWriter& json, const Enrollment& enrollment) {
    if (!enrollment.device_id.empty()) json.member("deviceId", enrollment.device_id);
    if (!enrollment.device_information.empty())
        json.member_raw("optionalDeviceInformation", enrollment.device_information);
    json.key("capabilities").begin_object().member("iotEdge", enrollment.iot_edge).end_object();
    if (!enrollment.hub_host_name.empty()) json.member("iotHubHostName", enrollment.hub_host_name);
    if (!enrollment.initial_twin.empty()) json.member_raw("initialTwin", enrollment.initial_twin);
    json.member("provisioningStatus", enrollment.is_enabled ? "enabled" : "disabled");
    if (enrollment.reprovision) {
        json.key("reprovisionPolicy").begin_object();
        json.member("updateHubAssignment", enrollment.reprovision->update_hub_assignment);
        json.member("migrateDeviceData", enrollment.reprovision->migrate_device_data);
        json.end_object();
    }
    json.member("createdDateTimeUtc", to_iso8601(enrollment.created));
    json.member("lastUpdatedDateTimeUtc", to_iso8601(enrollment.updated));
    if (!enrollment.allocation_policy.empty()) json.member("allocationPolicy", enrollment.allocation_policy);
    if (!enrollment.webhook_url.empty()) {
        json.key("customAllocationDefinition").begin_object().member("webhookUrl", enrollment.webhook_url);
        if (!enrollment.webhook_version.empty()) json.member("apiVersion", enrollment.webhook_version);
        json.end_object();
    }
    if (!enrollment.hubs.empty()) {
        json.key("iotHubs").begin_array();
        for (const std::string& hub : enrollment.hubs) json.value(hub);
        json.end_array();
    }
}

WallTime stored_time(MemberReader& in, std::string_view name) {
    return parse_iso8601(in.text(name).value_or("")).value_or(WallTime{});
}

std::uint64_t stored_number(MemberReader& in, std::string_view name) {
    return static_cast<std::uint64_t>(
        in.integer(name, 0, std::numeric_limits<std::int64_t>::max()).value_or(0));
}

constexpr std::array<std::string_view, 3> attestation_words{"symmetricKey", "x509", "tpm"};

std::string_view attestation_text(AttestationType type) {
    return attestation_words[static_cast<std::size_t>(type)];
}

AttestationType attestation_of(std::string_view text) {
    const auto* const found = std::find(attestation_words.begin(), attestation_words.end(), text);
    return found == attestation_words.end() ? AttestationType::symmetric_key
                                            : static_cast<AttestationType>(found - attestation_words.begin());
}

constexpr std::array<std::string_view, 3> status_words{"assigned", "failed", "disabled"};

std::string_view status_text(RegistrationStatus status) {
    return status_words[static_cast<std::size_t>(status)];
}

void write_info(JsonWriter& json, std::string_view name,
                const std::optional<EnrolledCertificate>& certificate, EnrollmentKeys keys) {
    if (!certificate) return;
    json.key(name).begin_object();
    if (keys == EnrollmentKeys::told && !certificate->der.empty())
        json.member("certificate", certificate->der);
    write_certificate(json, "info", certificate);
    json.end_object();
}

void write_attestation(JsonWriter& json, const Enrollment& enrollment, EnrollmentKeys keys) {
    json.begin_object();
    json.member("type", attestation_text(enrollment.attestation));
    if (enrollment.attestation == AttestationType::x509) {
        json.key("x509").begin_object();
        if (enrollment.names_authorities()) {
            json.key("caReferences").begin_object();
            if (!enrollment.primary_authority.empty()) json.member("primary", enrollment.primary_authority);
            if (!enrollment.secondary_authority.empty())
                json.member("secondary", enrollment.secondary_authority);
            json.end_object().end_object().end_object();
            return;
        }
        json.key(enrollment.is_group() ? "signingCertificates" : "clientCertificates").begin_object();
        write_info(json, "primary", enrollment.primary_certificate, keys);
        write_info(json, "secondary", enrollment.secondary_certificate, keys);
        json.end_object().end_object();
    } else if (enrollment.attestation == AttestationType::tpm) {
        json.key("tpm").begin_object().member("endorsementKey", enrollment.endorsement_key);
        if (!enrollment.storage_root_key.empty()) json.member("storageRootKey", enrollment.storage_root_key);
        json.end_object();
    } else if (keys == EnrollmentKeys::told) {
        json.key("symmetricKey").begin_object();
        json.member("primaryKey", enrollment.primary_key);
        json.member("secondaryKey", enrollment.secondary_key);
        json.end_object();
    }
    json.end_object();
}

}  // namespace

bool is_enrollment_id(std::string_view id) {
    constexpr std::string_view marks = "-._:";
    const auto is_allowed = [marks](char c) {
        return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
    };
    return !id.empty() && id.size() <= EnrollmentLimits::id_chars_max &&
           std::all_of(id.begin(), id.end(), is_allowed) && (is_alphanumeric(id.back()) || id.back() == '-');
}

Result<Enrollment> Enrollment::parse(Kind kind, std::string_view id, JsonValue body,
                                     const Enrollment* existing, Random& random) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "The body must be a JSON object.");
    if (!is_enrollment_id(id)) {
        return refuse_enrollment(
            "The id must be 1 to 128 letters, digits and - . _ : and end in a letter, a digit or a hyphen.");
    }
    Enrollment enrollment;
    enrollment.kind = kind;
    enrollment.id = existing != nullptr ? existing->id : std::string(id);
    MemberReader in(body);
    const std::string_view member =
        kind == Kind::group ? std::string_view("enrollmentGroupId") : std::string_view("registrationId");
    const auto named = in.text(member);
    if (named && !equals_ignoring_case(*named, id))
        in.refuse(fmt::format("{} must be the id of the path.", member));
    read_settings(in, enrollment);
    auto attested = read_attestation(in, enrollment, existing, random);
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (!attested) return fail(std::move(attested).error());
    return enrollment;
}

bool Enrollment::names_authority(std::string_view name) const {
    return !name.empty() &&
           (equals_ignoring_case(primary_authority, name) || equals_ignoring_case(secondary_authority, name));
}

std::string Enrollment::encode() const {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member("id", id);
    json.member("attestationType", attestation_text(attestation));
    json.member("primaryKey", primary_key);
    json.member("secondaryKey", secondary_key);
    if (!endorsement_key.empty()) json.member("endorsementKey", endorsement_key);
    if (!storage_root_key.empty()) json.member("storageRootKey", storage_root_key);
    write_certificate(json, "primaryCertificate", primary_certificate);
    write_certificate(json, "secondaryCertificate", secondary_certificate);
    if (primary_certificate) json.member("primaryDer", primary_certificate->der);
    if (secondary_certificate) json.member("secondaryDer", secondary_certificate->der);
    if (!primary_authority.empty()) json.member("primaryAuthority", primary_authority);
    if (!secondary_authority.empty()) json.member("secondaryAuthority", secondary_authority);
    write_settings(json, *this);
    json.member("etag", etag);
    json.member("kind", is_group() ? "group" : "individual");
    json.end_object();
    return text;
}

Result<Enrollment> Enrollment::decode(std::string_view stored) {
    const auto document = JsonDocument::parse(stored);
    if (!document || !document->root().is_object()) return corrupt();
    MemberReader in(document->root());
    Enrollment enrollment;
    enrollment.kind = in.text("kind").value_or("") == "group" ? Kind::group : Kind::individual;
    enrollment.id = in.text("id").value_or("");
    enrollment.attestation = attestation_of(in.text("attestationType").value_or(""));
    enrollment.primary_key = in.text("primaryKey").value_or("");
    enrollment.secondary_key = in.text("secondaryKey").value_or("");
    enrollment.endorsement_key = in.text("endorsementKey").value_or("");
    enrollment.storage_root_key = in.text("storageRootKey").value_or("");
    enrollment.primary_authority = in.text("primaryAuthority").value_or("");
    enrollment.secondary_authority = in.text("secondaryAuthority").value_or("");
    enrollment.primary_certificate = stored_certificate(in, "primaryCertificate");
    enrollment.secondary_certificate = stored_certificate(in, "secondaryCertificate");
    if (enrollment.primary_certificate)
        enrollment.primary_certificate->der = in.text("primaryDer").value_or("");
    if (enrollment.secondary_certificate)
        enrollment.secondary_certificate->der = in.text("secondaryDer").value_or("");
    read_settings(in, enrollment);
    enrollment.created = stored_time(in, "createdDateTimeUtc");
    enrollment.updated = stored_time(in, "lastUpdatedDateTimeUtc");
    enrollment.etag = stored_number(in, "etag");
    if (!in.ok() || !is_enrollment_id(enrollment.id)) return corrupt();
    return enrollment;
}

void append_attestation_json(std::string& out, const Enrollment& enrollment, EnrollmentKeys keys) {
    JsonWriter json(out);
    write_attestation(json, enrollment, keys);
}

void append_enrollment_json(std::string& out, const Enrollment& enrollment, EnrollmentKeys keys) {
    JsonWriter json(out);
    json.begin_object();
    json.member(enrollment.is_group() ? "enrollmentGroupId" : "registrationId", enrollment.id);
    json.key("attestation");
    write_attestation(json, enrollment, keys);
    write_settings(json, enrollment);
    json.member("etag", provisioning_etag_text(enrollment.etag));
    json.end_object();
}

std::string provisioning_etag_text(std::uint64_t etag) {
    return base64_encode(fmt::format("\"{:08x}\"", etag));
}

std::string derived_device_key(std::string_view group_key, std::string_view registration_id) {
    const auto key = base64_decode(group_key);
    return key ? base64_encode(hmac_sha256(*key, registration_id)) : std::string();
}

void Registration::stay_where(const Registration* before) {
    assigned_hub = before != nullptr ? before->assigned_hub : std::string();
    substatus = before != nullptr ? before->substatus : std::string();
    payload = before != nullptr ? before->payload : std::string();
}

std::string Registration::encode() const {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.member("id", id).member("operationId", operation_id).member("group", group);
    json.member("attestationType", attestation_text(attestation)).member("status", status_text(status));
    json.member("deviceId", device_id).member("assignedHub", assigned_hub).member("substatus", substatus);
    if (!tpm_key.empty()) json.member("tpmKey", tpm_key);
    if (!payload.empty()) json.member_raw("payload", payload);
    json.member("errorCode", error_code).member("errorMessage", error_message);
    json.member("created", to_iso8601(created)).member("updated", to_iso8601(updated));
    json.member("etag", etag);
    json.end_object();
    return text;
}

Result<Registration> Registration::decode(std::string_view stored) {
    const auto document = JsonDocument::parse(stored);
    if (!document || !document->root().is_object()) return corrupt();
    MemberReader in(document->root());
    const auto text = [&in](std::string_view name) { return std::string(in.text(name).value_or("")); };
    Registration read;
    read.id = text("id");
    read.operation_id = text("operationId");
    read.group = text("group");
    read.attestation = attestation_of(text("attestationType"));
    const auto* word = std::find(status_words.begin(), status_words.end(), text("status"));
    if (word == status_words.end()) return corrupt();
    read.status = static_cast<RegistrationStatus>(word - status_words.begin());
    read.device_id = text("deviceId");
    read.assigned_hub = text("assignedHub");
    read.substatus = text("substatus");
    read.tpm_key = text("tpmKey");
    read.payload = in.find("payload").raw();
    read.error_code =
        static_cast<int>(in.integer("errorCode", 0, std::numeric_limits<int>::max()).value_or(0));
    read.error_message = text("errorMessage");
    read.created = stored_time(in, "created");
    read.updated = stored_time(in, "updated");
    read.etag = stored_number(in, "etag");
    if (!in.ok() || !is_enrollment_id(read.id)) return corrupt();
    return read;
}

void append_registration_json(std::string& out, const Registration& registration) {
    JsonWriter json(out);
    json.begin_object();
    // Source: captures of the service, where an individual enrollment's is an empty object.
    json.key(attestation_text(registration.attestation)).begin_object();
    if (!registration.tpm_key.empty()) json.member("authenticationKey", registration.tpm_key);
    if (!registration.group.empty()) json.member("enrollmentGroupId", registration.group);
    json.end_object();
    json.member("registrationId", registration.id);
    json.member("createdDateTimeUtc", to_iso8601(registration.created));
    if (registration.status == RegistrationStatus::assigned) {
        json.member("assignedHub", registration.assigned_hub);
        json.member("deviceId", registration.device_id);
    }
    json.member("status", status_text(registration.status));
    if (registration.status == RegistrationStatus::assigned) {
        json.member("substatus", registration.substatus);
    } else {
        json.member("errorCode", registration.error_code);
        json.member("errorMessage", registration.error_message);
    }
    json.member("lastUpdatedDateTimeUtc", to_iso8601(registration.updated));
    json.member("etag", provisioning_etag_text(registration.etag));
    if (registration.status == RegistrationStatus::assigned && !registration.payload.empty())
        json.member_raw("payload", registration.payload);
    json.end_object();
}

}  // namespace carillon
