#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "server/data_dir.hpp"
#include "store/postgres/cluster_tables.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// What a data directory says of the node it belongs to, in `cluster.json`.
struct NodeFile {
    std::string cluster;  ///< Random, of the cluster's tables.
    std::string node;
    /// The node's last start, and by what it is known that its process is gone.
    std::optional<Incarnation> started;
    std::string boot_id;
    std::uint64_t lock_inode = 0;
};

/// True if the directory belongs to a node of a cluster.
bool is_node_dir(const std::filesystem::path& data_dir);
/// Fails with `not_found_locally` if it does not, `store_corrupt` if the file does not parse.
Result<NodeFile> read_node_file(const std::filesystem::path& data_dir);
/// Remembers a start, so that the next one on this machine need not wait for a lease.
Result<> write_node_start(const DataDir& data_dir, const Incarnation& self);
/// The last start, if its process is gone: this process holds the lock that it held, on a machine that has
/// not been started since. A copy of the directory proves nothing.
std::optional<Incarnation> find_ended(const DataDir& data_dir);

/// Letters, digits, `-`, `_` and `.`, at most `ClusterTables::node_id_bytes_max`.
bool is_node_id(std::string_view id);

/// Makes the cluster's tables, and an authority for its certificates. Fails as `ClusterTables::create` does.
Result<> init_cluster(const std::string& conninfo, Random& random);

/// Makes the directory, which is empty, one of `node`: the authority goes there. Nothing changes if it is one
/// already. Fails with `config_invalid` if it is something else, and as `ClusterTables::open` does.
Result<> join_cluster(const DataDir& data_dir, const std::string& conninfo, const std::string& node);

/// How far an import has come.
struct ImportCounts {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
};

/// Copies the hub of `data_dir`, which does not run, into a cluster that has no hub yet, with its authority,
/// so that devices notice nothing. One that is cut off is begun anew by the next; until then no node starts.
/// Fails with `config_invalid` if the cluster has a hub, or a node of it lives.
Result<ImportCounts> import_hub(const DataDir& data_dir, const std::string& conninfo,
                                const std::function<void(const ImportCounts&)>& tell);

}  // namespace carillon
