#pragma once

#include "base/metrics.hpp"
#include "endpoint/rest/routes.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace carillon::rest {

/// What became of the requests for one operation.
struct RouteMetrics {
    static constexpr std::size_t classes = 6;
    std::array<Counter, classes> answers;  ///< By the first digit of the status.
    TimeHistogram seconds;                 ///< From the end of the header until the answer was ready.
};

/// What one thread's requests came to since the start. Written by that thread, read by any.
struct alignas(64) RestMetrics {
    RestMetrics() : routes(rest::routes().size()) {}

    std::vector<RouteMetrics> routes;  ///< As the table has them. Bound: fixed.
    RouteMetrics others;               ///< What found no route, or was no request.

    RouteMetrics& of(const Route* route) {
        return route == nullptr ? others : routes[static_cast<std::size_t>(route - rest::routes().data())];
    }
};

}  // namespace carillon::rest
