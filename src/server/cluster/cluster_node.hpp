#pragma once

#include "cluster/shard_map.hpp"
#include "server/cluster/lease.hpp"
#include "store/postgres/cluster_tables.hpp"
#include "store/postgres/pg_store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace carillon {

struct ClusterNodeOptions {
    std::string conninfo;
    std::string node;
    std::string address;  ///< To be shown.
    std::chrono::milliseconds lease{5'000};
    /// An earlier start of this node whose process is known to be gone; it is not waited for.
    std::optional<Incarnation> ended;
    /// True for a node that has handed over and goes on in the same process: if it was drained, it stays so.
    bool stays_drained = false;
    /// What the node says of itself, for `carillon cluster status`; JSON. Called on a thread of the node's.
    std::function<std::string()> report;
};

/// One start of a node of a cluster, from its entry in PostgreSQL to its end. It beats, waits until nobody
/// owns the hub, and takes it. From then on the process may act while its beats are confirmed, which `clock`
/// sees to.
///
/// The process ends at once, with exit code `PgStore::fenced_exit_code` and a sentence in the log, when
/// PostgreSQL says that another node has taken over, and when it owns the hub and no beat was confirmed for
/// `silence_max`.
class ClusterNode {
public:
    static constexpr std::chrono::milliseconds between_beats{1'000};
    static constexpr std::chrono::milliseconds between_looks{250};
    /// The same while the owner is about to hand over.
    static constexpr std::chrono::milliseconds between_close_looks{20};
    /// For a beat's answer; then another session is tried.
    static constexpr std::chrono::milliseconds answer_max{1'500};
    static constexpr std::chrono::milliseconds retry_pause{500};
    /// Who has not beaten for so long is taken for no successor.
    static constexpr std::chrono::milliseconds successor_beat_age_max{2'500};
    /// An own beat older than this means that PostgreSQL is not reached well enough to judge others.
    static constexpr std::chrono::milliseconds own_beat_max{2'000};
    /// How long an owner stands still before it lets its connections go.
    static constexpr std::chrono::milliseconds silence_max{60'000};

    /// Enters itself into the cluster and waits on threads of its own. Fails with `store_failed` or
    /// `not_found_locally`.
    static Result<std::unique_ptr<ClusterNode>> start(ClusterNodeOptions options);
    /// Ends without a word to others; they wait for a lease. Nothing if it has left.
    ~ClusterNode();
    ClusterNode(const ClusterNode&) = delete;
    ClusterNode& operator=(const ClusterNode&) = delete;

    const Incarnation& self() const { return self_; }
    /// Whether this process may act.
    bool may_act() const { return lease_.is_open(); }
    Clock& clock() { return clock_; }
    /// The store, once this node owns the hub; waits for that up to `wait`. Null if it does not.
    std::shared_ptr<PgStore> wait_for_store(std::chrono::milliseconds wait);
    /// Who owns the hub, as seen last.
    Incarnation owner() const;
    /// The same with its address; nothing unless it lives.
    std::optional<NodeRow> live_owner() const;
    /// Who owns which shard, as seen last; empty at first. Its revision only rises.
    std::shared_ptr<const ShardMap> map() const;
    /// The node to which this one, which owns the hub, is to hand it over; nothing if nobody asks for that,
    /// or no other node can take it.
    std::optional<Incarnation> handover_target() const;
    /// What becomes of the hub of a node that is about to stop.
    struct Handover {
        /// The node that an operator has named. Otherwise whoever is there takes the hub: one that was there
        /// a moment ago may be gone, and would own it for a lease.
        std::optional<Incarnation> to;
    };
    /// Asks other nodes to be ready, as this one is about to stop; nothing if no other one can take the hub.
    std::optional<Handover> announce_handover();
    /// Ends in order, so that others need not wait for a lease; `successor`, if there is one, gets the hub.
    /// Nothing may be written any more.
    void leave(const std::optional<Incarnation>& successor = std::nullopt);

    /// How long this process may still act without another confirmed beat; not negative.
    std::chrono::milliseconds lease_left() const;
    /// How old the oldest transaction of the database is that holds up the removal of old rows, as seen last.
    std::chrono::seconds oldest_snapshot() const { return std::chrono::seconds(oldest_snapshot_s_.load()); }

private:
    ClusterNode(ClusterNodeOptions options, Incarnation self);
    std::string session_name(const char* what) const;
    bool sleep(std::chrono::milliseconds time);
    void hand_over(const Incarnation& successor);
    void end_if_loss_is_accepted(const ClusterView& view) const;
    void measure_snapshots(ClusterTables& tables);
    void beat_loop();
    /// False if the session is of no more use.
    bool beat(ClusterTables& tables);
    void note_owner(const ClusterView& view);
    void check_owned(const ClusterView& view, const std::vector<PgFence>& acknowledged);
    void watch_loop();
    Result<> look(ClusterTables& tables);
    Result<> take(ClusterTables& tables, const ClusterView& view);
    bool has_lost(const ClusterView& view);
    void note_held_back(const ClusterView& view);
    [[noreturn]] static void end(const std::string& reason);

    const ClusterNodeOptions options_;
    const Incarnation self_;
    Lease lease_;
    LeasedClock clock_{lease_};
    BeatWatch watch_;            ///< Of the thread that waits.
    std::vector<PgFence> seen_;  ///< The highest of each fence. Of the thread that waits.
    bool has_told_loss_ = false;
    bool has_told_held_back_ = false;
    std::optional<std::int64_t> beat_;  ///< The last that was confirmed. Of the thread that beats.
    std::chrono::nanoseconds started_{0};
    double joined_at_ = 0;                     ///< By PostgreSQL's clock, in seconds.
    std::chrono::nanoseconds measured_at_{0};  ///< Snapshots. Of the thread that beats.
    std::atomic<std::int64_t> oldest_snapshot_s_{0};
    std::atomic<bool> is_handover_near_{false};

    mutable std::mutex mutex_;  ///< Guards all below.
    std::condition_variable changed_;
    bool ends_ = false;
    Incarnation owner_;
    std::optional<NodeRow> live_owner_;
    std::optional<Incarnation> handover_target_;
    std::int64_t owner_epoch_ = 0;
    std::shared_ptr<const ShardMap> map_ = std::make_shared<const ShardMap>();
    std::shared_ptr<PgStore> store_;
    std::thread beating_;
    std::thread watching_;
};

}  // namespace carillon
