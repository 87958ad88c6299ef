#include "base/sha256.hpp"

#include "base/openssl_owner.hpp"
#include "base/result.hpp"

#include <openssl/evp.h>

namespace carillon {

Sha256Digest sha256(std::initializer_list<std::string_view> parts) {
    // Looking the algorithm up, or a context of its own, costs more than the digest of a short text does.
    thread_local const OpensslOwner<EVP_MD, EVP_MD_free> algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    thread_local const OpensslOwner<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    CARILLON_ASSERT(algorithm && context &&
                    EVP_DigestInit_ex(context.get(), algorithm.get(), nullptr) == 1);
    for (const std::string_view part : parts) {
        CARILLON_ASSERT(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    }
    Sha256Digest digest{};
    unsigned int size = 0;
    const int ended =
        EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
    CARILLON_ASSERT(ended == 1 && size == digest.size());
    return digest;
}

}  // namespace carillon
