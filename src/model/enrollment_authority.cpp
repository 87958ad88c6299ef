#include "model/enrollment_authority.hpp"

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "model/enrollment.hpp"

namespace carillon {

Result<EnrollmentAuthority> EnrollmentAuthority::parse(std::string_view name, std::string_view certificate,
                                                       WallTime now) {
    if (!is_enrollment_id(name)) {
        return fail(Errc::argument_invalid,
                    "The name must be 1 to 128 letters, digits and - . _ : and end in a letter, a digit or a "
                    "hyphen.");
    }
    auto read = parse_certificate(certificate, CertificateUse::signing);
    if (!read) return fail(std::move(read).error());
    return EnrollmentAuthority{.name = std::string(name), .certificate = *std::move(read), .updated = now};
}

std::string EnrollmentAuthority::encode() const {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("name", name).member("der", certificate.der);
    json.member("updated", to_iso8601(updated)).end_object();
    return text;
}

Result<EnrollmentAuthority> EnrollmentAuthority::decode(std::string_view stored) {
    const auto document = JsonDocument::parse(stored);
    if (document && document->root().is_object()) {
        MemberReader in(document->root());
        const auto updated = parse_iso8601(in.text("updated").value_or(""));
        auto read =
            parse(in.text("name").value_or(""), in.text("der").value_or(""), updated.value_or(WallTime{}));
        if (read && in.ok() && updated) return read;
    }
    return fail(Errc::store_corrupt, "the certificate of an authority does not decode");
}

void append_authority_json(std::string& out, const EnrollmentAuthority& authority) {
    const EnrolledCertificate& certificate = authority.certificate;
    JsonWriter json(out);
    json.begin_object();
    json.member("name", authority.name);
    json.member("subjectName", certificate.subject);
    json.member("issuerName", certificate.issuer);
    json.member("sha256Thumbprint", certificate.sha256);
    json.member("notBeforeUtc", to_iso8601(certificate.not_before));
    json.member("notAfterUtc", to_iso8601(certificate.not_after));
    json.member("lastUpdatedDateTimeUtc", to_iso8601(authority.updated));
    json.member("certificate", certificate.der);
    json.end_object();
}

}  // namespace carillon
