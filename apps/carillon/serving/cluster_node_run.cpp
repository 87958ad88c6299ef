// A node of a cluster, as one process.

#include "serving/cluster_node_run.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "dashboard_files.hpp"
#include "server/cluster/cluster_node.hpp"
#include "server/cluster/cluster_seat.hpp"
#include "server/cluster/cluster_setup.hpp"
#include "server/cluster/health_door.hpp"
#include "server/cluster/node_links.hpp"
#include "server/cluster/standby_door.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

namespace carillon {
namespace {

/// How long methods of jobs that are out may take before the hub is handed over without waiting for them.
constexpr std::chrono::seconds answers_max{30};

/// What of a node is shown to load balancers and by `carillon cluster status`. Set by the main thread, read
/// by any.
class NodeFace {
public:
    void show(const ClusterNode* node, const StandbyDoor* door) {
        const std::lock_guard lock(mutex_);
        node_ = node;
        door_ = door;
    }
    /// Nothing for a node that does not serve.
    void serves(std::shared_ptr<const PgStore> store) {
        const std::lock_guard lock(mutex_);
        store_ = std::move(store);
    }
    HealthDoor::State state() const;

private:
    mutable std::mutex mutex_;  ///< Guards what follows, and that it is there.
    const ClusterNode* node_ = nullptr;
    const StandbyDoor* door_ = nullptr;
    std::shared_ptr<const PgStore> store_;
};

void append_door(JsonWriter& json, const DoorFigures& figures) {
    json.key("door")
        .begin_object()
        .member("connections", figures.open)
        .member("passedOn", figures.lines)
        .member("refused", figures.refused)
        .member("cut", figures.cut)
        .member("bytesIn", figures.bytes_in)
        .member("bytesOut", figures.bytes_out)
        .end_object();
}

HealthDoor::State NodeFace::state() const {
    const std::lock_guard lock(mutex_);
    HealthDoor::State state;
    JsonWriter json(state.text);
    if (node_ == nullptr) {  // Between two starts of the node.
        json.begin_object().member("role", "starting").end_object();
        return state;
    }
    const bool is_owner = node_->owner() == node_->self();
    const char* role = "standby";
    if (is_owner) role = store_ == nullptr ? "starting" : node_->may_act() ? "active" : "paused";
    state.serves = is_owner && store_ != nullptr && node_->may_act();
    json.begin_object()
        .member("node", node_->self().node)
        .member("incarnation", node_->self().number)
        .member("role", role)
        .member("leaseLeftMs", node_->lease_left().count());
    const auto map = node_->map();
    json.member("shards", map->count_owned(node_->self().node, node_->self().number))
        .member("mapRevision", map->revision);
    if (store_ != nullptr) {
        json.member("settlements", store_->settlements()).member("hasLost", store_->has_lost());
    }
    if (const auto figures = door_ != nullptr ? door_->figures() : std::nullopt) append_door(json, *figures);
    json.end_object();
    return state;
}

void reload(StandbyDoor& door, const DataDir& data_dir, const ServeArgs& args) {
    const auto config = load_config(sources_of(args));
    const Result<> done = config ? door.reload(*config, data_dir) : fail(config.error());
    if (done) {
        log.info("certificates read again");
    } else {
        log.error("nothing changed: configuration or certificates refused reason={}", done.error().detail);
    }
}

/// Waits until this node owns the hub; null if a signal ended that. Meanwhile `door`, if there is one, passes
/// connections on.
std::shared_ptr<PgStore> stand_by(ClusterNode& node, StandbyDoor* door, const DataDir& data_dir,
                                  const ServeArgs& args, const sigset_t& signals,
                                  const ServiceManager& manager) {
    constexpr std::chrono::milliseconds step{50};
    std::string said;
    for (;;) {
        if (auto store = node.wait_for_store(step)) return store;
        const int signal = next_signal(signals, std::chrono::microseconds(1));
        if (signal == SIGTERM || signal == SIGINT) return nullptr;
        if (door != nullptr) {
            if (signal == SIGHUP) reload(*door, data_dir, args);
            const auto owner = node.live_owner();
            if (owner && owner->incarnation != node.self()) door->follow(owner, data_dir);
        }
        if (manager.watchdog()) manager.alive();
        const Incarnation owner = node.owner();
        if (owner.node.empty() || owner.node == said || owner.number == 0) continue;
        said = owner.node;
        const std::string status = "Standing by; node " + said + " serves the hub";
        log.info("standing by owner={} incarnation={}", owner.node, owner.number);
        manager.ready(status);  // It does what it is there for.
    }
}

/// One start of the node, from joining the cluster to leaving it.
class NodeRun {
public:
    enum class End { stopped, handed_over };

    NodeRun(const ServeArgs& args, const ServerConfig& config, const sigset_t& signals,
            const ServiceManager& manager, NodeFace& face)
        : args_(args), config_(config), signals_(signals), manager_(manager), face_(face) {}
    ~NodeRun() { face_.show(nullptr, nullptr); }

    Result<> join(DataDir& data_dir, bool is_back);
    Result<End> stand_by_and_serve(DataDir data_dir);
    void leave() { node_->leave(); }

private:
    void wait_for_answers(Server& server) const;

    const ServeArgs& args_;
    const ServerConfig& config_;
    const sigset_t& signals_;
    const ServiceManager& manager_;
    NodeFace& face_;
    std::optional<NodeLinks> links_;
    std::unique_ptr<ClusterNode> node_;
    std::unique_ptr<StandbyDoor> door_;
};

Result<> NodeRun::join(DataDir& data_dir, bool is_back) {
    ClusterNodeOptions options;
    options.conninfo = config_.cluster.store;
    options.node = config_.cluster.node;
    options.address = node_address(config_);
    options.lease = std::chrono::seconds(config_.cluster.lease_s);
    options.ended = find_ended(data_dir);
    options.stays_drained = is_back;
    options.report = [&face = face_] { return face.state().text; };
    if (config_.cluster.link_port != 0) {
        auto prepared = prepare_links(config_, data_dir);
        if (!prepared) return fail(for_terminal(std::move(prepared).error()));
        links_ = *std::move(prepared);
        if (is_wildcard(links_->address)) {
            log.warn("other nodes pass no connections on to this one: cluster.advertise says no address");
        }
    }
    auto started = ClusterNode::start(std::move(options));
    if (!started) return fail(std::move(started).error());
    node_ = *std::move(started);
    if (auto noted = write_node_start(data_dir, node_->self()); !noted) return noted;
    if (links_) door_ = std::make_unique<StandbyDoor>(config_, *links_);
    face_.show(node_.get(), door_.get());
    return {};
}

/// Devices that have got a method of a job may answer, and no other one gets any.
void NodeRun::wait_for_answers(Server& server) const {
    server.rest();
    const auto end = std::chrono::steady_clock::now() + answers_max;
    constexpr std::chrono::milliseconds step{10};
    while (server.methods_in_flight() > 0 && std::chrono::steady_clock::now() < end) {
        // A second signal means: now.
        const int signal = next_signal(signals_, step);
        if (signal == SIGTERM || signal == SIGINT) break;
        if (manager_.watchdog()) manager_.alive();
    }
    if (const auto left = server.methods_in_flight(); left > 0) {
        log.warn("methods of jobs are not waited for any longer count={}", left);
    }
}

Result<NodeRun::End> NodeRun::stand_by_and_serve(DataDir data_dir) {
    auto store = stand_by(*node_, door_.get(), data_dir, args_, signals_, manager_);
    constexpr std::chrono::milliseconds patience{1'000};
    if (door_) door_->close(store ? std::chrono::milliseconds(0) : patience);
    if (!store) {
        node_->leave();
        return End::stopped;
    }
    auto seat = std::make_unique<ClusterSeat>(std::move(data_dir), store, node_->clock());
    seat->links = links_;
    seat->incarnation = node_->self().number;
    seat->lease_left = [&node = *node_] { return node.lease_left(); };
    seat->oldest_snapshot = [&node = *node_] { return node.oldest_snapshot(); };
    const auto models = make_mcp_endpoint(config_);
    auto server = Server::start(config_, dashboard_files(), std::move(seat), models.get());
    if (!server) {
        node_->leave();
        return fail(for_terminal(std::move(server).error()));
    }
    face_.serves(store);
    End end = End::stopped;
    run_hub(**server, args_, config_, signals_, manager_, [this, &end] {
        if (node_->handover_target()) end = End::handed_over;
        return end == End::handed_over;
    });
    if (!node_->may_act()) {
        // Its threads stand still, and nothing may be said to anybody.
        log.warn("stopped without PostgreSQL; what was not acknowledged is open");
        log.flush();
        std::_Exit(static_cast<int>(Exit::ok));
    }
    const auto handover = node_->announce_handover();
    if (handover) {
        log.info("hands the hub over to={}", handover->to ? handover->to->node : "whoever takes it");
        wait_for_answers(**server);
    }
    face_.serves(nullptr);
    (*server)->stop([this] { manager_.alive(); });
    node_->leave(handover ? handover->to : std::nullopt);
    return end;
}

}  // namespace

Result<Exit> serve_in_cluster(const ServeArgs& args, ServerConfig config, const sigset_t& signals,
                              const ServiceManager& manager) {
    NodeFace face;
    std::unique_ptr<HealthDoor> health;
    for (bool is_back = false;; is_back = true) {
        auto data_dir = DataDir::take(config.data_dir, DataDir::lock_wait_max);
        if (!data_dir) return fail(std::move(data_dir).error());
        if (config.cluster.node.empty()) {
            const auto file = read_node_file(data_dir->path());
            if (!file) return fail_usage("--cluster needs --node, the name of this node");
            config.cluster.node = file->node;
        }
        if (auto joined = join_cluster(*data_dir, config.cluster.store, config.cluster.node); !joined) {
            return fail(std::move(joined).error());
        }
        data_dir->keep();
        NodeRun run(args, config, signals, manager, face);
        if (auto joined = run.join(*data_dir, is_back); !joined) return fail(std::move(joined).error());
        if (!health && !config.cluster.health.empty()) {
            auto opened = HealthDoor::open(config.cluster.health, [&face] { return face.state(); });
            if (!opened) {
                run.leave();
                return fail(std::move(opened).error());
            }
            health = *std::move(opened);
        }
        const auto end = run.stand_by_and_serve(*std::move(data_dir));
        if (!end) return fail(end.error());
        if (*end == NodeRun::End::stopped) break;
        log.info("this node stands by again");
    }
    log.flush();
    return Exit::ok;
}

}  // namespace carillon
