#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace carillon {

/// A server on the web, as a URI names it.
struct WebServer {
    bool is_tls = true;
    std::string host;
    std::uint16_t port = 443;
};

/// Whom on the web this hub connects to for others. A URI comes from whoever may write to the registry, and
/// what the hub reaches they may not: by default that is HTTPS on port 443 of addresses that are public.
class WebReach {
public:
    enum class Mode : std::uint8_t {
        everyone,  ///< Public addresses, and the hosts that are listed.
        listed,    ///< Only those.
        nobody,
    };
    /// Ours.
    static constexpr std::size_t hosts_max = 64;

    /// Public addresses only.
    WebReach() = default;
    /// `hosts` are `[https://|http://]HOST[:PORT]`: without a port that of the scheme, without a scheme
    /// HTTPS. A host that is listed may have any address. Fails with `config_invalid`.
    static Result<WebReach> parse(Mode mode, const std::vector<std::string>& hosts);

    /// Whether a URI may name this server at all. Fails with `blob_container_validation_error`.
    Result<> check(const WebServer& server) const;
    /// Whether the server may be reached at this address, to which its name was resolved.
    bool permits(const WebServer& server, const sockaddr& address) const;

private:
    struct Host {
        bool is_tls = true;
        std::string name;  ///< In lower case, without brackets.
        std::uint16_t port = 443;
    };
    static bool read_host(std::string_view text, Host& host);
    bool is_listed(const WebServer& server) const;

    Mode mode_ = Mode::everyone;
    std::vector<Host> hosts_;  ///< Bound: hosts_max
};

/// True for an address of the public Internet: none that is private, shared, loopback, link-local (where
/// clouds keep their metadata), multicast, reserved or for documentation, and none that stands for such a
/// one. Source: RFC 6890, IANA's special-purpose address registries.
bool is_public_address(const sockaddr& address);

}  // namespace carillon
