#pragma once

#include "base/result.hpp"
#include "core/events/routing/route_endpoint.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// A certificate by which the hub proves itself to brokers, in PEM.
struct BrokerCertificate {
    std::string chain;  ///< The hub's own first.
    std::string key;

    /// Takes certificates and one private key, in any order. Fails with `argument_invalid`, also for a key
    /// that is encrypted, or of another certificate than the first.
    static Result<BrokerCertificate> parse(std::string_view pem);
};

/// How the secret of an endpoint logs in to NATS. Source: NATS docs, "Authentication".
struct NatsLogin {
    enum class Kind : std::uint8_t {
        none,
        user,         ///< `USER:PASSWORD`
        token,        ///< Any other text.
        nkey,         ///< The seed of a user's Ed25519 key, `SU…`.
        credentials,  ///< A credentials file: a user's JWT and seed.
    };
    Kind kind = Kind::none;
    std::string name;   ///< Of a user; the JWT of credentials; the public key of an nkey.
    std::string value;  ///< Password, token or seed.

    /// Fails with `argument_invalid` for a seed that is mistyped, and credentials that are cut off.
    static Result<NatsLogin> parse(std::string_view secret);
};

/// Whether an endpoint's secret and certificate can be used; `is_tls` says whether its brokers are reached
/// so. Fails with `argument_invalid`.
Result<> check_broker_login(const RouteEndpoint& endpoint, bool is_tls);

}  // namespace carillon
