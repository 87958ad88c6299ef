#include "server/certificates/certificate_dates.hpp"

#include "base/openssl_owner.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <ctime>
#include <filesystem>

namespace carillon {

Result<WallTime> certificate_end(const std::string& file) {
    const OpensslOwner<BIO, BIO_free> bio(BIO_new_file(file.c_str(), "r"));
    if (!bio) return fail(Errc::tls_failed, file + " cannot be read");
    const OpensslOwner<X509, X509_free> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    std::tm end{};
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
        return fail(Errc::tls_failed, file + " holds no certificate");
    }
    return WallTime::from_unix_s(::timegm(&end));
}

void CertificateDates::note(const HubCertificates& certificates) {
    std::vector<std::string> files;
    for (const auto& pair : certificates.files.key_pairs) files.push_back(pair.certificate);
    if (!certificates.ca.empty()) files.push_back(certificates.ca);
    std::vector<Date> dates;
    for (const std::string& file : files) {
        const auto end = certificate_end(file);
        if (end) dates.push_back({std::filesystem::path(file).filename().string(), *end});
    }
    const std::lock_guard lock(mutex_);
    dates_.swap(dates);
}

std::vector<CertificateDates::Date> CertificateDates::all() const {
    const std::lock_guard lock(mutex_);
    return dates_;
}

}  // namespace carillon
