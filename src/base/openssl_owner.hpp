#pragma once

#include <memory>

namespace carillon {

/// Frees an object of OpenSSL by the function that its type has for it.
template <auto free_one>
struct OpensslFree {
    template <class T>
    void operator()(T* one) const {
        free_one(one);
    }
};

/// Owns an object of OpenSSL: `OpensslOwner<EVP_PKEY, EVP_PKEY_free>`.
template <class T, auto free_one>
using OpensslOwner = std::unique_ptr<T, OpensslFree<free_one>>;

}  // namespace carillon
