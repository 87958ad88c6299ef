#pragma once

#include "core/record.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// The stored form of a persistent session's subscriptions, and back. Fails with `store_corrupt`.
/// Format: one version byte, then per subscription a QoS byte, a length (u16 BE) and the filter.
std::string encode_session(const std::vector<Subscription>& subscriptions);
Result<std::vector<Subscription>> decode_session(std::string_view stored);

}  // namespace carillon
