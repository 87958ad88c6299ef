#pragma once

#include <string>
#include <string_view>

namespace carillon {

/// The name in the certificate by which a node proves itself to other nodes of its cluster, `cluster` being
/// the cluster's random name. At most 64 characters, as a common name holds no more.
inline std::string node_domain(std::string_view cluster) {
    constexpr std::size_t digits = 16;
    return "." + std::string(cluster.substr(0, digits)) + ".carillon";
}
inline std::string node_name(std::string_view cluster, std::string_view node) {
    return std::string(node) + node_domain(cluster);
}

}  // namespace carillon
