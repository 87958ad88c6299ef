#pragma once

#include "base/result.hpp"
#include "carillon/enrollments.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What the flags of `create` and `update`, of `carillon enrollment` and `enrollment-group`, say; empty means
/// not given. JSON texts and certificates have been read.
struct EnrollmentOrder {
    Enrollments::Kind kind = Enrollments::Kind::individual;
    std::string id;
    std::string device_id;
    std::string attestation;  ///< symmetrickey, x509 or tpm.
    std::string primary_key;
    std::string secondary_key;
    std::string certificate;  ///< DER in base64, as is the next.
    std::string secondary_certificate;
    std::string authority;  ///< The name of one, as is the next.
    std::string secondary_authority;
    std::string endorsement_key;  ///< Of a TPM, base64, as is the next.
    std::string storage_root_key;
    std::string status;              ///< enabled or disabled.
    std::string reprovision_policy;  ///< reprovisionandmigratedata, reprovisionandresetdata or never.
    std::string allocation_policy;
    std::string webhook_url;
    std::string webhook_version;
    std::vector<std::string> hubs;
    std::string tags;
    std::string desired;
    std::string device_information;
    std::optional<bool> iot_edge;
};

/// The enrollment to create. Fails with `config_invalid`.
Result<std::string> new_enrollment_json(const EnrollmentOrder& order);

/// The enrollment `current_json` with the order's changes. The service replaces enrollments whole, but keeps
/// keys and certificates that are not sent. Fails with `config_invalid`, `malformed_packet`.
Result<std::string> changed_enrollment_json(const EnrollmentOrder& order, std::string_view current_json);

/// `enrollment_json` with `attestation_json` in place of its own.
Result<std::string> with_attestation(std::string_view enrollment_json, std::string_view attestation_json);

/// A certificate out of a PEM file, the first if there are several, as base64. Fails with `config_invalid`.
Result<std::string> certificate_of_pem(std::string_view flag, std::string_view text);

/// An entry of a file of enrollments, on its way to a hub.
struct EnrollmentEntry {
    Enrollments::Kind kind = Enrollments::Kind::individual;
    std::string id;
    std::string json;
};

/// Reads an entry, as `carillon enrollment export` and `az iot dps` print it: leaves out times, etag and the
/// state of a registration; the hubs that it names unless `keeps_hubs`, as those of another service are none
/// of this one's; and the empty members that `az` adds to a twin. Fails with `config_invalid`.
Result<EnrollmentEntry> read_enrollment_entry(std::string_view text, bool keeps_hubs);

}  // namespace carillon
