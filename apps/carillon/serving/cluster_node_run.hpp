#pragma once

#include "failure.hpp"
#include "serving/serving.hpp"

namespace carillon {

/// Runs one node of a cluster until a signal ends it: stands by, serves when its turn comes, and hands over.
/// After an operator's order to hand over it stands by again.
Result<Exit> serve_in_cluster(const ServeArgs& args, ServerConfig config, const sigset_t& signals,
                              const ServiceManager& manager);

}  // namespace carillon
