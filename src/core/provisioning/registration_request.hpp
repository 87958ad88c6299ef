#pragma once

#include "model/enrollment.hpp"

#include <string>
#include <vector>

namespace carillon {

/// Whoever may be registering under an id, and what would prove it.
struct Enrollee {
    std::string registration_id;  ///< As the device spells it.
    std::string group;            ///< Empty for an individual enrollment.
    AttestationType attestation = AttestationType::symmetric_key;
    /// base64; of a group's device, derived from the group's key; of one with a TPM, the nonces that it may
    /// have been given.
    std::string primary_key;
    std::string secondary_key;
    std::string primary_sha256;  ///< Thumbprints, upper-case hex.
    std::string secondary_sha256;
    std::string endorsement_key{};  ///< Of its TPM, base64.
    /// Certificates of the authorities that its enrollment names, one of which must have signed the device's;
    /// DER, base64. Bound: two.
    std::vector<std::string> authorities{};
    bool is_by_authority = false;  ///< Its enrollment names some.
};

/// What a device that has proved itself asks for.
struct RegistrationRequest {
    Enrollee enrollee;
    std::string certificate_sha256;  ///< Of the certificate it showed, where that proved it.
    std::string api_version;         ///< Empty if it said none.
    std::string storage_root_key{};  ///< Of its TPM, base64, as it says.
    std::string payload{};           ///< JSON for a webhook of allocation, or empty.
};

}  // namespace carillon
