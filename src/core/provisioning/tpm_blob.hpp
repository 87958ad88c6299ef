#pragma once

#include "base/random.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace carillon {

struct TpmLimits {
    /// Of a TPM2B_PUBLIC; one of RSA-2048 takes 316. Ours.
    static constexpr std::size_t public_bytes_max = 1024;
    /// Of a key that is sealed. Source: IoT Hub docs, symmetric keys of 16 to 64 bytes.
    static constexpr std::size_t key_bytes_max = 64;
};

/// Seals an HMAC key so that nobody but one TPM can use it, and it without telling anybody the key: what
/// TPM2_ActivateCredential and TPM2_Import of that TPM take, one behind the other. `endorsement_key` is its
/// EK, for whose holder the blob is; `storage_root_key` its SRK, under which the key will live. Both are
/// TPM2B_PUBLIC of RSA with SHA-256 and AES-128-CFB, bytes; all integers are big-endian.
///
///     TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET    the key of the inner wrapper, a credential of the SRK's
///     name TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET      the HMAC key as a duplicate, and the seed of its outer
///     wrapper TPM2B_PUBLIC, TPM2B_DATA                   what the key is; nothing
///
/// Fails with `argument_invalid` if one of the keys is no such.
/// Source: TPM 2.0 Library, Part 1 §23.3 (duplication) and §24 (credentials), Part 2 §12;
/// azure-iot-sdk-node: tpm.ts, activateIdentityKey.
Result<std::string> seal_for_tpm(std::string_view endorsement_key, std::string_view storage_root_key,
                                 std::string_view key, Random& random);

/// Fails with `argument_invalid` unless `base64` is a key that `seal_for_tpm` takes.
Result<> check_tpm_key(std::string_view base64);

}  // namespace carillon
