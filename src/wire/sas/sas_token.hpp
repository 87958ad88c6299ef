#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::sas {

/// Tokens are accepted this long after `se`. Source: contract decisions.md 1 and 2.
inline constexpr std::int64_t clock_skew_s = 300;
inline constexpr std::size_t token_bytes_max = 8 * 1024;

/// A `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, taken apart but not yet believed.
/// Source: contract auth.md 2; azure-iot-sdk-csharp: SharedAccessSignature.cs.
struct Token {
    std::string resource;           ///< `sr` exactly as sent, still encoded: that is what was signed.
    std::string signature;          ///< `sig` decoded: 32 bytes, or the token is refused.
    std::string expiry;             ///< `se` exactly as sent.
    WallTime expires;               ///< `se` as an instant; far future where it is beyond any date.
    std::string key_name;           ///< `skn` decoded; empty if absent.
};

/// Fails with `iot_hub_unauthorized_access`; the detail says why, without secrets.
Result<Token> parse_token(std::string_view text);

/// True if `now` is past `se` and the skew.
bool is_expired(const Token& token, WallTime now);

/// True if the token was signed with the base64 `key`. Takes the same time whatever the signature.
bool is_signed_by(const Token& token, std::string_view key_base64);

/// What a token's `sr` covers, once decoded: whole path segments below a host.
/// `host_names` are the hub's names; ports are ignored; hosts compare without case, device and module
/// ids exactly. `path` is what is asked for, such as {"devices","d1","messages","events"} or {} for
/// the hub itself; literal segments compare without case, those at `id_positions` exactly, once or
/// twice decoded. An `/api-version=…` behind is accepted. Source: contract auth.md 2.5, decisions 6, 7.
bool covers(const Token& token, std::span<const std::string> host_names,
            std::span<const std::string_view> path, std::span<const std::size_t> id_positions);

/// Signs a token for `resource` (decoded, such as `host/devices/d1`), valid until `expires`.
std::string make_token(std::string_view resource, std::string_view key_base64, WallTime expires,
                       std::string_view key_name = {});

}  // namespace carillon::sas
