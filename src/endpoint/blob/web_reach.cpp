#include "endpoint/blob/web_reach.hpp"

#include "endpoint/brokers/broker_address.hpp"

#include "base/text.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <algorithm>
#include <array>
#include <cstring>

namespace carillon {

namespace {

struct Net4 {
    std::uint32_t prefix;
    int bits;
};
constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24 | b << 16 | c << 8 | d;
}
constexpr std::array<Net4, 17> special_v4{{
    {v4(0, 0, 0, 0), 8},
    {v4(10, 0, 0, 0), 8},
    {v4(100, 64, 0, 0), 10},
    {v4(127, 0, 0, 0), 8},
    {v4(168, 63, 129, 16), 32},  // Azure's own, from within its machines.
    {v4(169, 254, 0, 0), 16},
    {v4(172, 16, 0, 0), 12},
    {v4(192, 0, 0, 0), 24},
    {v4(192, 0, 2, 0), 24},
    {v4(192, 31, 196, 0), 24},
    {v4(192, 88, 99, 0), 24},
    {v4(192, 168, 0, 0), 16},
    {v4(198, 18, 0, 0), 15},
    {v4(198, 51, 100, 0), 24},
    {v4(203, 0, 113, 0), 24},
    {v4(224, 0, 0, 0), 4},
    {v4(240, 0, 0, 0), 4},
}};

bool is_public_v4(std::uint32_t address) {
    return std::none_of(special_v4.begin(), special_v4.end(), [address](const Net4& net) {
        return (address ^ net.prefix) >> (32 - net.bits) == 0;
    });
}

/// Global unicast is 2000::/3, which has no room for addresses that stand for IPv4 ones but these.
bool is_public_v6(const in6_addr& address) {
    const auto word = [&address](int i) {
        return static_cast<unsigned>(address.s6_addr[2 * i] << 8 | address.s6_addr[2 * i + 1]);
    };
    if (word(0) >> 13 != 1) return false;
    if (word(0) == 0x2001 && (word(1) < 0x0200 || word(1) == 0x0db8)) return false;  // Teredo; documentation.
    if (word(0) == 0x2002) return false;                                             // 6to4
    return word(0) != 0x3fff || word(1) >= 0x1000;                                   // Documentation.
}

}  // namespace

bool is_public_address(const sockaddr& address) {
    if (address.sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address, sizeof in);
        return is_public_v4(ntohl(in.sin_addr.s_addr));
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &address, sizeof in);
        return is_public_v6(in.sin6_addr);
    }
    return false;
}

bool WebReach::read_host(std::string_view text, Host& host) {
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::string_view name = text.substr(0, scheme);
        host.is_tls = equals_ignoring_case(name, "https");
        if (!host.is_tls && !equals_ignoring_case(name, "http")) return false;
        text.remove_prefix(scheme + 3);
    }
    host.port = host.is_tls ? 443 : 80;
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return false;
    const std::size_t colon = text.find(':', bracket);
    host.name = to_lower(bracket == 0 ? text.substr(0, colon) : text.substr(1, bracket - 1));
    if (host.name.empty() || host.name.size() > 253 ||
        host.name.find_first_of("/?#@ ") != std::string::npos) {
        return false;
    }
    if (colon == std::string_view::npos) return bracket == 0 || text.size() == bracket + 1;
    const auto port = parse_u64(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return false;
    host.port = static_cast<std::uint16_t>(*port);
    return true;
}

Result<WebReach> WebReach::parse(Mode mode, const std::vector<std::string>& hosts) {
    if (hosts.size() > hosts_max) return fail(Errc::config_invalid, "takes at most 64 hosts");
    WebReach reach;
    reach.mode_ = mode;
    for (const std::string& text : hosts) {
        if (BrokerAddress::parse(text)) continue;  // See `BrokerReach`.
        Host host;
        if (!read_host(text, host)) {
            return fail(Errc::config_invalid, "takes [http://]HOST[:PORT], not " + text);
        }
        reach.hosts_.push_back(std::move(host));
    }
    return reach;
}

bool WebReach::is_listed(const WebServer& server) const {
    const std::string name = to_lower(server.host);
    return std::any_of(hosts_.begin(), hosts_.end(), [&](const Host& host) {
        return host.is_tls == server.is_tls && host.port == server.port && host.name == name;
    });
}

Result<> WebReach::check(const WebServer& server) const {
    constexpr auto refused = Errc::blob_container_validation_error;
    if (mode_ == Mode::nobody) return fail(refused, "This hub reaches no containers on the web.");
    if (is_listed(server)) return {};
    if (!server.is_tls) return fail(refused, "http: is for hosts that the hub's configuration names.");
    if (mode_ == Mode::listed || server.port != 443) {
        return fail(refused, "The hub's configuration does not name this host.");
    }
    return {};
}

bool WebReach::permits(const WebServer& server, const sockaddr& address) const {
    return check(server).has_value() && (is_listed(server) || is_public_address(address));
}

}  // namespace carillon
