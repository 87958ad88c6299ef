#include "endpoint/blob/container_uri.hpp"

#include "base/text.hpp"
#include "core/transfers/blobs.hpp"

#include <arpa/inet.h>
#include <algorithm>

namespace carillon {
namespace {

auto refuse(std::string detail) {
    return fail(Errc::blob_container_validation_error, std::move(detail));
}

bool has_illegal_byte(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7F || c == '\\';
    });
}

/// Takes `HOST[:PORT]` apart. False if it is neither.
bool read_authority(std::string_view text, ContainerUri& uri) {
    if (text.find('@') != std::string_view::npos) return false;
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return false;
        uri.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        in6_addr v6{};
        if (inet_pton(AF_INET6, uri.host.c_str(), &v6) != 1) return false;
    } else {
        const std::size_t colon = text.find(':');
        uri.host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon);
        const bool legal = std::all_of(uri.host.begin(), uri.host.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '.' || c == '_';
        });
        if (!legal) return false;
    }
    if (uri.host.empty() || uri.host.size() > 253) return false;
    if (port.empty()) return true;
    const auto number = port.front() == ':' ? parse_u64(port.substr(1)) : std::nullopt;
    if (!number || *number == 0 || *number > 65535) return false;
    uri.port = static_cast<std::uint16_t>(*number);
    return true;
}

Result<ContainerUri> parse_file(std::string_view rest) {
    ContainerUri uri;
    if (rest.starts_with("//")) {
        // `file://localhost/…` is this machine too (RFC 8089 §2).
        rest.remove_prefix(2);
        const std::size_t slash = rest.find('/');
        const std::string_view host = rest.substr(0, slash);
        if (slash == std::string_view::npos || !(host.empty() || equals_ignoring_case(host, "localhost"))) {
            return refuse(
                "A file: URI names a directory of the hub's machine, as file:NAME or file:///PATH.");
        }
        rest.remove_prefix(slash);
    }
    auto path = percent_decode(rest);
    if (!path) return refuse("The container's URI holds a malformed escape.");
    while (path->size() > 1 && path->back() == '/') path->pop_back();
    const std::string_view parts = path->starts_with('/') ? std::string_view(*path).substr(1) : *path;
    if (!parts.empty() && parts != ".") {  // The root itself is `file:.`.
        if (auto checked = check_blob_path(parts); !checked) return fail(std::move(checked).error());
    }
    uri.path = *std::move(path);
    return uri;
}

Result<ContainerUri> parse_web(std::string_view rest, bool is_tls) {
    ContainerUri uri;
    uri.kind = ContainerUri::Kind::web;
    uri.is_tls = is_tls;
    uri.port = is_tls ? 443 : 80;
    rest = rest.substr(0, rest.find('#'));
    const std::size_t question = rest.find('?');
    if (question != std::string_view::npos) uri.query = rest.substr(question + 1);
    rest = rest.substr(0, question);
    const std::size_t slash = rest.find('/');
    if (!read_authority(rest.substr(0, slash), uri))
        return refuse("The container's URI has no host, or a bad one.");
    if (slash != std::string_view::npos) uri.path = rest.substr(slash);
    while (uri.path.ends_with('/')) uri.path.pop_back();
    if (uri.path.empty()) return refuse("The URI names a storage account and no container in it.");
    if (uri.path.find(' ') != std::string::npos || uri.query.find(' ') != std::string::npos) {
        return refuse("The container's URI holds a space.");
    }
    return uri;
}

}  // namespace

Result<ContainerUri> ContainerUri::parse(std::string_view text) {
    if (text.size() > Blobs::uri_bytes_max) return refuse("The container's URI is too long.");
    if (has_illegal_byte(text)) return refuse("The container's URI holds a character that no URI may hold.");
    const std::size_t colon = text.find(':');
    const std::string_view scheme = text.substr(0, colon);
    const std::string_view rest =
        colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (equals_ignoring_case(scheme, "file") && !rest.empty()) return parse_file(rest);
    const bool is_tls = equals_ignoring_case(scheme, "https");
    if ((is_tls || equals_ignoring_case(scheme, "http")) && rest.starts_with("//")) {
        return parse_web(rest.substr(2), is_tls);
    }
    return refuse("A container is named by an https: URI with a shared access signature, or by a file: URI.");
}

Result<> check_blob_path(std::string_view path) {
    if (path.size() > Blobs::name_bytes_max) return refuse("The name of a blob takes at most 1024 bytes.");
    if (has_illegal_byte(path)) return refuse("The name of a blob or directory holds an illegal character.");
    for (const std::string_view part : split(path, '/')) {
        if (part.empty() || part == "." || part == "..") {
            return refuse("A part of the name of a blob or directory is empty or made of dots.");
        }
    }
    return {};
}

}  // namespace carillon
