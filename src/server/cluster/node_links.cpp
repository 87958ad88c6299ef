#include "server/cluster/node_links.hpp"

#include "cluster/node_name.hpp"
#include "server/certificates/certificates.hpp"
#include "server/cluster/cluster_setup.hpp"

#include <utility>

namespace carillon {

std::string node_address(const ServerConfig& config) {
    if (!config.cluster.advertise.empty()) return config.cluster.advertise;
    return config.bind.empty() ? "127.0.0.1" : config.bind.front();
}

bool is_wildcard(const std::string& address) {
    return address == "0.0.0.0" || address == "::";
}

Result<NodeLinks> prepare_links(const ServerConfig& config, const DataDir& data_dir) {
    const auto file = read_node_file(data_dir.path());
    if (!file) return fail(file.error());
    NodeLinks links;
    links.domain = node_domain(file->cluster);
    links.address = node_address(config);
    links.port = config.cluster.link_port;
    auto own = prepare_node_certificate(data_dir.path(), node_name(file->cluster, file->node));
    if (!own) return fail(std::move(own).error());
    links.own = *std::move(own);
    links.ca = (data_dir.path() / "ca.pem").string();
    return links;
}

}  // namespace carillon
