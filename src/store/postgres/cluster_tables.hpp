#pragma once

#include "store/postgres/pg_connection.hpp"
#include "store/postgres/pg_store.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// One start of a node. It lives, leaves or dies, and never returns.
struct Incarnation {
    std::string node;
    std::int64_t number = 0;

    bool operator==(const Incarnation&) const = default;
};

/// What the cluster's tables say of a node's start.
struct NodeRow {
    Incarnation incarnation;
    std::int64_t beat = 0;
    std::string state;      ///< `live`, `left` or `dead`.
    double beat_age_s = 0;  ///< By PostgreSQL's clock; to be shown, never to decide by.
    std::string address;
    std::string version;
    std::string report;  ///< What the node says of itself, JSON; empty before format 2.
    /// Earlier starts of the node that did not end in order, as seen last within `ends_count_for`.
    std::int64_t recent_ends = 0;

    static constexpr std::chrono::minutes ends_count_for{10};
    bool is_live() const { return state == "live"; }
    /// True while the node is not to be trusted with the hub, as it keeps dying: from the second end on, for
    /// so many beats of the new start. Ours: 20, and twice as many for each further end, up to 300.
    bool is_held_back() const;
};

/// A row that guards commits, and who may commit by it.
struct FenceRow {
    PgFence fence;
    Incarnation owner;
};

/// An operator's order to the owner of the hub.
struct HandoverRequest {
    static constexpr const char* any_node = "*";
    Incarnation from;  ///< The owner that was meant; another one does not obey.
    std::string to;    ///< A node, or `any_node`.

    bool is_named() const { return to != any_node; }
};

/// Who is there and who owns the hub's shards, at one moment.
struct ClusterView {
    std::vector<NodeRow> nodes;    ///< Of each node the latest start, and all that live.
    std::vector<FenceRow> fences;  ///< Of shards, by number; of lanes in tables older than format 3.
    /// By which an owner still commits that took the hub before its tables were upgraded.
    std::vector<FenceRow> old_lanes;
    std::size_t shard_count = 0;  ///< Of the hub; none until it is made.

    /// What operators have asked for; see `HandoverRequest` and `ClusterTables::accept_loss`.
    std::optional<HandoverRequest> handover;
    std::vector<std::string> drained;  ///< Nodes that are not to own the hub while another one can.
    double loss_accepted_at = 0;       ///< By PostgreSQL's clock, in seconds; 0 for never.
    std::int64_t format = 0;

    const NodeRow* find(const Incarnation& incarnation) const;
    /// Null if it is not there.
    const FenceRow* find(const PgFence& fence) const;
    /// The owner of the first fence, and so of what is the hub's as a whole. Nodes claim all of them at once.
    const Incarnation& owner() const { return fences.front().owner; }
    bool is_drained(const std::string& node) const;
    /// True if the owner is to hand the hub over now.
    bool wants_handover() const;
    /// To whom the owner hands the hub over: the node that was named, or else one that is not drained, of
    /// those that live and beat within `beat_age_max`, and if it can be one that is not held back. Null if
    /// there is none.
    const NodeRow* successor(std::chrono::milliseconds beat_age_max) const;
    /// True if `node` is drained, or held back, and another one could own the hub that is neither; one that
    /// is drained leaves it to one that is held back, too.
    bool should_leave_it_to_others(const Incarnation& node, std::chrono::milliseconds beat_age_max) const;
};

/// The tables by which nodes know of each other, on a session of their own. What fails may have been done,
/// where nothing else is said. All of it fails with `store_failed`.
class ClusterTables {
public:
    /// Versions of the tables that this program works with; it refuses those of a later one. A new cluster
    /// has the newest, an older one keeps its own until `finish_upgrade`.
    static constexpr std::int64_t format = 3;
    static constexpr std::int64_t format_of_reports = 2;  ///< Since which nodes say something of themselves.
    static constexpr std::int64_t format_of_shards = 3;   ///< Since which each shard has a fence of its own.
    static constexpr std::size_t report_bytes_max = 4096;
    static constexpr std::size_t node_id_bytes_max = 32;
    static constexpr std::chrono::milliseconds lock_wait_max{300};

    /// Makes the schema, its tables and fences, which nobody owns, and stores `settings`. Fails with
    /// `config_invalid` if there is a cluster already.
    static Result<> create(const std::string& conninfo, const std::map<std::string, std::string>& settings);

    /// Fails also with `not_found_locally` if the database has no cluster, or one of a later format.
    static Result<std::unique_ptr<ClusterTables>> open(const std::string& conninfo,
                                                       const std::string& session_name);

    /// A setting of the whole cluster, such as its authority's key.
    Result<std::optional<std::string>> setting(const std::string& name);
    /// Stores it; empty removes it.
    Result<> set(const std::string& name, const std::string& value);

    /// Adds the node's next start, which lives from now on.
    Result<Incarnation> join(const std::string& node, const std::string& address);
    /// Raises the beat of one that lives, and stores what it says of itself; nothing if it lives no more.
    Result<std::optional<std::int64_t>> beat(const Incarnation& self, const std::string& report,
                                             PgConnection::Deadline deadline);
    /// `live`, `left` or `dead`; nothing if PostgreSQL does not know this start.
    Result<std::optional<std::string>> state(const Incarnation& who, PgConnection::Deadline deadline);
    Result<ClusterView> view(PgConnection::Deadline deadline);
    /// Marks one as dead whose beat is still `beat`. True if this call did it.
    Result<bool> kill(const Incarnation& who, std::int64_t beat);
    /// Ends all sessions of one that is dead: a frozen one may hold a fence in half a transaction.
    Result<> end_sessions(const Incarnation& dead);
    /// Takes those fences of `wanted`, by their numbers, whose owner does not live, or is `self`, and gives
    /// all that `self` owns now. Fails if a transaction holds one of them for longer than `lock_wait_max`.
    /// Lanes go together, whatever is wanted.
    Result<std::vector<PgFence>> claim(const Incarnation& self, const std::vector<int>& wanted,
                                       PgConnection::Deadline deadline);
    /// All of them.
    Result<std::vector<PgFence>> claim(const Incarnation& self, PgConnection::Deadline deadline);
    /// Says that one that lives has ended in order.
    Result<> leave(const Incarnation& self);
    /// Gives all fences of `self`, which commits nothing any more, to `to`. False if it owned none, or `to`
    /// does not live.
    Result<bool> hand_over(const Incarnation& self, const Incarnation& to);

    // --- what operators ask for ----------------------------------------------------------------
    Result<> request_handover(const HandoverRequest& request);
    /// Whether `node` is to own the hub only while no other one can.
    Result<> set_drained(const std::string& node, bool is_drained);
    /// Nodes that know of more than PostgreSQL has are to forget it: those that have joined by now.
    Result<> accept_loss();
    /// How old the oldest transaction of this database is for which old rows are kept: fences change
    /// at every commit, and every version that a snapshot may need is stepped over.
    Result<std::int64_t> oldest_snapshot_s();
    /// PostgreSQL's clock, in seconds since 1970.
    Result<double> server_time();
    /// A node that has not beaten for this long does not hold up the end of an upgrade.
    static constexpr std::chrono::seconds absence_min{60};
    /// Brings the tables to `format`. Fails with `config_invalid` if a node runs whose program is older, and
    /// then changes nothing.
    Result<> finish_upgrade();

    PgConnection& connection() { return *connection_; }

private:
    explicit ClusterTables(std::unique_ptr<PgConnection> connection) : connection_(std::move(connection)) {}
    std::unique_ptr<PgConnection> connection_;
    std::int64_t format_ = 1;  ///< As seen last.
};

}  // namespace carillon
