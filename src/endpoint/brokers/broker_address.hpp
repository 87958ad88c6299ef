#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Where a message broker is: `nats://HOST[:PORT]`, `tls://` for NATS over TLS, `kafka://` or, over TLS,
/// `kafkas://`.
struct BrokerAddress {
    enum class Kind : std::uint8_t { nats, kafka };
    Kind kind = Kind::nats;
    bool is_tls = false;
    std::string host;  ///< In lower case, without brackets.
    std::uint16_t port = 0;

    /// Fails with `argument_invalid` for another scheme, and for what follows the port.
    static Result<BrokerAddress> parse(std::string_view text);
    /// Several, with commas between them; at most `brokers_max`, all of one kind. The scheme stands before
    /// the first and counts for all.
    static Result<std::vector<BrokerAddress>> parse_list(std::string_view text);
    /// `HOST:PORT`, with brackets where they are needed.
    std::string place() const;

    bool operator==(const BrokerAddress&) const = default;

    static constexpr std::size_t brokers_max = 16;  ///< Ours: of one endpoint.
};

}  // namespace carillon
