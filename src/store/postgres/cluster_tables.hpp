#pragma once

#include "store/postgres/pg_connection.hpp"
#include "store/postgres/pg_store.hpp"

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

    bool is_live() const { return state == "live"; }
};

/// A row that guards commits, and who may commit by it.
struct LaneRow {
    PgLane lane;
    Incarnation owner;
};

/// Who is there and who owns the lanes, at one moment.
struct ClusterView {
    std::vector<NodeRow> nodes;  ///< Of each node the latest start, and all that live.
    std::vector<LaneRow> lanes;  ///< By number.

    const NodeRow* find(const Incarnation& incarnation) const;
    /// The owner of the first lane. Claims take all lanes at once.
    const Incarnation& owner() const { return lanes.front().owner; }
};

/// The tables by which nodes know of each other, on a session of their own. What fails may have been done,
/// where nothing else is said. All of it fails with `store_failed`.
class ClusterTables {
public:
    /// Lanes of a cluster: as many commits can be on their way at once.
    static constexpr int lane_count = 8;
    /// Version of the tables. A program refuses those of a later one.
    static constexpr std::int64_t format = 1;
    static constexpr std::size_t node_id_bytes_max = 32;
    static constexpr std::chrono::milliseconds lock_wait_max{300};

    /// Makes the schema, its tables and lanes, which nobody owns, and stores `settings`. Fails with
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
    /// Raises the beat of one that lives; nothing if it lives no more.
    Result<std::optional<std::int64_t>> beat(const Incarnation& self, PgConnection::Deadline deadline);
    /// `live`, `left` or `dead`; nothing if PostgreSQL does not know this start.
    Result<std::optional<std::string>> state(const Incarnation& who, PgConnection::Deadline deadline);
    Result<ClusterView> view(PgConnection::Deadline deadline);
    /// Marks one as dead whose beat is still `beat`. True if this call did it.
    Result<bool> kill(const Incarnation& who, std::int64_t beat);
    /// Ends all sessions of one that is dead: a frozen one may hold a lane in half a transaction.
    Result<> end_sessions(const Incarnation& dead);
    /// Takes all lanes whose owner does not live, or is `self`, and gives those that `self` owns now, maybe
    /// not all. Fails if a transaction holds one of them for longer than `lock_wait_max`.
    Result<std::vector<PgLane>> claim(const Incarnation& self, PgConnection::Deadline deadline);
    /// Says that one that lives has ended in order.
    Result<> leave(const Incarnation& self);

    PgConnection& connection() { return *connection_; }

private:
    explicit ClusterTables(std::unique_ptr<PgConnection> connection) : connection_(std::move(connection)) {}
    std::unique_ptr<PgConnection> connection_;
};

}  // namespace carillon
