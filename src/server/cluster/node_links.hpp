#pragma once

#include "base/result.hpp"
#include "net/tls_context.hpp"
#include "server/data_dir.hpp"
#include "server/settings/config.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// How a node reaches other nodes and is reached by them, and by what it proves itself.
struct NodeLinks {
    std::string domain;      ///< How the names of the cluster's nodes end.
    std::string address;     ///< At which others reach this node.
    std::uint16_t port = 0;  ///< The same on all nodes.
    TlsFiles::KeyPair own;   ///< Its certificate, for its name.
    std::string ca;          ///< The cluster's authority, and nobody else's.
};

/// The address by which other nodes know this one.
std::string node_address(const ServerConfig& config);
/// True if an address says no more than "all addresses of this machine".
bool is_wildcard(const std::string& address);

/// The links of the node that `data_dir` belongs to; makes its certificate if need be. Fails as
/// `prepare_node_certificate` and `read_node_file` do.
Result<NodeLinks> prepare_links(const ServerConfig& config, const DataDir& data_dir);

}  // namespace carillon
