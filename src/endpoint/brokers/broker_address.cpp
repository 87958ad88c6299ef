#include "endpoint/brokers/broker_address.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <array>

namespace carillon {

namespace {

struct Scheme {
    std::string_view name;
    BrokerAddress::Kind kind;
    bool is_tls;
    std::uint16_t port;
};
constexpr std::array<Scheme, 4> schemes{{
    {"nats", BrokerAddress::Kind::nats, false, 4222},
    {"tls", BrokerAddress::Kind::nats, true, 4222},
    {"kafka", BrokerAddress::Kind::kafka, false, 9092},
    {"kafkas", BrokerAddress::Kind::kafka, true, 9093},
}};
constexpr std::size_t host_bytes_max = 253;

auto refuse_broker() {
    return fail(Errc::argument_invalid, "takes nats://, tls://, kafka:// or kafkas:// and HOST[:PORT]");
}

Result<BrokerAddress> parse_place(const Scheme& scheme, std::string_view text) {
    BrokerAddress address{scheme.kind, scheme.is_tls, {}, scheme.port};
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return refuse_broker();
    const std::size_t colon = text.find(':', bracket);
    address.host = to_lower(bracket == 0 ? text.substr(0, colon) : text.substr(1, bracket - 1));
    if (address.host.empty() || address.host.size() > host_bytes_max ||
        address.host.find_first_of("/?#@, ") != std::string::npos)
        return refuse_broker();
    if (colon == std::string_view::npos) {
        if (bracket != 0 && text.size() != bracket + 1) return refuse_broker();
        return address;
    }
    const auto port = parse_u64(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return refuse_broker();
    address.port = static_cast<std::uint16_t>(*port);
    return address;
}

const Scheme* find_scheme(std::string_view& text) {
    const std::size_t end = text.find("://");
    for (const Scheme& scheme : schemes) {
        if (end == std::string_view::npos || !equals_ignoring_case(text.substr(0, end), scheme.name))
            continue;
        text.remove_prefix(end + 3);
        return &scheme;
    }
    return nullptr;
}

}  // namespace

Result<BrokerAddress> BrokerAddress::parse(std::string_view text) {
    const Scheme* const scheme = find_scheme(text);
    if (scheme == nullptr) return refuse_broker();
    return parse_place(*scheme, text);
}

Result<std::vector<BrokerAddress>> BrokerAddress::parse_list(std::string_view text) {
    const Scheme* const scheme = find_scheme(text);
    const auto places = split(text, ',');
    if (scheme == nullptr || places.size() > brokers_max) return refuse_broker();
    std::vector<BrokerAddress> brokers;
    for (const std::string_view place : places) {
        auto broker = parse_place(*scheme, place);
        if (!broker) return fail(std::move(broker).error());
        brokers.push_back(*std::move(broker));
    }
    return brokers;
}

std::string BrokerAddress::place() const {
    const bool is_v6 = host.find(':') != std::string::npos;
    return is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace carillon
