#pragma once

#include "query/bound.hpp"

#include <memory>
#include <vector>

namespace carillon::query {

/// Gives a path in a condition on messages its meaning: `$body.…` is a value in a body of JSON, `$twin.…` a
/// tag or property of the sender's twin, another name that begins with `$` a system property, and any other
/// name an application property. Never fails: an unknown name is undefined for every message. Source: IoT Hub
/// docs, "IoT Hub message routing query syntax".
std::shared_ptr<const Path> resolve_message_path(std::vector<Segment> segments);

/// Whether a path reads the twin of the sender.
bool is_of_twin(const Path& path);

}  // namespace carillon::query
