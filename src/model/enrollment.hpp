#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "model/certificate.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Limits of provisioning. Source: DPS docs, "Quotas and limits"; the lengths of texts that nobody reads are
/// ours.
struct EnrollmentLimits {
    static constexpr std::size_t id_chars_max = 128;
    static constexpr std::size_t individuals_max = 1'000'000;
    static constexpr std::size_t groups_max = 200;
    static constexpr std::size_t authorities_max = 25;  ///< Kept by name.
    static constexpr std::size_t registrations_max = 1'000'000;
    static constexpr std::size_t hubs_max = 50;
    static constexpr std::size_t text_bytes_max = 32 * 1024;  ///< A twin, or information about a device.
    static constexpr std::size_t name_chars_max = 253;        ///< Of a host.
    static constexpr std::size_t url_chars_max = 2048;        ///< Of a webhook.
    static constexpr std::size_t bulk_max = 10;
    static constexpr std::size_t webhook_calls_max =
        256;  ///< Waited for at a time, of all enrollments. Ours.
    static constexpr std::size_t payload_bytes_max = 96 * 1024;  ///< Of a device's message.
};

/// How a device proves at its registration that it is the one enrolled.
enum class AttestationType : std::uint8_t { symmetric_key, x509, tpm };

/// What becomes of a device that registers again. Source: DPS docs, "IoT Hub Device reprovisioning concepts".
struct ReprovisionPolicy {
    bool update_hub_assignment = true;
    bool migrate_device_data = true;

    bool operator==(const ReprovisionPolicy&) const = default;
};

/// The permission for one device, or for all that hold a key of a group, to register: as a back end wrote it.
/// Source: DPS service.json, IndividualEnrollment and EnrollmentGroup.
struct Enrollment {
    enum class Kind : std::uint8_t { individual, group };

    Kind kind = Kind::individual;
    std::string id;         ///< The registration id, or the group's; as first spelled. Compared without case.
    std::string device_id;  ///< Of an individual: what the device is called in the hub; empty for `id`.
    AttestationType attestation = AttestationType::symmetric_key;
    std::string primary_key;  ///< base64, as is the next; a group's are its masters, which sign nothing.
    std::string secondary_key;
    /// A device's own, or of a group, those of authorities that sign its devices' certificates.
    std::optional<EnrolledCertificate> primary_certificate;
    std::optional<EnrolledCertificate> secondary_certificate;
    /// Of authorities that the hub keeps, instead of certificates; as is the next.
    std::string primary_authority;
    std::string secondary_authority;
    std::string endorsement_key;   ///< Of an individual's TPM: a TPM2B_PUBLIC in base64, as is the next.
    std::string storage_root_key;  ///< Kept for who reads it; empty if it was not given.
    bool iot_edge = false;
    bool is_enabled = true;
    std::string allocation_policy;   ///< `hashed`, `geoLatency`, `static`, `custom`, or empty.
    std::string webhook_url;         ///< Of `custom`: who is asked; `customAllocationDefinition`.
    std::string webhook_version;     ///< Of `custom`: its `apiVersion`, kept for who reads it.
    std::string hub_host_name;       ///< `iotHubHostName`; empty if none was named.
    std::vector<std::string> hubs;   ///< Bound: hubs_max.
    std::string initial_twin;        ///< A JSON object, or empty.
    std::string device_information;  ///< A JSON object, or empty.
    std::optional<ReprovisionPolicy> reprovision;
    WallTime created;
    WallTime updated;
    std::uint64_t etag = 1;

    bool is_group() const { return kind == Kind::group; }
    bool is_custom() const { return allocation_policy == "custom"; }
    bool names_authorities() const { return !primary_authority.empty() || !secondary_authority.empty(); }
    /// In any case.
    bool names_authority(std::string_view name) const;

    /// Reads the body of a PUT, or an entry of a bulk request. `existing` is what is there, if anything: its
    /// keys and certificates stay where the body names none, else keys are made. Times and etag of the body
    /// are ignored. Fails with `argument_invalid`, with `iot_hub_format_error` if the body is not an object,
    /// and with `feature_not_supported` for what this hub does not provision by.
    static Result<Enrollment> parse(Kind kind, std::string_view id, JsonValue body,
                                    const Enrollment* existing, Random& random);

    /// What the hub keeps of it, and back. `decode` fails with `store_corrupt`.
    std::string encode() const;
    static Result<Enrollment> decode(std::string_view stored);
};

/// True for a registration id or the id of a group: 1 to 128 letters, digits and `-._:`, of which the last is
/// a letter, a digit or `-`. Source: DPS docs, "concepts-service".
bool is_enrollment_id(std::string_view id);

/// Whether an answer tells keys, and certificates whole: that of a creation and of `attestationmechanism`
/// does.
enum class EnrollmentKeys : std::uint8_t { told, withheld };

/// Appends the object a back end sees.
void append_enrollment_json(std::string& out, const Enrollment& enrollment, EnrollmentKeys keys);
/// Appends its `attestation` alone, with keys.
void append_attestation_json(std::string& out, const Enrollment& enrollment, EnrollmentKeys keys);

/// An etag as provisioning prints it: base64 of a text in quotes, so that it begins with `Ij`.
std::string provisioning_etag_text(std::uint64_t etag);

/// The key of a device of a group: HMAC-SHA256 of its registration id under the group's key, all base64.
/// Source: DPS docs, "Symmetric key attestation".
std::string derived_device_key(std::string_view group_key, std::string_view registration_id);

/// What became of a device's registration.
enum class RegistrationStatus : std::uint8_t { assigned, failed, disabled };

/// The record of a device that registered; the last registration replaces the one before.
/// Source: DPS device.json, DeviceRegistrationResult.
struct Registration {
    std::string id;            ///< As the device spelled it at first.
    std::string operation_id;  ///< Of the last registration.
    std::string group;         ///< The enrollment group; empty for an individual enrollment.
    AttestationType attestation = AttestationType::symmetric_key;
    RegistrationStatus status = RegistrationStatus::assigned;
    std::string device_id;
    /// A host name without a port: where it was assigned last, also if it failed since; empty for never.
    std::string assigned_hub;
    std::string substatus;  ///< `initialAssignment`, `deviceDataMigrated`, …
    std::string tpm_key;    ///< The device's key, for its TPM only; empty unless it has one.
    std::string payload{};  ///< JSON for the device, from the webhook that assigned it; or empty.
    int error_code = 0;     ///< Of one that failed.
    std::string error_message;
    WallTime created;
    WallTime updated;
    std::uint64_t etag = 1;

    /// Keeps the assignment of `before`, as this registration made none; `before` is null if there was none.
    void stay_where(const Registration* before);

    std::string encode() const;
    /// Fails with `store_corrupt`.
    static Result<Registration> decode(std::string_view stored);
};

/// Appends a registration as a device's `registrationState`, or a back end, sees it.
void append_registration_json(std::string& out, const Registration& registration);

}  // namespace carillon
