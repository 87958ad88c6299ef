#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/relayed_channel.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What a connection that a node accepts is for.
enum class LineService : std::uint8_t {
    mqtt = 0,
    https = 1,
    amqp = 2,
    calls = 3,  ///< Of the node itself, not of a peer: `CallLink`. From version 2 on.
};

/// What a node answers to a hello, in one byte.
enum class LineAnswer : std::uint8_t {
    accepted = 0,
    not_owner = 1,  ///< This start of the node does not serve the hub.
    refused = 2,    ///< Too many strangers from the peer's address, or a service that is not offered.
    /// The node does not speak the version of the hello. Two bytes follow: the oldest and the newest version
    /// that it does speak.
    other_version = 3,
};

/// The versions of what nodes say to each other that a program speaks. While a cluster is upgraded its nodes
/// are of two programs; two nodes speak the newest version that both know.
struct LineVersions {
    std::uint8_t oldest = 1;
    std::uint8_t newest = 2;

    bool has(std::uint8_t version) const { return version >= oldest && version <= newest; }
    /// The newest that both speak; nothing if there is none.
    std::optional<std::uint8_t> common_with(LineVersions other) const;
};

/// How a line begins: the node that accepted a connection says whose it is. From the answer on, both ends
/// pass bytes on as they come.
///
/// On the wire: the version (1 byte), in every version; the size of what follows (4 bytes, little-endian),
/// and then, encoded as in `stored_bytes.hpp`: service, incarnation, address, whether there is a certificate,
/// its two thumbprints, common name and whether it was verified, the number of certificates of the chain and
/// each of them; for `calls` then the incarnation of the node that asks.
struct LineHello {
    static constexpr std::size_t head_bytes = 5;
    static constexpr std::uint8_t calls_version_min = 2;  ///< The first version that knows `calls`.
    static constexpr std::size_t address_bytes_max = 64;
    static constexpr std::size_t name_bytes_max = 1024;
    /// A chain that takes more is left out. Ours: several certificates by large keys.
    static constexpr std::size_t chain_bytes_max = 32 * 1024;
    static constexpr std::size_t bytes_max = 40 * 1024;

    LineService service = LineService::mqtt;
    std::int64_t incarnation = 0;  ///< Of the node that is asked, as the asking one sees it.
    RelayedPeer peer;
    std::int64_t asking_incarnation = 0;  ///< Of calls: which start of the node asks.
};

/// The hello of a connection; a chain that is too long is left out. All versions there are have the same
/// fields, but for calls.
std::string encode_hello(const LineHello& hello, std::uint8_t version = LineVersions{}.newest);

/// How many bytes a hello has that begins with `begun`; nothing if that is not known yet. Fails with
/// `malformed_packet` for another version, or if they are more than `LineHello::bytes_max`.
Result<std::optional<std::size_t>> hello_bytes(Bytes begun, LineVersions versions = {});

/// Decodes all of a hello. Fails with `malformed_packet`.
Result<LineHello> decode_hello(Bytes bytes, LineVersions versions = {});

/// The 4 or 16 bytes of an address such as `192.0.2.1:4711` or `[2001:db8::1]:4711`; empty if it is none.
std::vector<std::uint8_t> address_bytes(const std::string& address);

}  // namespace carillon
