#include "cluster/line_hello.hpp"

#include "base/stored_bytes.hpp"

#include <arpa/inet.h>
#include <algorithm>
#include <array>

namespace carillon {
namespace {

constexpr std::size_t sha1_digits = 40;
constexpr std::size_t sha256_digits = 64;

/// How many services a version knows.
std::uint8_t services_end(std::uint8_t version) {
    return static_cast<std::uint8_t>(LineService::calls) + (version >= LineHello::calls_version_min ? 1 : 0);
}

tl::unexpected<Error> malformed(const char* what) {
    return fail(Errc::malformed_packet, what);
}

bool is_short_chain(const std::vector<std::string>& chain) {
    std::size_t bytes = 0;
    for (const std::string& certificate : chain) bytes += certificate.size();
    return bytes <= LineHello::chain_bytes_max;
}

void read_certificate(StoredReader& in, LineHello& hello) {
    PeerCertificate certificate;
    certificate.sha1 = in.text();
    certificate.sha256 = in.text();
    certificate.common_name = in.text();
    certificate.is_verified = in.u8() == 1;
    if (certificate.sha1.size() != sha1_digits || certificate.sha256.size() != sha256_digits ||
        certificate.common_name.size() > LineHello::name_bytes_max) {
        return in.spoil();
    }
    hello.peer.certificate = std::move(certificate);
    std::size_t bytes = 0;
    for (std::size_t left = in.count(); left > 0 && in.ok(); --left) {
        hello.peer.chain.emplace_back(in.text());
        bytes += hello.peer.chain.back().size();
    }
    if (bytes > LineHello::chain_bytes_max) in.spoil();
}

}  // namespace

std::optional<std::uint8_t> LineVersions::common_with(LineVersions other) const {
    const std::uint8_t common = std::min(newest, other.newest);
    if (!has(common) || !other.has(common)) return std::nullopt;
    return common;
}

std::string encode_hello(const LineHello& hello, std::uint8_t version) {
    std::string body;
    StoredWriter out(body);
    out.u8(static_cast<std::uint8_t>(hello.service));
    out.i64(hello.incarnation);
    out.text(hello.peer.address);
    out.u8(hello.peer.certificate ? 1 : 0);
    if (hello.peer.certificate) {
        const PeerCertificate& certificate = *hello.peer.certificate;
        out.text(certificate.sha1);
        out.text(certificate.sha256);
        out.text(certificate.common_name);
        out.u8(certificate.is_verified ? 1 : 0);
        const bool has_chain = is_short_chain(hello.peer.chain);
        out.varint(has_chain ? hello.peer.chain.size() : 0);
        for (std::size_t i = 0; has_chain && i < hello.peer.chain.size(); ++i) out.text(hello.peer.chain[i]);
    }
    if (hello.service == LineService::calls) out.i64(hello.asking_incarnation);
    std::string bytes;
    StoredWriter head(bytes);
    head.u8(version);
    head.u32(static_cast<std::uint32_t>(body.size()));
    return bytes + body;
}

Result<std::optional<std::size_t>> hello_bytes(Bytes begun, LineVersions versions) {
    if (!begun.empty() && !versions.has(begun[0])) return malformed("a hello of another version");
    if (begun.size() < LineHello::head_bytes) return std::optional<std::size_t>();
    StoredReader head(begun.subspan(1));
    const std::size_t bytes = LineHello::head_bytes + head.u32();
    if (bytes > LineHello::bytes_max) return malformed("a hello is too long");
    return std::optional<std::size_t>(bytes);
}

Result<LineHello> decode_hello(Bytes bytes, LineVersions versions) {
    const auto size = hello_bytes(bytes, versions);
    if (!size) return fail(size.error());
    if (!*size || **size != bytes.size()) return malformed("a hello is cut short");
    StoredReader in(bytes.subspan(LineHello::head_bytes));
    LineHello hello;
    const std::uint8_t service = in.u8();
    hello.service = static_cast<LineService>(service);
    hello.incarnation = in.i64();
    hello.peer.address = in.text();
    const std::uint8_t has_certificate = in.u8();
    if (has_certificate == 1) read_certificate(in, hello);
    if (hello.service == LineService::calls) hello.asking_incarnation = in.i64();
    const bool is_legal = in.is_done() && service < services_end(bytes[0]) && has_certificate <= 1 &&
                          hello.peer.address.size() <= LineHello::address_bytes_max;
    if (!is_legal) return malformed("a hello with fields that are none");
    return hello;
}

std::vector<std::uint8_t> address_bytes(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return {};
    std::string host = address.substr(0, colon);
    std::array<std::uint8_t, 16> bytes{};
    constexpr std::size_t v4_bytes = 4;
    if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
        return {bytes.begin(), bytes.begin() + v4_bytes};
    if (host.size() < 2 || host.front() != '[' || host.back() != ']') return {};
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
    return {};
}

}  // namespace carillon
