#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::sas {

/// Tokens are accepted this long after `se`.
/// Source: azure-iot-sdk-csharp: SharedAccessSignatureConstants.cs, MaxClockSkew.
inline constexpr std::int64_t clock_skew_s = 300;
/// The largest `se`, 9999-12-31T23:59:59Z: the SDKs' own dates end there, and what lies beyond is mostly
/// milliseconds taken for seconds. Source: azure-iot-sdk-csharp: SharedAccessSignature.cs (`DateTime`).
inline constexpr std::int64_t expiry_unix_s_max = 253'402'300'799;
/// Longest token looked at; longer ones are refused unread. Ours: tokens are some 200 bytes.
inline constexpr std::size_t token_bytes_max = 8 * 1024;
/// Lengths of a decoded key. Source: azure-iot-sdk-csharp: SecurityConstants.cs.
inline constexpr std::size_t key_bytes_min = 16;
inline constexpr std::size_t key_bytes_max = 64;

/// A `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, taken apart but not yet believed.
/// Source: IoT Hub docs, "Control access to IoT Hub by using shared access signatures";
/// azure-iot-sdk-csharp: SharedAccessSignature.cs.
struct Token {
    std::string resource;   ///< `sr` exactly as sent, still encoded: that is what was signed.
    std::string signature;  ///< `sig` decoded: 32 bytes, or the token is refused.
    std::string expiry;     ///< `se` exactly as sent.
    WallTime expires;       ///< `se` as an instant.
    std::string key_name;   ///< `skn` decoded; empty if absent.
};

/// Takes a token apart: one space after the scheme word (whose case counts), fields in any order,
/// field names in any case, unknown and empty fields ignored; a repeated field is refused, and an `se`
/// beyond `expiry_unix_s_max`.
/// Fails with `iot_hub_unauthorized_access`; the detail says why, without secrets.
Result<Token> parse_token(std::string_view text);

/// True if `now` is past `se` and the skew.
bool is_expired(const Token& token, WallTime now);

/// True if the token was signed with the base64 `key`, which may end in white space. A key that is
/// no base64 or outside `key_bytes_min` … `key_bytes_max` signs nothing. Takes the same time
/// whatever the signature.
bool is_signed_by(const Token& token, std::string_view key_base64);

/// True if `host`, perhaps with a port, is one of the hub's names; without regard to case.
bool is_hub_name(std::string_view host, std::span<const std::string> host_names);

/// True if the token's `sr`, once decoded, covers `path` by whole segments below a host.
/// `host_names` are the hub's names; ports are ignored; hosts compare without case. `path` is what
/// is asked for, such as {"devices","d1","messages","events"}, or {} for the hub itself; literal
/// segments compare without case, those at `id_positions` exactly, once or twice decoded (some
/// clients encode an id twice, none three times). `/api-version=…` behind is accepted, unless it
/// stands where an id belongs: it may be one.
/// Source: IoT Hub docs, "Control access to IoT Hub by using shared access signatures";
/// azure-iot-sdk-csharp: SharedAccessSignatureBuilder.cs encodes ids twice.
bool covers(const Token& token, std::span<const std::string> host_names,
            std::span<const std::string_view> path, std::span<const std::size_t> id_positions);

/// True if the token's `sr` covers this identity: it is the identity's own path, or a prefix of it by whole
/// segments, down to the bare host. An empty `module` means the device itself. A scope says nothing of who
/// signed; the key that verifies the signature is what confines a token to one identity.
/// Source: azure-iot-sdk-csharp: SharedAccessSignature.cs, Authorize; github.com/amenzhinsky/iothub signs the
/// host for every device.
bool covers_identity(const Token& token, std::span<const std::string> host_names, std::string_view device,
                     std::string_view module);

/// Signs a token for `resource` (decoded, such as `host/devices/d1`), valid until `expires`. A key
/// that is not base64 makes a token nobody accepts.
std::string make_token(std::string_view resource, std::string_view key_base64, WallTime expires,
                       std::string_view key_name = {});

}  // namespace carillon::sas
