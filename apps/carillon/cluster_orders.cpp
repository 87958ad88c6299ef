// carillon cluster drain, move, accept-loss, finish-upgrade: what operators order a cluster to do.

#include "cluster_orders.hpp"

#include "store/postgres/cluster_tables.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

namespace carillon {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Longer than methods of jobs are waited for, and a large hub takes to stop.
constexpr std::chrono::seconds handover_max{120};
constexpr std::chrono::milliseconds between_handover_looks{100};
/// Of a node that could take the hub: some beats.
constexpr std::chrono::seconds successor_beat_age_max{5};

void say_to_operator(const std::string& line) {
    std::fputs((line + "\n").c_str(), stderr);
}

Result<std::unique_ptr<ClusterTables>> open_cluster_tables(const std::string& store) {
    return ClusterTables::open(store, "carillon/order");
}

const NodeRow* find_live_node(const ClusterView& view, const std::string& node) {
    const auto found = std::find_if(view.nodes.begin(), view.nodes.end(), [&node](const NodeRow& each) {
        return each.incarnation.node == node && each.is_live();
    });
    return found == view.nodes.end() ? nullptr : &*found;
}

/// Until another node than `from` owns the hub.
Result<Exit> follow_handover(ClusterTables& tables, const Incarnation& from) {
    const auto began = SteadyClock::now();
    for (;;) {
        auto view = tables.view({});
        if (!view) return fail(std::move(view).error());
        if (view->owner() != from) {
            const std::chrono::duration<double> took = SteadyClock::now() - began;
            say_to_operator(fmt::format("{} has handed the hub over to {}, {:.1f} s after the order.",
                                        from.node, view->owner().node, took.count()));
            return Exit::ok;
        }
        if (SteadyClock::now() - began > handover_max) {
            return fail(Errc::gateway_timeout,
                        fmt::format("{} still owns the hub after {} s; the order stands", from.node,
                                    handover_max.count()));
        }
        std::this_thread::sleep_for(between_handover_looks);
    }
}

tl::unexpected<Error> nobody_else() {
    return fail(Errc::config_invalid,
                "no other node can take the hub: start one, or end the drain of one that is drained");
}

}  // namespace

Result<Exit> drain_node(const std::string& store, const std::string& node) {
    auto tables = open_cluster_tables(store);
    if (!tables) return fail(std::move(tables).error());
    auto view = (*tables)->view({});
    if (!view) return fail(std::move(view).error());
    if (find_live_node(*view, node) == nullptr) {
        return fail(Errc::config_invalid, fmt::format("no node {} runs in this cluster", node));
    }
    const Incarnation owner = view->owner();
    view->drained.push_back(node);
    view->handover.reset();
    if (owner.node == node && view->successor(successor_beat_age_max) == nullptr) return nobody_else();
    if (auto done = (*tables)->set_drained(node, true); !done) return fail(std::move(done).error());
    if (owner.node == node) return follow_handover(**tables, owner);
    say_to_operator(
        fmt::format("{} does not serve the hub, and will not take it while another node can.", node));
    return Exit::ok;
}

Result<Exit> end_drain(const std::string& store, const std::string& node) {
    auto tables = open_cluster_tables(store);
    if (!tables) return fail(std::move(tables).error());
    if (auto done = (*tables)->set_drained(node, false); !done) return fail(std::move(done).error());
    return Exit::ok;
}

Result<Exit> move_hub(const std::string& store, const std::string& node) {
    auto tables = open_cluster_tables(store);
    if (!tables) return fail(std::move(tables).error());
    auto view = (*tables)->view({});
    if (!view) return fail(std::move(view).error());
    const Incarnation owner = view->owner();
    if (owner.node == node) {
        say_to_operator(node + " serves the hub already.");
        return Exit::ok;
    }
    const NodeRow* const target = find_live_node(*view, node);
    if (target == nullptr ||
        target->beat_age_s > std::chrono::duration<double>(successor_beat_age_max).count()) {
        return fail(Errc::config_invalid, fmt::format("no node {} runs in this cluster", node));
    }
    if (view->is_drained(node)) {
        return fail(Errc::config_invalid,
                    fmt::format("{0} is drained; first `carillon cluster drain {0} --off`", node));
    }
    if (auto asked = (*tables)->request_handover({owner, node}); !asked)
        return fail(std::move(asked).error());
    return follow_handover(**tables, owner);
}

Result<Exit> accept_loss(const std::string& store) {
    auto tables = open_cluster_tables(store);
    if (!tables) return fail(std::move(tables).error());
    if (auto done = (*tables)->accept_loss(); !done) return fail(std::move(done).error());
    say_to_operator(
        "Nodes that know of more than PostgreSQL has end within seconds, and start again with what it has, "
        "if "
        "their supervisor starts them.");
    return Exit::ok;
}

Result<Exit> finish_upgrade(const std::string& store) {
    auto tables = open_cluster_tables(store);
    if (!tables) return fail(std::move(tables).error());
    if (auto done = (*tables)->finish_upgrade(); !done) return fail(std::move(done).error());
    say_to_operator(
        fmt::format("The cluster's tables are of format {}; older programs refuse to start on it.",
                    ClusterTables::format));
    return Exit::ok;
}

}  // namespace carillon
