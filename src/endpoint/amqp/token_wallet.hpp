#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/key_tag.hpp"
#include "core/hub/policies.hpp"
#include "wire/sas/sas_token.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::amqp {

/// Whom a token's `sr`, or the name it was put under, speaks of.
struct TokenScope {
    /// The device or module; of a doubly encoded id, each reading of it. Empty: no single identity.
    std::vector<IdentityKey> identities;
};
/// Reads `host/devices/{id}[/modules/{id}]`, percent-encoded once or twice, with or without scheme; whatever
/// else it is names no identity. Source: azure-iot-sdk-csharp: SharedAccessSignatureBuilder.cs encodes twice.
TokenScope parse_token_scope(std::string_view resource);

/// A token that a shared access policy has signed, verified.
struct Grant {
    std::string policy;
    AccessRights rights = AccessRights::none;
    sas::Token token;
    WallTime expires;  ///< The skew included.
    KeyTag key = KeyTag::none;
};

/// The tokens that the client of one connection has shown, by whom they are for. A newer one takes the place
/// of an older one for the same.
class TokenWallet {
public:
    /// Tokens of identities in one connection. Ours: twice the devices of a large gateway.
    static constexpr std::size_t tokens_max = 4096;
    static constexpr std::size_t token_bytes_total_max = 2 * 1024 * 1024;
    /// Tokens that are for no single identity: of policies, and those whose signer only a link tells.
    static constexpr std::size_t grants_max = 256;
    static constexpr std::size_t wide_max = 16;

    /// Each fails with `iot_hub_quota_exceeded` beyond its bounds.
    Result<> put(const IdentityKey& identity, std::string_view text, WallTime expires);
    Result<> put_wide(std::string_view text, WallTime expires);
    Result<> put(Grant grant);

    /// The tokens to try for an identity, best first: its own, its device's, those that are for more.
    std::vector<std::string> find(const IdentityKey& identity) const;
    /// A policy's token with `right` that covers `path`; null if there is none. Ids as for `sas::covers`.
    const Grant* find(AccessRights right, std::span<const std::string_view> path,
                      std::span<const std::string> host_names, WallTime now) const;

    /// Forgets what has ended; true if a grant was among it.
    bool drop_expired(WallTime now);
    /// When the next token ends.
    std::optional<WallTime> next_end() const;
    bool is_empty() const { return tokens_.empty() && grants_.empty() && wide_.empty(); }

private:
    struct Kept {
        std::string text;
        WallTime expires;
    };
    std::map<IdentityKey, Kept> tokens_;  ///< Bound: tokens_max.
    std::vector<Grant> grants_;           ///< Bound: grants_max.
    std::vector<Kept> wide_;              ///< Bound: wide_max.
    std::size_t bytes_ = 0;
};

}  // namespace carillon::amqp
