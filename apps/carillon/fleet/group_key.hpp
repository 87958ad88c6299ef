#pragma once

#include "base/result.hpp"
#include "wire/sas/connection_string.hpp"

#include <string>
#include <string_view>

namespace carillon::fleet {

/// The key that a fleet's device keys are derived from, bytes: `group_key`, base64, or where that is empty,
/// what `Credentials` makes of the policy and the prefix. Fails with `config_invalid`.
Result<std::string> group_key_bytes(const sas::ConnectionString& policy, std::string_view group_key,
                                    std::string_view prefix);

}  // namespace carillon::fleet
