#pragma once

#include "core/shard/record.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What is stored of an identity's connections.
struct StoredSession {
    std::optional<std::vector<Subscription>> subscriptions;  ///< Of a persistent session, if it has one.
    WallTime connection_updated;
    WallTime last_activity;
};

/// The stored form, and back. Fails with `store_corrupt`. Format: docs/storage.md.
std::string encode_session(const StoredSession& session);
Result<StoredSession> decode_session(std::string_view stored);

}  // namespace carillon
