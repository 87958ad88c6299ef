// carillon cluster: a hub of several processes over PostgreSQL.

#include "cluster.hpp"

#include "base/json.hpp"
#include "cluster_orders.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "hub_flags.hpp"
#include "row_printer.hpp"
#include "server/cluster/cluster_setup.hpp"
#include "server/cluster/node_map.hpp"
#include "terminal_text.hpp"

#include <fmt/core.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace carillon {
namespace {

struct ClusterArgs {
    std::string store;
    std::string node;
    bool is_off = false;
    std::string data_dir = "carillon-data";
    Format format = Format::automatic;
};

Result<Exit> init(const ClusterArgs& args) {
    SystemRandom random;
    if (auto made = init_cluster(args.store, random); !made) return fail(std::move(made).error());
    std::fputs(
        "A new cluster: tables in the schema carillon, and an authority for its certificates.\n"
        "Start a node with   carillon serve --cluster --store CONNINFO --node n1\n",
        stderr);
    return Exit::ok;
}

Result<Exit> join(const ClusterArgs& args) {
    auto data_dir = DataDir::take(args.data_dir, DataDir::lock_wait_max);
    if (!data_dir) return fail(std::move(data_dir).error());
    auto joined = join_cluster(*data_dir, args.store, args.node);
    if (!joined) return fail(std::move(joined).error());
    data_dir->keep();
    std::fputs(fmt::format("{} is node {} now. Start it with\n  carillon serve --cluster --store CONNINFO "
                           "--data-dir {}\n",
                           args.data_dir, args.node, args.data_dir)
                   .c_str(),
               stderr);
    return Exit::ok;
}

Result<Exit> import(const ClusterArgs& args) {
    auto data_dir = DataDir::take(args.data_dir, DataDir::lock_wait_max);
    if (!data_dir) return fail(std::move(data_dir).error());
    data_dir->keep();
    std::uint64_t told = 0;
    const auto tell = [&told](const ImportCounts& counts) {
        constexpr std::uint64_t step = 100'000;
        if (counts.rows / step == told) return;
        told = counts.rows / step;
        std::fputs(fmt::format("{} rows, {} MB\n", counts.rows, counts.bytes / 1'000'000).c_str(), stderr);
    };
    const auto counts = import_hub(*data_dir, args.store, tell);
    if (!counts) return fail(counts.error());
    std::fputs(fmt::format("Imported {} rows, {} bytes. {} is as it was: do not start a hub on it again.\n",
                           counts->rows, counts->bytes, args.data_dir)
                   .c_str(),
               stderr);
    return Exit::ok;
}

/// What of PostgreSQL's own settings a durable answer rests on.
constexpr std::array durability_settings{"fsync", "full_page_writes", "synchronous_standby_names"};

Result<std::string> server_setting(PgConnection& connection, const std::string& name) {
    auto rows = connection.run({"", "SELECT current_setting($1)", {pg_text(name)}});
    if (!rows) return fail(Errc::store_failed, "PostgreSQL: " + rows.error().reason);
    return std::string(rows->text(0, 0));
}

/// What the node said of itself at its last beat, and of that what a table shows.
void append_report(JsonWriter& json, const NodeRow& node) {
    if (!node.is_live() || node.report.empty()) return;
    const auto report = JsonDocument::parse(node.report);
    if (!report) return;
    json.member_raw("says", node.report);
    const JsonValue door = report->root().find("door");
    const auto lines = door.find("passedOn").integer();
    if (!lines) return;
    json.member("connections", door.find("connections").integer().value_or(0)).member("passedOn", *lines);
}

std::vector<std::string> node_rows(const ClusterView& view) {
    std::vector<std::string> rows;
    const ShardMap map = shard_map_of(view);
    for (const NodeRow& node : view.nodes) {
        const bool owns = view.owner() == node.incarnation;
        const char* role = owns && node.is_live() ? "active" : node.is_live() ? "standby" : "";
        rows.emplace_back();
        JsonWriter json(rows.back());
        json.begin_object()
            .member("node", node.incarnation.node)
            .member("incarnation", node.incarnation.number)
            .member("state", node.state)
            .member("role", role)
            .member("shards", map.count_owned(node.incarnation.node, node.incarnation.number))
            .member("address", node.address)
            .member("secondsSinceBeat", fmt::format("{:.1f}", node.beat_age_s))
            .member("version", node.version)
            .member("drained", view.is_drained(node.incarnation.node))
            .member("recentEnds", node.recent_ends)
            .member("heldBack", node.is_live() && node.is_held_back());
        append_report(json, node);
        json.end_object();
    }
    return rows;
}

std::string document_of(const ClusterView& view,
                        const std::vector<std::pair<std::string, std::string>>& postgres,
                        std::int64_t snapshot_s) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("nodes").begin_array();
    for (const std::string& row : node_rows(view)) json.raw(row);
    const ShardMap map = shard_map_of(view);
    json.end_array().member("mapRevision", map.revision).key("shards").begin_array();
    for (std::size_t shard = 0; shard < map.shards.size(); ++shard) {
        const ShardMap::Place& place = map.shards[shard];
        json.begin_object()
            .member("shard", shard)
            .member("owner", place.node)
            .member("incarnation", place.incarnation)
            .member("epoch", place.epoch)
            .member("isServed", map.find_owner(shard) != nullptr)
            .end_object();
    }
    json.end_array().key("fences").begin_array();
    for (const auto* rows : {&view.fences, &view.old_lanes}) {
        for (const FenceRow& row : *rows) {
            json.begin_object()
                .member("of", row.fence.table())
                .member("number", row.fence.number)
                .member("owner", row.owner.node)
                .member("incarnation", row.owner.number)
                .member("epoch", row.fence.epoch)
                .member("commits", row.fence.seq)
                .end_object();
        }
    }
    json.end_array().member("format", view.format).key("postgres").begin_object();
    for (const auto& [name, value] : postgres) json.member(name, value);
    json.member("oldestSnapshotSeconds", snapshot_s).end_object().end_object();
    return text;
}

void explain_durability(const std::vector<std::pair<std::string, std::string>>& postgres,
                        std::int64_t snapshot_s) {
    for (const auto& [name, value] : postgres) {
        std::cerr << name << " = " << (value.empty() ? "''" : value) << '\n';
    }
    if (postgres.back().second.empty())
        std::cerr << "No synchronous standby: what PostgreSQL's disk loses is lost.\n";
    constexpr std::int64_t old_snapshot_s = 300;
    if (snapshot_s > old_snapshot_s)
        std::cerr << "A transaction in this database is " << snapshot_s << " s old, and slows commits.\n";
}

Result<Exit> status(const ClusterArgs& args) {
    auto tables = ClusterTables::open(args.store, "carillon/status");
    if (!tables) return fail(std::move(tables).error());
    auto view = (*tables)->view({});
    if (!view) return fail(std::move(view).error());
    PgConnection& connection = (*tables)->connection();
    std::vector<std::pair<std::string, std::string>> postgres;
    for (const char* name : durability_settings) {
        auto value = server_setting(connection, name);
        if (!value) return fail(std::move(value).error());
        postgres.emplace_back(name, *std::move(value));
    }
    const auto oldest = (*tables)->oldest_snapshot_s();
    if (!oldest) return fail(oldest.error());
    const std::int64_t snapshot_s = *oldest;
    if (args.format == Format::json || args.format == Format::ndjson) {
        print_document(std::cout, args.format, document_of(*view, postgres, snapshot_s),
                       standard_table_width());
    } else {
        RowPrinter printer(std::cout, args.format,
                           {{"NODE", "node"},
                            {"START", "incarnation"},
                            {"STATE", "state"},
                            {"ROLE", "role"},
                            {"SHARDS", "shards"},
                            {"ADDRESS", "address"},
                            {"BEAT", "secondsSinceBeat"},
                            {"DRAINED", "drained"},
                            {"CONNECTIONS", "connections"},
                            {"PASSED ON", "passedOn"},
                            {"VERSION", "version"}},
                           standard_table_width());
        printer.print(node_rows(*view));
        printer.finish();
        explain_durability(postgres, snapshot_s);
    }
    const NodeRow* owner = view->find(view->owner());
    return owner != nullptr && owner->is_live() ? Exit::ok : Exit::unreachable;
}

}  // namespace

void add_cluster(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("cluster", "A hub of two machines or more over PostgreSQL");
    group.require_subcommand(1);
    auto args = std::make_shared<ClusterArgs>();
    const auto add = [&](const char* name, const char* help, Result<Exit> (*run)(const ClusterArgs&)) {
        auto& command = *group.add_subcommand(name, help);
        command.add_option("--store", args->store, "The cluster's PostgreSQL, as libpq takes it")
            ->type_name("CONNINFO")
            ->envname("CARILLON_CLUSTER__STORE")
            ->required();
        on_chosen(command, args, run, exit_code);
        return &command;
    };
    add("init", "Make a cluster's tables in an empty database", init);
    auto& joining = *add("join", "Make a data directory that of a node", join);
    joining.add_option("--node", args->node, "The node's id")->type_name("ID")->required();
    joining.add_option("--data-dir", args->data_dir, "The node's own directory (./carillon-data)")
        ->type_name("DIR");
    auto& importing = *add("import", "Copy a hub that ran alone into a new cluster", import);
    importing.add_option("--data-dir", args->data_dir, "That hub's directory (./carillon-data)")
        ->type_name("DIR");
    importing.footer("The hub must not run. Devices keep their keys and trust what they trusted.");
    const auto add_order = [&](const char* name, const char* help, Result<Exit> (*run)(const ClusterArgs&)) {
        auto& command = *add(name, help, run);
        command.add_option("node", args->node, "The node's id")->type_name("NODE")->required();
        return &command;
    };
    auto& draining = *add_order("drain", "Have a node hand the hub over, before it is stopped or upgraded",
                                [](const ClusterArgs& given) {
                                    return given.is_off ? end_drain(given.store, given.node)
                                                        : drain_node(given.store, given.node);
                                });
    draining.add_flag("--off", args->is_off, "The node may own the hub again");
    draining.footer(
        "The node goes on passing connections on, and takes the hub only while no other node can, until it "
        "is\n"
        "started again.");
    add_order("move", "Have the node that serves hand the hub over to another one",
              [](const ClusterArgs& given) { return move_hub(given.store, given.node); });
    auto& accepting = *add("accept-loss", "Go on with what PostgreSQL has, when it has lost commits",
                           [](const ClusterArgs& given) { return accept_loss(given.store); });
    accepting.footer(
        "Nodes that remember more forget it. Without this they write nothing and take nothing over.");
    add("finish-upgrade", "Use what only the new version knows, once all nodes run it",
        [](const ClusterArgs& given) { return finish_upgrade(given.store); });
    auto& showing = *add("status", "Show nodes, who serves, and what PostgreSQL promises", status);
    add_output_flag(showing, args->format, "table, json, ndjson, csv, tsv or yaml [table]");
    showing.footer("Exit code 9 if no node serves.");
}

}  // namespace carillon
