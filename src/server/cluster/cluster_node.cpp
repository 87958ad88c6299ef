#include "server/cluster/cluster_node.hpp"

#include "base/log.hpp"
#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/node_map.hpp"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>
#include <algorithm>
#include <utility>

namespace carillon {

namespace {

constexpr int handover_tries = 3;
constexpr std::chrono::seconds between_snapshot_looks{10};

PgConnection::Deadline soon() {
    return std::chrono::steady_clock::now() + ClusterNode::answer_max;
}

}  // namespace

Result<std::unique_ptr<ClusterNode>> ClusterNode::start(ClusterNodeOptions options) {
    auto tables = ClusterTables::open(options.conninfo, "carillon/" + options.node + "/join");
    if (!tables) return fail(std::move(tables).error());
    if (!(*tables)->connection().is_private()) {
        log.warn(
            "the connection to PostgreSQL is not encrypted, and keys of devices go over it: use sslmode");
    }
    const auto importing = (*tables)->setting(importing_setting);
    if (!importing) return fail(importing.error());
    if (*importing) {
        return fail(
            Errc::store_failed,
            "a hub is being imported into this cluster, or was and not to its end: run `carillon cluster "
            "import` again");
    }
    if (!options.stays_drained) {
        // It is started again, after whatever it was drained for.
        auto ready = (*tables)->set_drained(options.node, false);
        if (!ready) return fail(std::move(ready).error());
    }
    auto joined_at = (*tables)->server_time();
    if (!joined_at) return fail(std::move(joined_at).error());
    auto self = (*tables)->join(options.node, options.address);
    if (!self) return fail(std::move(self).error());
    std::unique_ptr<ClusterNode> node(new ClusterNode(std::move(options), *std::move(self)));
    node->joined_at_ = *joined_at;
    log.info("joined the cluster node={} incarnation={}", node->self_.node, node->self_.number);
    node->beating_ = std::thread([&node = *node] { node.beat_loop(); });
    ::pthread_setname_np(node->beating_.native_handle(), "carillon-beat");
    node->watching_ = std::thread([&node = *node] { node.watch_loop(); });
    ::pthread_setname_np(node->watching_.native_handle(), "carillon-watch");
    return node;
}

ClusterNode::ClusterNode(ClusterNodeOptions options, Incarnation self)
    : options_(std::move(options)),
      self_(std::move(self)),
      lease_(options_.lease),
      watch_(options_.lease),
      started_(boot_time()) {}

ClusterNode::~ClusterNode() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
        changed_.notify_all();
        if (store_) store_->give_up_waiting();
    }
    if (watching_.joinable()) watching_.join();
    if (beating_.joinable()) beating_.join();
}

std::string ClusterNode::session_name(const char* what) const {
    return fmt::format("carillon/{}/{}/{}", self_.node, self_.number, what);
}

void ClusterNode::end(const std::string& reason) {
    log.error("this process ends, and holds nothing any more reason={}", reason);
    log.flush();
    ::_exit(PgStore::fenced_exit_code);
}

/// False if the node is to end.
bool ClusterNode::sleep(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return ends_; });
}

std::shared_ptr<PgStore> ClusterNode::wait_for_store(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return store_ != nullptr; });
    return store_;
}

Incarnation ClusterNode::owner() const {
    const std::lock_guard lock(mutex_);
    return owner_;
}

std::optional<NodeRow> ClusterNode::live_owner() const {
    const std::lock_guard lock(mutex_);
    return live_owner_;
}

std::shared_ptr<const ShardMap> ClusterNode::map() const {
    const std::lock_guard lock(mutex_);
    return map_;
}

void ClusterNode::note_owner(const ClusterView& view) {
    const NodeRow* const row = view.find(view.owner());
    const std::int64_t epoch = view.fences.front().fence.epoch;
    auto map = std::make_shared<const ShardMap>(shard_map_of(view));
    const std::lock_guard lock(mutex_);
    if (epoch < owner_epoch_) return;  // The other thread looked later and was quicker.
    owner_epoch_ = epoch;
    owner_ = view.owner();
    if (map->revision >= map_->revision) map_ = std::move(map);
    live_owner_.reset();
    if (row != nullptr && row->is_live()) live_owner_ = *row;
    is_handover_near_ = view.wants_handover();
    handover_target_.reset();
    if (owner_ != self_ || !is_handover_near_) return;
    if (const NodeRow* const next = view.successor(successor_beat_age_max))
        handover_target_ = next->incarnation;
}

std::optional<Incarnation> ClusterNode::handover_target() const {
    const std::lock_guard lock(mutex_);
    return handover_target_;
}

std::optional<ClusterNode::Handover> ClusterNode::announce_handover() {
    auto tables = ClusterTables::open(options_.conninfo, session_name("handover"));
    if (!tables) return std::nullopt;
    auto view = (*tables)->view(soon());
    if (!view || view->owner() != self_) return std::nullopt;
    const NodeRow* const next = view->successor(successor_beat_age_max);
    if (next == nullptr) return std::nullopt;
    Handover handover;
    if (view->handover && view->handover->from == self_ && view->handover->is_named()) {
        handover.to = next->incarnation;
    } else if (!(*tables)->request_handover({self_, HandoverRequest::any_node})) {
        return std::nullopt;
    }
    return handover;
}

std::chrono::milliseconds ClusterNode::lease_left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(lease_.end() - boot_time());
    return std::max(left, std::chrono::milliseconds(0));
}

/// After the last commit. If the answer is lost, the fences say whether it was done.
void ClusterNode::hand_over(const Incarnation& successor) {
    for (int tries = 0; tries < handover_tries; ++tries) {
        auto tables = ClusterTables::open(options_.conninfo, session_name("handover"));
        if (!tables) continue;
        const auto given = (*tables)->hand_over(self_, successor);
        if (given && *given) {
            log.info("handed the hub over to={} incarnation={}", successor.node, successor.number);
            return;
        }
        const auto view = given ? (*tables)->view(soon()) : fail(given.error());
        if (!view) continue;
        if (view->owner() != self_) return;
        break;  // It lives no more.
    }
    log.warn("the hub was not handed over to={}: whoever is there takes it", successor.node);
}

void ClusterNode::leave(const std::optional<Incarnation>& successor) {
    clock_.release();  // The hub has stopped; what is left of it is only taken down.
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
        changed_.notify_all();
    }
    if (watching_.joinable()) watching_.join();
    if (beating_.joinable()) beating_.join();
    if (successor) hand_over(*successor);
    auto tables = ClusterTables::open(options_.conninfo, session_name("leave"));
    const Result<> left = tables ? (*tables)->leave(self_) : fail(tables.error());
    if (left) {
        log.info("left the cluster node={} incarnation={}", self_.node, self_.number);
    } else {
        log.warn("could not say good-bye, so others wait for a lease reason={}", left.error().detail);
    }
}

// --- beating -----------------------------------------------------------------------------------

void ClusterNode::beat_loop() {
    std::unique_ptr<ClusterTables> tables;
    for (;;) {
        const auto began = std::chrono::steady_clock::now();
        bool is_well = false;
        if (!tables) {
            auto opened = ClusterTables::open(options_.conninfo, session_name("beat"));
            if (opened) tables = *std::move(opened);
        }
        if (tables) is_well = beat(*tables);
        if (!is_well) tables.reset();
        const auto last = std::max(lease_.confirmed(), started_);
        bool is_owner = false;
        {
            const std::lock_guard lock(mutex_);
            // The memory of one whose PostgreSQL has lost commits is all there is of them.
            is_owner = store_ != nullptr && !store_->has_lost();
        }
        if (is_owner && boot_time() - last > silence_max) {
            end(fmt::format("PostgreSQL has confirmed no beat for {} s",
                            std::chrono::duration_cast<std::chrono::seconds>(silence_max).count()));
        }
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
        const auto pause = is_well ? between_beats - std::min(took, between_beats) : retry_pause;
        if (!sleep(pause)) return;
    }
}

bool ClusterNode::beat(ClusterTables& tables) {
    std::vector<PgFence> acknowledged;
    std::shared_ptr<PgStore> store;
    {
        const std::lock_guard lock(mutex_);
        store = store_;
    }
    if (store) acknowledged = store->acknowledged();
    const auto sent = boot_time();
    const auto beaten = tables.beat(self_, options_.report ? options_.report() : "", soon());
    if (!beaten) {
        log.warn("no beat was confirmed reason={}", beaten.error().detail);
        return false;
    }
    if (!*beaten) {
        // Dead is what others say; not to be there at all, or with a lower beat, is a PostgreSQL that forgot.
        const auto state = tables.state(self_, soon());
        if (!state) return false;
        if (*state) end("another node has declared this one dead");
        const std::string unknown = "this start of the node is unknown to PostgreSQL";
        if (!store) end(unknown);
        store->note_loss(unknown);
        if (const auto now = tables.view(soon())) end_if_loss_is_accepted(*now);
        return true;
    }
    const auto view = tables.view(soon());
    if (store && beat_ && **beaten <= *beat_) {
        store->note_loss(fmt::format("beat {} was confirmed, and PostgreSQL is at {}", *beat_, **beaten));
    }
    beat_ = **beaten;
    lease_.confirm(sent);
    if (!view) return false;
    note_owner(*view);
    if (store) check_owned(*view, acknowledged);
    if (store && store->has_lost()) end_if_loss_is_accepted(*view);
    measure_snapshots(tables);
    return true;
}

/// What is in memory here is more than PostgreSQL has. It is kept until an operator gives it up.
void ClusterNode::end_if_loss_is_accepted(const ClusterView& view) const {
    if (view.loss_accepted_at > joined_at_) end("an operator accepts what PostgreSQL has lost");
}

void ClusterNode::measure_snapshots(ClusterTables& tables) {
    const auto now = boot_time();
    if (now - measured_at_ < between_snapshot_looks) return;
    measured_at_ = now;
    const auto oldest = tables.oldest_snapshot_s();
    if (!oldest) return;
    oldest_snapshot_s_ = *oldest;
    constexpr std::int64_t old_snapshot_s = 300;
    if (*oldest > old_snapshot_s) {
        log.warn("a transaction holds up the removal of old rows and slows commits seconds={}", *oldest);
    }
}

/// Compares what PostgreSQL says with what it had acknowledged before it was asked.
void ClusterNode::check_owned(const ClusterView& view, const std::vector<PgFence>& acknowledged) {
    std::shared_ptr<PgStore> store;
    {
        const std::lock_guard lock(mutex_);
        store = store_;
    }
    for (const PgFence& known : acknowledged) {
        const FenceRow* const row = view.find(known);
        if (row == nullptr && known.kind == PgFence::Kind::lane &&
            view.format >= ClusterTables::format_of_shards)
            end(fmt::format("the hub belongs to node {} incarnation {}", view.owner().node,
                            view.owner().number));
        if (row == nullptr || row->fence.epoch < known.epoch || row->fence.seq < known.seq) {
            store->note_loss(
                fmt::format("{} {} is at epoch {}, commit {}, and had acknowledged epoch {}, commit {}",
                            known.table(), known.number, row != nullptr ? row->fence.epoch : 0,
                            row != nullptr ? row->fence.seq : 0, known.epoch, known.seq));
            return;
        }
        if (row->owner != self_) {
            end(fmt::format("the hub belongs to node {} incarnation {}", row->owner.node, row->owner.number));
        }
    }
}

// --- waiting and taking over -------------------------------------------------------------------

void ClusterNode::watch_loop() {
    std::unique_ptr<ClusterTables> tables;
    do {
        if (!tables) {
            auto opened = ClusterTables::open(options_.conninfo, session_name("watch"));
            if (opened) tables = *std::move(opened);
        }
        if (!tables) {
            watch_.missed();
            continue;
        }
        if (const auto looked = look(*tables); !looked) {
            log.warn("the cluster could not be looked at reason={}", looked.error().detail);
            watch_.missed();
            tables.reset();
        }
        const std::lock_guard lock(mutex_);
        if (store_) return;
    } while (sleep(is_handover_near_ ? between_close_looks : between_looks));
}

Result<> ClusterNode::look(ClusterTables& tables) {
    auto view = tables.view(soon());
    if (!view) return fail(std::move(view).error());
    const auto now = boot_time();
    note_owner(*view);
    if (has_lost(*view)) {
        end_if_loss_is_accepted(*view);
        return {};
    }
    const Incarnation owner = view->owner();
    if (owner == self_) return take(tables, *view);
    const bool is_for_others = view->should_leave_it_to_others(self_, successor_beat_age_max);
    note_held_back(*view);
    const NodeRow* row = view->find(owner);
    if (row == nullptr || !row->is_live()) return is_for_others ? Result<>{} : take(tables, *view);
    watch_.saw(owner, row->beat, now);
    // Nobody else's beat is judged by who does not reach PostgreSQL himself.
    if (lease_.confirmed() == std::chrono::nanoseconds(0) || now - lease_.confirmed() > own_beat_max) {
        watch_.missed();
        return {};
    }
    const bool is_gone = options_.ended && *options_.ended == owner;
    if (!is_gone && !watch_.may_kill(now)) return {};
    auto killed = tables.kill(owner, row->beat);
    if (!killed) return fail(std::move(killed).error());
    if (!*killed) return {};  // It beat meanwhile.
    log.warn("the owner of the hub is dead node={} incarnation={} beat={}", owner.node, owner.number,
             row->beat);
    return is_for_others ? Result<>{} : take(tables, *view);
}

/// Says once that other nodes are to take the hub.
void ClusterNode::note_held_back(const ClusterView& view) {
    const NodeRow* const own = view.find(self_);
    if (own == nullptr || !own->is_held_back() || std::exchange(has_told_held_back_, true)) return;
    log.warn("this node leaves the hub to others for a while, as it did not end in order times={} minutes={}",
             own->recent_ends, NodeRow::ends_count_for.count());
}

/// Whoever owned the hub does not live. A transaction that one of its sessions holds is ended.
Result<> ClusterNode::take(ClusterTables& tables, const ClusterView& view) {
    if (view.owner() != self_) {
        if (auto ended = tables.end_sessions(view.owner()); !ended) return ended;
    }
    auto fences = tables.claim(self_, std::chrono::steady_clock::now() + std::chrono::seconds(10));
    if (!fences) return fail(std::move(fences).error());
    if (fences->size() != view.fences.size()) return {};  // Another one is as quick: look again.
    for (const PgFence& fence : *fences) {
        const bool is_behind = std::any_of(seen_.begin(), seen_.end(), [&fence](const PgFence& seen) {
            return seen.is_same_row(fence) && fence.seq < seen.seq;
        });
        if (is_behind)
            return fail(Errc::store_failed, "PostgreSQL has lost commits while the hub was taken over");
    }
    PgStoreOptions options;
    options.conninfo = options_.conninfo;
    options.node = self_.node;
    options.incarnation = self_.number;
    options.fences = *std::move(fences);
    auto store = PgStore::open(std::move(options));
    if (!store) return fail(std::move(store).error());
    log.info("took over the hub node={} incarnation={} from={}", self_.node, self_.number, view.owner().node);
    const std::lock_guard lock(mutex_);
    owner_ = self_;
    store_ = *std::move(store);
    changed_.notify_all();
    return {};
}

/// True if PostgreSQL is behind what this node has seen. Then it takes nothing, as who has the rest may live:
/// a person decides.
bool ClusterNode::has_lost(const ClusterView& view) {
    bool is_behind = false;
    for (const FenceRow& row : view.fences) {
        auto seen = std::find_if(seen_.begin(), seen_.end(),
                                 [&row](const PgFence& each) { return each.is_same_row(row.fence); });
        if (seen == seen_.end()) seen = seen_.insert(seen_.end(), row.fence);
        is_behind = is_behind || row.fence.epoch < seen->epoch || row.fence.seq < seen->seq;
        if (!is_behind) *seen = row.fence;
    }
    if (is_behind && !std::exchange(has_told_loss_, true)) {
        log.error(
            "PostgreSQL is behind what it said before, so this node takes nothing over: it came back from an "
            "old backup, or a standby without the last commits was promoted. Restart the nodes to go on "
            "with what it has");
    }
    return is_behind;
}

}  // namespace carillon
