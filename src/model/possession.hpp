#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <string_view>

namespace carillon {

/// Whether `proof` (PEM, or DER in base64) is a certificate with the common name `code`, good at `now`, that the
/// key of the certificate `authority` (DER in base64) has signed: so whoever brings it holds that key. Fails with
/// `argument_invalid`, saying what is wrong.
/// Source: IoT Hub docs, "Upload and verify a CA certificate"; IoT Hub REST, Certificates - Verify.
Result<> check_possession(std::string_view authority, std::string_view proof, std::string_view code,
                          WallTime now);

}  // namespace carillon
