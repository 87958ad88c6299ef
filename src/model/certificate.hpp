#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Longest text of a certificate that is read. Ours: an RSA-4096 certificate with many names takes some 6 KB.
inline constexpr std::size_t certificate_text_bytes_max = 16 * 1024;

/// What is kept of a certificate that a back end enrolled. Source: DPS service.json, X509CertificateInfo.
struct EnrolledCertificate {
    std::string subject;  ///< `CN=device-1, O=Contoso`
    std::string issuer;
    std::string sha1;    ///< Thumbprint of the DER form, upper-case hex, 40 digits.
    std::string sha256;  ///< The same, 64 digits.
    std::string serial;  ///< Upper-case hex.
    WallTime not_before;
    WallTime not_after;
    int version = 3;
    std::string der;  ///< The certificate itself, base64; empty of one enrolled before it was kept.

    bool operator==(const EnrolledCertificate&) const = default;
};

/// What a certificate is enrolled for: to be shown by one device, or to have signed those of many.
enum class CertificateUse : std::uint8_t { own, signing };

/// Reads a certificate given as PEM, or as DER in base64. Fails with `argument_invalid`, also for one that is
/// to sign and may not (RFC 5280 §4.2.1.9).
Result<EnrolledCertificate> parse_certificate(std::string_view text,
                                              CertificateUse use = CertificateUse::own);

}  // namespace carillon
