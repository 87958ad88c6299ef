#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct pg_conn;
struct pg_result;

namespace carillon {

/// A parameter of a statement; text, or bytes in PostgreSQL's binary form.
struct PgParam {
    std::string bytes;
    bool is_binary = false;
};

PgParam pg_number(std::int64_t number);
PgParam pg_text(std::string text);
PgParam pg_bytes(std::string bytes);
/// As `bytea[]`.
PgParam pg_array(std::span<const std::string_view> items);

/// A prepared statement and what it is given. `name` is a literal, by which the session knows `sql` once it
/// has been prepared.
struct PgStatement {
    std::string name;
    std::string sql;
    std::vector<PgParam> params;
};

/// What PostgreSQL answered to a query.
class PgRows {
public:
    explicit PgRows(pg_result* result) : result_(result) {}
    std::size_t size() const;
    bool is_empty() const { return size() == 0; }
    /// As long as the object lives; empty for NULL.
    std::string_view text(std::size_t row, std::size_t column) const;
    /// Of a column in text form; 0 for what is no number.
    std::int64_t number(std::size_t row, std::size_t column) const;

private:
    struct Clear {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Clear> result_;
};

/// How a statement or pipeline ended.
struct PgFailure {
    enum class Kind {
        refused,  ///< PostgreSQL said no, applied nothing, and the session goes on.
        unknown,  ///< The session is gone or of no more use; what was asked for may have been done.
    } kind = Kind::unknown;
    std::string state;   ///< SQLSTATE, where PostgreSQL gave one.
    std::string reason;  ///< For a person.
};

/// What a caller of the store is told of it: `store_failed` with PostgreSQL's words and its SQLSTATE.
tl::unexpected<Error> refused(const PgFailure& failure);
template <class T>
using PgResult = tl::expected<T, PgFailure>;

/// One session with PostgreSQL, set up so that a commit that succeeds is as durable as the server can make
/// it. Used by one thread at a time. After a failure of kind `unknown` it is only good for being destroyed.
class PgConnection {
public:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;

    /// For a host that does not answer, each; libpq takes no less.
    static constexpr int connect_timeout_s = 2;
    /// Of a connection whose peer acknowledges nothing, at both ends.
    static constexpr int silence_max_ms = 3'000;

    /// `conninfo` as libpq takes it: "host=… dbname=…" or a URI. `name` is what an operator sees in
    /// `pg_stat_activity`. Only a server that takes writes will do. Fails with `store_failed`.
    static Result<std::unique_ptr<PgConnection>> open(const std::string& conninfo, const std::string& name);
    ~PgConnection();
    PgConnection(const PgConnection&) = delete;
    PgConnection& operator=(const PgConnection&) = delete;

    /// Runs one statement, in a transaction of its own unless one is open. Past the deadline: `unknown`. A
    /// WARNING is `unknown` too: a commit that stopped waiting for its standby is reported so.
    PgResult<PgRows> run(const PgStatement& statement, Deadline deadline = {});
    /// Several statements without parameters, in a transaction of their own unless they say otherwise.
    PgResult<PgRows> run_script(const std::string& sql, Deadline deadline = {});
    /// Runs all of them up to one Sync, which makes them one transaction. The rows are the last one's.
    PgResult<PgRows> run_as_one(std::span<const PgStatement> statements);
    /// Runs one that answers with rows in binary form, of which one at a time is held.
    using VisitRow = std::function<void(std::string_view first, std::string_view second)>;
    PgResult<std::size_t> stream(const PgStatement& statement, const VisitRow& visit);

    /// Of the server's process that serves this session.
    int backend_pid() const;
    /// Whether bytes to the server are encrypted, or stay on this machine.
    bool is_private() const;

private:
    explicit PgConnection(pg_conn* connection);
    PgResult<void> prepare(const PgStatement& statement, Deadline deadline);
    PgResult<void> send(const PgStatement& statement, bool wants_binary);
    /// Waits until a result can be taken without blocking.
    PgResult<void> wait(Deadline deadline);
    PgResult<PgRows> finish(Deadline deadline);
    PgFailure lost() const;
    PgFailure failure_of(const pg_result* result) const;
    bool knows(std::string_view name) const;

    pg_conn* connection_;
    bool has_warned_ = false;
    std::string warning_;
    std::vector<std::string> prepared_;
};

}  // namespace carillon
