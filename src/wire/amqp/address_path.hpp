#pragma once

#include <string_view>

namespace carillon::amqp {

/// The path of a terminus address: without scheme and host, if it is a URI, and without its leading slash. A
/// view of `address`.
inline std::string_view address_path(std::string_view address) {
    if (const std::size_t scheme = address.find("://"); scheme != std::string_view::npos) {
        const std::size_t slash = address.find('/', scheme + 3);
        address = slash == std::string_view::npos ? std::string_view() : address.substr(slash);
    }
    if (address.starts_with('/')) address.remove_prefix(1);
    return address;
}

}  // namespace carillon::amqp
