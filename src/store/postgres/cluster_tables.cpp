#include "store/postgres/cluster_tables.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <cstdlib>

namespace carillon {
namespace {

constexpr const char* format_setting = "format";
constexpr const char* handover_setting = "handover";  ///< Node, incarnation and the node that is to follow.
constexpr const char* loss_setting = "loss_accepted";
constexpr std::string_view drained_prefix = "drained.";
constexpr std::string_view program_prefix = "program.";  ///< Incarnation, and the format its program knows.
/// In the place of a node's state, in the rows of `view`.
constexpr std::string_view setting_row = "setting";
constexpr std::string_view shards_setting = "hub.shards";  ///< In those rows; stored with the hub.
/// Dead rows of a node that are kept, so that its numbers go on and its last ends can be seen.
constexpr std::int64_t past_incarnations_max = 16;

/// Changed at every commit: room for versions in the page.
std::string fence_table(const char* name) {
    return fmt::format(
        "CREATE TABLE {0} ({0} int PRIMARY KEY, owner text NOT NULL, incarnation bigint NOT NULL,"
        " epoch bigint NOT NULL, seq bigint NOT NULL) WITH (fillfactor = 20);",
        name);
}

std::string creation_script() {
    std::string sql =
        "CREATE SCHEMA carillon;"
        "CREATE TABLE setting (name text PRIMARY KEY, value text NOT NULL);"
        "CREATE TABLE node (id text, incarnation bigint, beat bigint NOT NULL, state text NOT NULL,"
        " wall timestamptz NOT NULL, address text NOT NULL, version text NOT NULL,"
        " report text NOT NULL DEFAULT '',"
        " PRIMARY KEY (id, incarnation));";
    // Without rows: no program older than this one finds anything to claim.
    sql += fence_table("lane") + fence_table("shard");
    sql += fmt::format("INSERT INTO shard SELECT n, '-', 0, 0, 0 FROM generate_series(0, {}) n;",
                       PgStore::shards_in_table - 1);
    for (const char* table : table_names) {
        // Logs are erased from the front, so what is dead is to go before scans have to step over it. Values
        // are not compressed: most are packed already.
        sql += fmt::format(
            "CREATE TABLE kv_{0} (key bytea PRIMARY KEY, value bytea NOT NULL) WITH "
            "(autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.1);"
            "ALTER TABLE kv_{0} ALTER COLUMN value SET STORAGE EXTERNAL;",
            table);
    }
    sql += fmt::format("INSERT INTO setting VALUES ('{}', '{}');", format_setting, ClusterTables::format);
    return sql;
}

NodeRow node_of(const PgRows& rows, std::size_t row) {
    NodeRow node;
    node.incarnation = {std::string(rows.text(row, 0)), rows.number(row, 1)};
    node.beat = rows.number(row, 2);
    node.state = rows.text(row, 3);
    node.beat_age_s = std::strtod(std::string(rows.text(row, 4)).c_str(), nullptr);
    node.address = rows.text(row, 5);
    node.version = rows.text(row, 6);
    node.report = rows.text(row, 10);
    node.recent_ends = rows.number(row, 11);
    return node;
}

/// The texts of an array of numbers.
std::string numbers_text(const std::vector<int>& numbers) {
    std::string text = "{";
    for (const int number : numbers) text += (text.size() > 1 ? "," : "") + std::to_string(number);
    return text + "}";
}

/// Words without spaces, as settings of several parts are stored.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

void take_setting(ClusterView& view, std::string_view name, std::string_view value) {
    if (name.starts_with(drained_prefix)) {
        view.drained.emplace_back(name.substr(drained_prefix.size()));
    } else if (name == handover_setting) {
        const auto words = words_of(value);
        const auto number = words.size() == 3 ? parse_i64(words[1]) : std::nullopt;
        if (number) view.handover = HandoverRequest{{words[0], *number}, words[2]};
    } else if (name == loss_setting) {
        view.loss_accepted_at = std::strtod(std::string(value).c_str(), nullptr);
    } else if (name == format_setting) {
        view.format = parse_i64(value).value_or(0);
    } else if (name == shards_setting) {
        view.shard_count = parse_u64(value).value_or(0);
    }
}

bool is_beating(const NodeRow& node, std::chrono::milliseconds beat_age_max) {
    return node.is_live() && node.beat_age_s < std::chrono::duration<double>(beat_age_max).count();
}

}  // namespace

const NodeRow* ClusterView::find(const Incarnation& incarnation) const {
    for (const NodeRow& node : nodes) {
        if (node.incarnation == incarnation) return &node;
    }
    return nullptr;
}

const FenceRow* ClusterView::find(const PgFence& fence) const {
    for (const auto* rows : {&fences, &old_lanes}) {
        for (const FenceRow& row : *rows) {
            if (row.fence.is_same_row(fence)) return &row;
        }
    }
    return nullptr;
}

bool ClusterView::is_drained(const std::string& node) const {
    return std::find(drained.begin(), drained.end(), node) != drained.end();
}

bool ClusterView::wants_handover() const {
    return (handover && handover->from == owner()) || is_drained(owner().node);
}

const NodeRow* ClusterView::successor(std::chrono::milliseconds beat_age_max) const {
    const bool is_named = handover && handover->from == owner() && handover->is_named();
    const auto is_better = [](const NodeRow& a, const NodeRow& b) {
        return std::pair(a.is_held_back(), a.beat_age_s) < std::pair(b.is_held_back(), b.beat_age_s);
    };
    // An earlier start of a node that is there again may seem to live for a moment.
    const auto is_latest = [this](const NodeRow& node) {
        return std::none_of(nodes.begin(), nodes.end(), [&node](const NodeRow& other) {
            return other.incarnation.node == node.incarnation.node &&
                   other.incarnation.number > node.incarnation.number;
        });
    };
    const NodeRow* best = nullptr;
    for (const NodeRow& node : nodes) {
        if (node.incarnation == owner() || !is_beating(node, beat_age_max) || !is_latest(node)) continue;
        const std::string& id = node.incarnation.node;
        if (is_named ? id != handover->to : is_drained(id)) continue;
        if (best == nullptr || is_better(node, *best)) best = &node;
    }
    return best;
}

bool ClusterView::should_leave_it_to_others(const Incarnation& node,
                                            std::chrono::milliseconds beat_age_max) const {
    // The lower, the fitter.
    const auto rank = [this](const NodeRow& one) {
        return is_drained(one.incarnation.node) ? 2 : one.is_held_back() ? 1 : 0;
    };
    const NodeRow* const row = find(node);
    const int own = row != nullptr ? rank(*row) : is_drained(node.node) ? 2 : 0;
    return std::any_of(nodes.begin(), nodes.end(), [&](const NodeRow& other) {
        return other.incarnation.node != node.node && other.incarnation != owner() &&
               is_beating(other, beat_age_max) && rank(other) < own;
    });
}

bool NodeRow::is_held_back() const {
    constexpr std::int64_t beats_min = 20;
    constexpr std::int64_t beats_max = 300;
    constexpr std::int64_t doublings_max = 4;
    if (recent_ends < 2) return false;
    return beat < std::min(beats_min << std::min(recent_ends - 2, doublings_max), beats_max);
}

Result<> ClusterTables::create(const std::string& conninfo,
                               const std::map<std::string, std::string>& settings) {
    auto connection = PgConnection::open(conninfo, "carillon/init");
    if (!connection) return fail(std::move(connection).error());
    auto begun = (*connection)->run_script("BEGIN");
    if (!begun) return refused(begun.error());
    auto made = (*connection)->run_script(creation_script());
    if (!made && made.error().state == "42P06") {
        return fail(Errc::config_invalid,
                    "this database has a cluster already; each hub needs one of its own");
    }
    if (!made) return refused(made.error());
    for (const auto& [name, value] : settings) {
        auto stored =
            (*connection)->run({"", "INSERT INTO setting VALUES ($1, $2)", {pg_text(name), pg_text(value)}});
        if (!stored) return refused(stored.error());
    }
    auto done = (*connection)->run_script("COMMIT");
    if (!done) return refused(done.error());
    return {};
}

Result<std::unique_ptr<ClusterTables>> ClusterTables::open(const std::string& conninfo,
                                                           const std::string& session_name) {
    auto connection = PgConnection::open(conninfo, session_name);
    if (!connection) return fail(std::move(connection).error());
    std::unique_ptr<ClusterTables> tables(new ClusterTables(*std::move(connection)));
    auto there = tables->connection_->run({"", "SELECT to_regclass('carillon.setting') IS NOT NULL", {}});
    if (!there) return refused(there.error());
    if (there->text(0, 0) != "t") {
        return fail(Errc::not_found_locally,
                    "this database has no cluster; `carillon cluster init` makes one");
    }
    auto stored = tables->setting(format_setting);
    if (!stored) return fail(std::move(stored).error());
    const auto number = *stored ? parse_i64(**stored) : std::nullopt;
    if (!number || *number > format) {
        return fail(Errc::not_found_locally,
                    fmt::format("the cluster's tables are of format {}, and this program works with {} at "
                                "most: it is older than the cluster",
                                number.value_or(0), format));
    }
    tables->format_ = *number;
    return tables;
}

Result<std::optional<std::string>> ClusterTables::setting(const std::string& name) {
    auto rows = connection_->run({"setting", "SELECT value FROM setting WHERE name = $1", {pg_text(name)}});
    if (!rows) return refused(rows.error());
    if (rows->is_empty()) return std::optional<std::string>();
    return std::optional<std::string>(rows->text(0, 0));
}

Result<> ClusterTables::set(const std::string& name, const std::string& value) {
    PgStatement statement{"", "DELETE FROM setting WHERE name = $1", {pg_text(name)}};
    if (!value.empty()) {
        statement.sql = "INSERT INTO setting VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        statement.params.push_back(pg_text(value));
    }
    auto done = connection_->run(statement);
    if (!done) return refused(done.error());
    return {};
}

Result<Incarnation> ClusterTables::join(const std::string& node, const std::string& address) {
    auto rows = connection_->run({"",
                                  "INSERT INTO node (id, incarnation, beat, state, wall, address, version) "
                                  "SELECT $1, coalesce(max(incarnation), 0) + 1, 0, 'live', "
                                  "clock_timestamp(), $2, $3 "
                                  "FROM node WHERE id = $1 RETURNING incarnation",
                                  {pg_text(node), pg_text(address), pg_text(CARILLON_VERSION)}});
    if (!rows) return refused(rows.error());
    const Incarnation self{node, rows->number(0, 0)};
    auto known = set(std::string(program_prefix) + node, fmt::format("{} {}", self.number, format));
    if (!known) return fail(std::move(known).error());
    // Those that own nothing any more and ended long ago.
    auto tidied = connection_->run(
        {"",
         std::string(
             "DELETE FROM node n WHERE id = $1 AND incarnation < $2 AND state <> 'live' AND NOT EXISTS "
             "(SELECT FROM lane f WHERE f.owner = n.id AND f.incarnation = n.incarnation)") +
             (format_ >= format_of_shards ? " AND NOT EXISTS (SELECT FROM shard f WHERE f.owner = n.id AND "
                                            "f.incarnation = n.incarnation)"
                                          : ""),
         {pg_text(node), pg_number(self.number - past_incarnations_max)}});
    if (!tidied) return refused(tidied.error());
    return self;
}

Result<std::optional<std::int64_t>> ClusterTables::beat(const Incarnation& self, const std::string& report,
                                                        PgConnection::Deadline deadline) {
    PgStatement statement{"beat",
                          "UPDATE node SET beat = beat + 1, wall = clock_timestamp() WHERE id = $1 AND "
                          "incarnation = $2 AND state = 'live' RETURNING beat",
                          {pg_text(self.node), pg_number(self.number)}};
    if (format_ >= format_of_reports && report.size() <= report_bytes_max) {
        statement.name = "beat_with_report";
        statement.sql =
            "UPDATE node SET beat = beat + 1, wall = clock_timestamp(), report = $3 WHERE id = $1 AND "
            "incarnation = $2 AND state = 'live' RETURNING beat";
        statement.params.push_back(pg_text(report));
    }
    auto rows = connection_->run(statement, deadline);
    if (!rows) return refused(rows.error());
    if (rows->is_empty()) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(rows->number(0, 0));
}

Result<std::optional<std::string>> ClusterTables::state(const Incarnation& who,
                                                        PgConnection::Deadline deadline) {
    auto rows = connection_->run({"state",
                                  "SELECT state FROM node WHERE id = $1 AND incarnation = $2",
                                  {pg_text(who.node), pg_number(who.number)}},
                                 deadline);
    if (!rows) return refused(rows.error());
    if (rows->is_empty()) return std::optional<std::string>();
    return std::optional<std::string>(rows->text(0, 0));
}

Result<ClusterView> ClusterTables::view(PgConnection::Deadline deadline) {
    // One statement, so that all rows are of one moment.
    const bool has_reports = format_ >= format_of_reports;
    std::string sql =
        "SELECT id, incarnation, beat, state, extract(epoch FROM clock_timestamp() - wall), "
        "address, version, NULL, NULL, NULL, ";
    sql += has_reports ? "report" : "NULL";
    sql += fmt::format(
        ", (SELECT count(*) FROM node e WHERE e.id = n.id AND e.incarnation < n.incarnation AND e.state <> "
        "'left' AND e.wall > clock_timestamp() - interval '{} min') FROM node n WHERE state = 'live' OR "
        "incarnation = (SELECT max(incarnation) FROM node WHERE id = n.id)",
        NodeRow::ends_count_for.count());
    std::string_view kind = "lane";
    for (const bool is_shown : {true, format_ >= format_of_shards}) {
        if (!is_shown) continue;
        sql += fmt::format(
            " UNION ALL SELECT owner, incarnation, {0}, NULL, NULL, '{0}', NULL, {0}, epoch, seq, NULL, NULL "
            "FROM {0}",
            kind);
        kind = "shard";
    }
    sql +=
        " UNION ALL SELECT name, 0, 0, 'setting', NULL, value, NULL, NULL, NULL, NULL, NULL, NULL FROM "
        "setting WHERE name IN ('handover', 'loss_accepted', 'format') OR starts_with(name, 'drained.') "
        "UNION ALL SELECT 'hub.shards', 0, 0, 'setting', NULL, convert_from(value, 'UTF8'), NULL, NULL, "
        "NULL, NULL, NULL, NULL FROM kv_meta WHERE key = 'shards' ORDER BY 8 NULLS FIRST, 1, 2";
    auto rows = connection_->run({"view_" + std::to_string(format_), sql, {}}, deadline);
    if (!rows) return refused(rows.error());
    ClusterView view;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        if (rows->text(row, 3).empty()) {
            const bool is_lane = rows->text(row, 5) == "lane";
            const FenceRow fence{
                {is_lane ? PgFence::Kind::lane : PgFence::Kind::shard, static_cast<int>(rows->number(row, 7)),
                 rows->number(row, 8), rows->number(row, 9)},
                {std::string(rows->text(row, 0)), rows->number(row, 1)}};
            const bool is_old = is_lane && format_ >= format_of_shards;
            (is_old ? view.old_lanes : view.fences).push_back(fence);
        } else if (rows->text(row, 3) == setting_row) {
            take_setting(view, rows->text(row, 0), rows->text(row, 5));
        } else {
            view.nodes.push_back(node_of(*rows, row));
        }
    }
    // The upgrade is finished: what was read is of the tables before, and may not be true any more.
    if (view.format > format_ && view.format <= format) {
        format_ = view.format;
        return this->view(deadline);
    }
    if (view.fences.empty()) return fail(Errc::store_failed, "the cluster's tables have no fences any more");
    return view;
}

Result<bool> ClusterTables::kill(const Incarnation& who, std::int64_t beat) {
    auto rows =
        connection_->run({"kill",
                          "UPDATE node SET state = 'dead' WHERE id = $1 AND incarnation = $2 AND beat = "
                          "$3 AND state = 'live' RETURNING 1",
                          {pg_text(who.node), pg_number(who.number), pg_number(beat)}});
    if (!rows) return refused(rows.error());
    return !rows->is_empty();
}

Result<> ClusterTables::end_sessions(const Incarnation& dead) {
    auto ended = connection_->run(
        {"end_sessions",
         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
         "starts_with(application_name, $1)",
         {pg_text(fmt::format("carillon/{}/{}/", dead.node, dead.number))}});
    if (!ended) return refused(ended.error());
    return {};
}

Result<std::vector<PgFence>> ClusterTables::claim(const Incarnation& self, PgConnection::Deadline deadline) {
    std::vector<int> all;
    for (std::size_t shard = 0; shard < PgStore::shards_in_table; ++shard)
        all.push_back(static_cast<int>(shard));
    return claim(self, all, deadline);
}

Result<std::vector<PgFence>> ClusterTables::claim(const Incarnation& self, const std::vector<int>& wanted,
                                                  PgConnection::Deadline deadline) {
    auto limited =
        connection_->run_script(fmt::format("SET lock_timeout = {}", lock_wait_max.count()), deadline);
    if (!limited) return refused(limited.error());
    const bool is_by_shard = format_ >= format_of_shards;
    const auto kind = is_by_shard ? PgFence::Kind::shard : PgFence::Kind::lane;
    // Whoever was told of the tables' format before an upgrade takes nothing by it. The lanes of an owner
    // from then are closed in the same moment as its shards.
    constexpr const char* is_free =
        "NOT EXISTS (SELECT FROM node n WHERE n.id = f.owner AND n.incarnation = f.incarnation AND n.state = "
        "'live')";
    PgStatement claim{
        is_by_shard ? "claim_shards" : "claim_lanes",
        (is_by_shard ? fmt::format("WITH closed AS (DELETE FROM lane f WHERE {}) ", is_free) : "") +
            fmt::format(
                "UPDATE {} f SET owner = $1, incarnation = $2, epoch = epoch + 1 WHERE ((owner = $1 AND "
                "incarnation = $2) OR {}) AND EXISTS (SELECT FROM node n WHERE n.id = $1 AND "
                "n.incarnation = $2 AND n.state = 'live') AND EXISTS (SELECT FROM setting WHERE name "
                "= 'format' AND value = $3)",
                is_by_shard ? "shard" : "lane", is_free),
        {pg_text(self.node), pg_number(self.number), pg_text(std::to_string(format_))}};
    if (is_by_shard) {
        claim.sql += " AND shard = ANY($4::int[])";
        claim.params.push_back(pg_text(numbers_text(wanted)));
    }
    auto claimed = connection_->run(claim, deadline);
    if (!claimed) return refused(claimed.error());
    auto rows =
        connection_->run({is_by_shard ? "claimed_shards" : "claimed_lanes",
                          fmt::format("SELECT {0}, epoch, seq FROM {0} WHERE owner = $1 AND incarnation = $2 "
                                      "ORDER BY 1",
                                      is_by_shard ? "shard" : "lane"),
                          {pg_text(self.node), pg_number(self.number)}},
                         deadline);
    if (!rows) return refused(rows.error());
    std::vector<PgFence> fences;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        fences.push_back(
            {kind, static_cast<int>(rows->number(row, 0)), rows->number(row, 1), rows->number(row, 2)});
    }
    return fences;
}

Result<> ClusterTables::leave(const Incarnation& self) {
    auto done = connection_->run(
        {"leave",
         "UPDATE node SET state = 'left' WHERE id = $1 AND incarnation = $2 AND state = 'live'",
         {pg_text(self.node), pg_number(self.number)}});
    if (!done) return refused(done.error());
    return {};
}

Result<bool> ClusterTables::hand_over(const Incarnation& self, const Incarnation& to) {
    const bool is_by_shard = format_ >= format_of_shards;
    constexpr const char* given_up =
        "owner = $1 AND incarnation = $2 AND EXISTS (SELECT FROM node n WHERE n.id = $3 AND n.incarnation = "
        "$4 "
        "AND n.state = 'live') AND EXISTS (SELECT FROM setting WHERE name = 'format' AND value = $5)";
    auto given = connection_->run(
        {is_by_shard ? "hand_over_shards" : "hand_over_lanes",
         (is_by_shard ? fmt::format("WITH closed AS (DELETE FROM lane WHERE {}) ", given_up) : "") +
             fmt::format("UPDATE {} SET owner = $3, incarnation = $4, epoch = epoch + 1 WHERE {} RETURNING 1",
                         is_by_shard ? "shard" : "lane", given_up),
         {pg_text(self.node), pg_number(self.number), pg_text(to.node), pg_number(to.number),
          pg_text(std::to_string(format_))}});
    if (!given) return refused(given.error());
    if (given->is_empty()) return false;
    if (auto done = set(handover_setting, {}); !done) return fail(std::move(done).error());
    return true;
}

// --- what operators ask for --------------------------------------------------------------------

Result<> ClusterTables::request_handover(const HandoverRequest& request) {
    return set(handover_setting, fmt::format("{} {} {}", request.from.node, request.from.number, request.to));
}

Result<> ClusterTables::set_drained(const std::string& node, bool is_drained) {
    return set(std::string(drained_prefix) + node, is_drained ? "yes" : "");
}

Result<> ClusterTables::accept_loss() {
    auto now = server_time();
    if (!now) return fail(std::move(now).error());
    return set(loss_setting, fmt::format("{:.6f}", *now));
}

Result<std::int64_t> ClusterTables::oldest_snapshot_s() {
    auto rows = connection_->run(
        {"oldest_snapshot",
         "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))::bigint, 0) FROM "
         "pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND datname = "
         "current_database()",
         {}});
    if (!rows) return refused(rows.error());
    return rows->number(0, 0);
}

Result<double> ClusterTables::server_time() {
    auto rows = connection_->run({"", "SELECT extract(epoch FROM clock_timestamp())", {}});
    if (!rows) return refused(rows.error());
    return std::strtod(std::string(rows->text(0, 0)).c_str(), nullptr);
}

Result<> ClusterTables::finish_upgrade() {
    auto current = view({});
    if (!current) return fail(std::move(current).error());
    for (const NodeRow& node : current->nodes) {
        if (!is_beating(node, absence_min)) continue;
        auto program = setting(std::string(program_prefix) + node.incarnation.node);
        if (!program) return fail(std::move(program).error());
        const auto words = words_of(program->value_or(""));
        const bool is_current = words.size() == 2 && parse_i64(words[0]) == node.incarnation.number &&
                                parse_i64(words[1]).value_or(0) >= format;
        if (is_current) continue;
        return fail(Errc::config_invalid,
                    fmt::format("node {} runs an older program: start it with this version first",
                                node.incarnation.node));
    }
    if (current->format >= format) return {};
    std::string sql = "BEGIN; ALTER TABLE node ADD COLUMN IF NOT EXISTS report text NOT NULL DEFAULT '';";
    if (current->format < format_of_shards) {
        // Nobody commits or claims meanwhile, and who waits for this lock sees the new format. Shards belong
        // to the owner of the lanes, who goes on committing by these until another node takes the hub.
        sql += "SET LOCAL lock_timeout = '10s'; LOCK TABLE lane IN ACCESS EXCLUSIVE MODE;" +
               fence_table("shard") +
               fmt::format(
                   "INSERT INTO shard SELECT n, owner, incarnation, max(epoch), 0 FROM lane, "
                   "generate_series(0, {}) n GROUP BY n, owner, incarnation;",
                   PgStore::shards_in_table - 1);
    }
    sql += fmt::format("UPDATE setting SET value = '{}' WHERE name = '{}'; COMMIT", format, format_setting);
    auto raised = connection_->run_script(sql);
    if (!raised) return refused(raised.error());
    format_ = format;
    return {};
}

}  // namespace carillon
