#include "model/possession.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"
#include "model/certificate.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <array>
#include <string>

namespace carillon {
namespace {

using HeldCertificate = OpensslOwner<X509, X509_free>;

HeldCertificate decode_der(std::string_view base64) {
    const auto bytes = base64_decode(base64);
    if (!bytes || bytes->empty()) return nullptr;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes->data());
    return HeldCertificate(d2i_X509(nullptr, &at, static_cast<long>(bytes->size())));
}

/// Empty if there is none, or more than one.
std::string common_name(const X509* certificate) {
    const X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
    const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
            static_cast<std::size_t>(ASN1_STRING_length(value))};
}

}  // namespace

Result<> check_possession(std::string_view authority, std::string_view proof, std::string_view code,
                          WallTime now) {
    const auto shown = parse_certificate(proof);
    if (!shown) return fail(shown.error());
    const HeldCertificate own = decode_der(shown->der);
    const HeldCertificate signer = decode_der(authority);
    if (!own || !signer) return fail(Errc::argument_invalid, "The certificate cannot be read.");
    if (!equals_ignoring_case(common_name(own.get()), code)) {
        return fail(Errc::argument_invalid,
                    "The common name of the verification certificate is not the verification code.");
    }
    const bool is_signed = X509_verify(own.get(), X509_get0_pubkey(signer.get())) == 1;
    ERR_clear_error();
    if (!is_signed) {
        return fail(Errc::argument_invalid,
                    "The verification certificate is not signed by the key of this authority.");
    }
    if (shown->not_after < now || now < shown->not_before) {
        return fail(Errc::argument_invalid, "The verification certificate is not valid now.");
    }
    return {};
}

}  // namespace carillon
