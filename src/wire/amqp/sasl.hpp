#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace carillon::amqp {

// The frames of SASL, AMQP 1.0 §5.3. Decoded, texts point into the frame.

constexpr std::string_view sasl_external = "EXTERNAL";
constexpr std::string_view sasl_mssbcbs = "MSSBCBS";
constexpr std::string_view sasl_anonymous = "ANONYMOUS";
constexpr std::string_view sasl_plain = "PLAIN";
/// What the hub offers, in the order of the service. Source: azure-iot-sdks#263, log of the service.
constexpr std::string_view sasl_mechanisms[] = {sasl_external, sasl_mssbcbs, sasl_anonymous, sasl_plain};
/// Of a device that registers by its TPM; offered, too, where devices do. Source: azure-iot-sdk-c:
/// prov_sasl_tpm.c.
constexpr std::string_view sasl_tpm = "TPM";

struct SaslMechanisms {
    Bytes encoded;  ///< The field: a symbol, or an array of them.
    bool has(std::string_view mechanism) const;
};

struct SaslInit {
    std::string_view mechanism;
    std::optional<Bytes> initial_response;
    std::string_view hostname;
};

/// AMQP 1.0 §5.3.3.6.
enum class SaslCode : std::uint8_t { ok = 0, auth = 1, sys = 2, sys_perm = 3, sys_temp = 4 };

struct SaslOutcome {
    SaslCode code = SaslCode::auth;
};

/// Of a server; no client of ours is asked.
struct SaslChallenge {};

struct SaslResponse {
    Bytes response;
};

using SaslPerformative = std::variant<SaslMechanisms, SaslInit, SaslChallenge, SaslResponse, SaslOutcome>;

/// Decodes the body of a SASL frame. Fails with `malformed_packet`.
Result<SaslPerformative> decode_sasl(Bytes body);

// Each appends a whole frame.

/// Always an array, as clients map over it. Source: amqp10: sasl.js.
void append_sasl_mechanisms(std::string& out, std::span<const std::string_view> mechanisms);
void append_sasl_init(std::string& out, const SaslInit& init);
void append_sasl_challenge(std::string& out, Bytes challenge);
void append_sasl_outcome(std::string& out, SaslCode code);

/// The message of PLAIN. Source: RFC 4616 §2; the authorization identity says nothing here.
struct PlainCredentials {
    std::string_view user;
    std::string_view password;
};
/// Nothing if malformed.
std::optional<PlainCredentials> parse_plain(Bytes response);

}  // namespace carillon::amqp
