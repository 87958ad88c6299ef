#include "base/x509_der.hpp"

#include <openssl/crypto.h>
#include <openssl/x509.h>

namespace carillon {

std::string der_of(const x509_st* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    if (size <= 0) return {};
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

}  // namespace carillon
