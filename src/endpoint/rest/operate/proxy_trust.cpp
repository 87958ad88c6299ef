#include "endpoint/rest/operate/proxy_trust.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace carillon::rest {

namespace {

/// Of `address:port`, where an IPv6 address stands in brackets.
std::string_view address_of(std::string_view peer) {
    peer = peer.substr(0, peer.rfind(':'));
    if (peer.starts_with('[') && peer.ends_with(']')) peer = peer.substr(1, peer.size() - 2);
    // How a socket of both families names an IPv4 address.
    constexpr std::string_view mapped = "::ffff:";
    return peer.starts_with(mapped) ? peer.substr(mapped.size()) : peer;
}

}  // namespace

std::optional<std::string_view> ProxyTrust::find_person(const HttpRequest& request,
                                                        std::string_view peer) const {
    if (header.empty()) return std::nullopt;
    if (std::find(addresses.begin(), addresses.end(), address_of(peer)) == addresses.end())
        return std::nullopt;
    std::optional<std::string_view> person;
    for (const HttpField& field : request.fields) {
        if (!equals_ignoring_case(field.name, header)) continue;
        if (person) return std::nullopt;  // One of the two may be the client's own.
        person = trimmed(field.value);
    }
    const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
    if (!person || person->empty() || person->size() > name_bytes_max ||
        !std::all_of(person->begin(), person->end(), is_plain)) {
        return std::nullopt;
    }
    return person;
}

}  // namespace carillon::rest
