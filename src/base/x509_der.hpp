#pragma once

#include <string>

struct x509_st;

namespace carillon {

/// A certificate's DER; empty if OpenSSL has no memory.
std::string der_of(const x509_st* certificate);

}  // namespace carillon
