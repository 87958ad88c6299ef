#pragma once

#include "base/result.hpp"
#include "failure.hpp"

#include <string>

namespace carillon {

// What operators order a cluster to do. `store` is its PostgreSQL.

/// `node` hands the hub over if it serves, and takes it only while no other node can. Waits for that.
Result<Exit> drain_node(const std::string& store, const std::string& node);
/// The node may own the hub again.
Result<Exit> end_drain(const std::string& store, const std::string& node);
/// Makes the serving node hand the hub over to `node`, and waits until it has.
Result<Exit> move_hub(const std::string& store, const std::string& node);
/// Nodes that know of more than PostgreSQL has start again with what it has.
Result<Exit> accept_loss(const std::string& store);
/// The cluster takes on what only this version's programs know.
Result<Exit> finish_upgrade(const std::string& store);

}  // namespace carillon
