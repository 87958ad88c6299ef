#include "server/metrics/cluster_metrics.hpp"

#include "cluster/line_endpoint.hpp"
#include "server/cluster/cluster_seat.hpp"

#include <algorithm>
#include <chrono>

namespace carillon {

void write_cluster_metrics(MetricsText& page, const ClusterSeat& seat, const LineEndpoint* lines) {
    std::int64_t epoch = 0;
    std::int64_t commits = 0;
    for (const PgFence& fence : seat.store->acknowledged()) {
        epoch = std::max(epoch, fence.epoch);
        commits += fence.seq;
    }
    const auto seconds = [](auto time) { return std::chrono::duration<double>(time).count(); };
    page.gauge("carillon_cluster_epoch",
               "The highest epoch of the shards: it rises when a node takes the hub over.")
        .sample(epoch);
    page.counter("carillon_cluster_commits", "Commits of all owners since the cluster was made.")
        .sample(static_cast<std::uint64_t>(commits));
    page.counter(
            "carillon_cluster_settlements",
            "Commits of this owner whose answer was lost, so that it had to find out what became of them.")
        .sample(seat.store->settlements());
    page.gauge("carillon_cluster_lost",
               "1 if PostgreSQL lacks what it had acknowledged: then nothing is written until an operator "
               "decides.")
        .sample(std::uint64_t{seat.store->has_lost()});
    page.gauge("carillon_cluster_load_seconds", "From taking the hub over until it was served.")
        .sample(seconds(std::chrono::milliseconds(seat.load_ms)));
    page.gauge("carillon_cluster_lease_left_seconds",
               "How long this node may act without another confirmed beat; it beats each second.")
        .sample(seconds(seat.lease_left()));
    page.gauge("carillon_cluster_oldest_snapshot_seconds",
               "Age of the oldest transaction for which PostgreSQL keeps old rows, as of at most 10 s ago.")
        .sample(seconds(seat.oldest_snapshot()));
    if (lines == nullptr) return;
    page.gauge("carillon_cluster_lines_open", "Connections that other nodes pass on to this one.")
        .sample(std::uint64_t{lines->figures().open});
    page.counter("carillon_cluster_lines", "Connections that other nodes have passed on to this one.")
        .sample(lines->figures().accepted);
}

}  // namespace carillon
