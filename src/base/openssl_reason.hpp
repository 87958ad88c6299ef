#pragma once

#include <string>

namespace carillon {

/// OpenSSL's reason for this thread's last failure, for people; empties its queue of them.
std::string openssl_reason();

}  // namespace carillon
