#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/certificate.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// An authority whose certificate a hub keeps under a name, so that enrollments may name it instead of
/// holding the certificate (`caReferences`). Source: DPS service.json, X509CAReferences; how one is kept is
/// ours, as the service has it under its management.
struct EnrollmentAuthority {
    std::string name;  ///< As first spelled. Compared without case.
    EnrolledCertificate certificate;
    WallTime updated;

    /// `certificate` is PEM, or DER in base64. Fails with `argument_invalid`, also for a certificate that may
    /// not sign others, and for a name that is no enrollment id.
    static Result<EnrollmentAuthority> parse(std::string_view name, std::string_view certificate,
                                             WallTime now);

    /// What the hub keeps of it, and back. `decode` fails with `store_corrupt`.
    std::string encode() const;
    static Result<EnrollmentAuthority> decode(std::string_view stored);
};

/// Appends the object a back end sees.
void append_authority_json(std::string& out, const EnrollmentAuthority& authority);

}  // namespace carillon
