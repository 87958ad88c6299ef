#include "model/certificate.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"
#include "base/x509_der.hpp"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <optional>

namespace carillon {
namespace {

using Bio = OpensslOwner<BIO, BIO_free_all>;
using X509Owner = OpensslOwner<X509, X509_free>;

std::string text_of(const X509_NAME* name) {
    const Bio out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_SEP_CPLUS_SPC) < 0) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    std::string text(data, static_cast<std::size_t>(std::max(size, 0L)));
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

std::string upper_hex(std::string_view bytes) {
    std::string hex = hex_encode(bytes);
    for (char& c : hex) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return hex;
}

std::string thumbprint(const X509* certificate, const EVP_MD* hash) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, hash, digest.data(), &size) != 1) return {};
    return upper_hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string serial_of(const X509* certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial));
    return upper_hex({data, static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

std::optional<WallTime> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return WallTime::from_unix_s(timegm(&parts));
}

X509Owner read_pem(std::string_view text) {
    const Bio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    return X509Owner(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr);
}

X509Owner read_der(std::string_view text) {
    // Line breaks within base64 are usual.
    std::string compact;
    std::copy_if(text.begin(), text.end(), std::back_inserter(compact),
                 [](char c) { return c != '\n' && c != '\r' && c != ' '; });
    const auto bytes = base64_decode(compact);
    if (!bytes || bytes->empty()) return nullptr;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes->data());
    const auto* end = at + bytes->size();
    X509Owner certificate(d2i_X509(nullptr, &at, static_cast<long>(bytes->size())));
    return at == end ? std::move(certificate) : nullptr;
}

}  // namespace

Result<EnrolledCertificate> parse_certificate(std::string_view text, CertificateUse use) {
    constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
    X509Owner certificate;
    if (text.size() <= certificate_text_bytes_max) {
        certificate = text.find(begin) != std::string_view::npos ? read_pem(text) : read_der(text);
    }
    if (!certificate) {
        return fail(Errc::argument_invalid, "A certificate is PEM, or DER in base64; this one is neither.");
    }
    if (use == CertificateUse::signing && X509_check_ca(certificate.get()) == 0) {
        return fail(Errc::argument_invalid, "A signing certificate must be an authority's (CA:TRUE).");
    }
    const auto not_before = time_of(X509_get0_notBefore(certificate.get()));
    const auto not_after = time_of(X509_get0_notAfter(certificate.get()));
    if (!not_before || !not_after) return fail(Errc::argument_invalid, "A certificate has a malformed time.");
    EnrolledCertificate read;
    read.subject = text_of(X509_get_subject_name(certificate.get()));
    read.issuer = text_of(X509_get_issuer_name(certificate.get()));
    read.sha1 = thumbprint(certificate.get(), EVP_sha1());
    read.sha256 = thumbprint(certificate.get(), EVP_sha256());
    read.serial = serial_of(certificate.get());
    read.not_before = *not_before;
    read.not_after = *not_after;
    read.version = static_cast<int>(X509_get_version(certificate.get())) + 1;
    read.der = base64_encode(der_of(certificate.get()));
    return read;
}

}  // namespace carillon
