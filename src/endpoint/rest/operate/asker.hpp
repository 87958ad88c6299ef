#pragma once

#include "endpoint/rest/request.hpp"

#include <fmt/format.h>
#include <string>

namespace carillon::rest {

/// Who asks, for the log.
inline std::string asker(const Request& request) {
    if (request.caller) return fmt::format("{} peer={}", request.caller->policy, request.peer);
    return fmt::format("{} session={} peer={}", request.session->policy, request.session->id, request.peer);
}

}  // namespace carillon::rest
