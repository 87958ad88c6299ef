#pragma once

#include "query/bound.hpp"

#include <memory>
#include <vector>

namespace carillon::query {

/// Gives a path's names their meaning. Never fails: an unknown name is undefined on every row.
/// System names are matched in any case, keys of a user in their own.
/// Source: IoT Hub docs, "Get started with device twins", twin queries.
std::shared_ptr<const Path> resolve_path(std::vector<Segment> segments, const FromClause& from);

}  // namespace carillon::query
