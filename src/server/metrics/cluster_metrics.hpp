#pragma once

#include "base/metrics_text.hpp"

namespace carillon {

class LineEndpoint;
struct ClusterSeat;

/// Of a hub in a cluster, as the node that serves it sees it. `lines` may be null.
void write_cluster_metrics(MetricsText& page, const ClusterSeat& seat, const LineEndpoint* lines);

}  // namespace carillon
