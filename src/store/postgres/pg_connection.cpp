#include "store/postgres/pg_connection.hpp"

#include "base/text.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace carillon {
namespace {

constexpr std::uint32_t bytea_oid = 17;

void append_be32(std::string& out, std::uint32_t number) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>((number >> shift) & 0xff);
}

/// What libpq says ends in a newline, and may have several lines.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

/// A role, a database or an administrator may have set others. `synchronous_commit` is what a commit's answer
/// means; the keep-alives are the server's, for a client that has vanished while it holds a lock.
constexpr const char* session_setup =
    "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';"
    "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0;"
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;"
    "SET client_min_messages = warning; SET search_path = carillon; SET enable_seqscan = off;"
    // Which makes a scan of a few rows seem worth compiling, for most of a second on a busy machine.
    "SET jit = off;"
    "SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = 3000;";

}  // namespace

tl::unexpected<Error> refused(const PgFailure& failure) {
    return fail(Errc::store_failed,
                "PostgreSQL: " + failure.reason + (failure.state.empty() ? "" : " (" + failure.state + ")"));
}

PgParam pg_number(std::int64_t number) {
    return {std::to_string(number), false};
}

PgParam pg_text(std::string text) {
    return {std::move(text), false};
}

PgParam pg_bytes(std::string bytes) {
    return {std::move(bytes), true};
}

PgParam pg_array(std::span<const std::string_view> items) {
    std::size_t bytes = 20;
    for (const auto item : items) bytes += 4 + item.size();
    std::string out;
    out.reserve(bytes);
    append_be32(out, items.empty() ? 0 : 1);  // Dimensions.
    append_be32(out, 0);                      // No NULL in it.
    append_be32(out, bytea_oid);
    if (!items.empty()) {
        append_be32(out, static_cast<std::uint32_t>(items.size()));
        append_be32(out, 1);  // The first index.
    }
    for (const auto item : items) {
        append_be32(out, static_cast<std::uint32_t>(item.size()));
        out += item;
    }
    return {std::move(out), true};
}

// --- rows --------------------------------------------------------------------------------------

void PgRows::Clear::operator()(pg_result* result) const {
    PQclear(result);
}

std::size_t PgRows::size() const {
    return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::string_view PgRows::text(std::size_t row, std::size_t column) const {
    const int at_row = static_cast<int>(row);
    const int at_column = static_cast<int>(column);
    return {PQgetvalue(result_.get(), at_row, at_column),
            static_cast<std::size_t>(PQgetlength(result_.get(), at_row, at_column))};
}

std::int64_t PgRows::number(std::size_t row, std::size_t column) const {
    return parse_i64(text(row, column)).value_or(0);
}

// --- the session -------------------------------------------------------------------------------

Result<std::unique_ptr<PgConnection>> PgConnection::open(const std::string& conninfo,
                                                         const std::string& name) {
    const std::string connect_timeout = std::to_string(connect_timeout_s);
    const std::string silence_max = std::to_string(silence_max_ms);
    // What stands behind the user's words wins over them.
    const std::array<const char*, 10> keywords{"target_session_attrs",
                                               "connect_timeout",
                                               "tcp_user_timeout",
                                               "keepalives_idle",
                                               "keepalives_interval",
                                               "keepalives_count",
                                               "dbname",
                                               "application_name",
                                               "client_encoding",
                                               nullptr};
    const std::array<const char*, 10> values{
        "read-write", connect_timeout.c_str(), silence_max.c_str(), "2",    "1",
        "3",          conninfo.c_str(),        name.c_str(),        "UTF8", nullptr};
    std::unique_ptr<PgConnection> opened(
        new PgConnection(PQconnectdbParams(keywords.data(), values.data(), 1)));
    PGconn* connection = opened->connection_;
    if (PQstatus(connection) != CONNECTION_OK) {
        return fail(Errc::store_failed, "PostgreSQL: " + one_line(PQerrorMessage(connection)));
    }
    if (PQsetnonblocking(connection, 1) != 0) return fail(Errc::store_failed, "PostgreSQL: out of memory");
    PQsetNoticeReceiver(
        connection,
        [](void* self, const PGresult* notice) {
            const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
            if (severity == nullptr || std::strcmp(severity, "WARNING") != 0) return;
            auto& session = *static_cast<PgConnection*>(self);
            session.has_warned_ = true;
            const char* text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
            session.warning_ = text != nullptr ? text : "";
        },
        opened.get());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(connect_timeout_s);
    if (const auto set_up = opened->run_script(session_setup, deadline); !set_up) {
        return fail(Errc::store_failed, "PostgreSQL: " + set_up.error().reason);
    }
    return opened;
}

PgConnection::PgConnection(pg_conn* connection) : connection_(connection) {}

PgConnection::~PgConnection() {
    PQfinish(connection_);
}

int PgConnection::backend_pid() const {
    return PQbackendPID(connection_);
}

bool PgConnection::is_private() const {
    if (PQsslInUse(connection_) != 0) return true;
    const char* host = PQhost(connection_);
    const std::string_view address = host != nullptr ? host : "";
    return address.empty() || address.front() == '/' || address.front() == '@' || address == "localhost" ||
           address == "::1" || address.starts_with("127.");
}

bool PgConnection::knows(std::string_view name) const {
    return std::find(prepared_.begin(), prepared_.end(), name) != prepared_.end();
}

PgFailure PgConnection::lost() const {
    std::string reason = one_line(PQerrorMessage(connection_));
    return {PgFailure::Kind::unknown, {}, reason.empty() ? "the connection is lost" : std::move(reason)};
}

PgFailure PgConnection::failure_of(const pg_result* result) const {
    PgFailure failure;
    const auto field = [result](int code) {
        const char* text = PQresultErrorField(result, code);
        return std::string(text != nullptr ? text : "");
    };
    failure.state = field(PG_DIAG_SQLSTATE);
    failure.reason = one_line(field(PG_DIAG_MESSAGE_PRIMARY));
    if (failure.reason.empty()) failure.reason = one_line(PQresultErrorMessage(result));
    // Who says FATAL hangs up, maybe after it has committed.
    failure.kind =
        field(PG_DIAG_SEVERITY_NONLOCALIZED) == "ERROR" ? PgFailure::Kind::refused : PgFailure::Kind::unknown;
    return failure;
}

PgResult<void> PgConnection::wait(Deadline deadline) {
    for (;;) {
        const int unsent = PQflush(connection_);
        if (unsent < 0) return tl::unexpected(lost());
        if (unsent == 0 && PQisBusy(connection_) == 0) return {};
        int wait_ms = -1;
        if (deadline) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) {
                return tl::unexpected(PgFailure{PgFailure::Kind::unknown, {}, "no answer in time"});
            }
            wait_ms = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
        }
        pollfd socket{};
        socket.fd = PQsocket(connection_);
        socket.events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0));
        if (socket.fd < 0) return tl::unexpected(lost());
        const int ready = ::poll(&socket, 1, wait_ms);
        if (ready < 0 && errno != EINTR) return tl::unexpected(lost());
        if (ready > 0 && PQconsumeInput(connection_) == 0) return tl::unexpected(lost());
    }
}

/// Takes what the one statement under way answers, to its end.
PgResult<PgRows> PgConnection::finish(Deadline deadline) {
    std::optional<PgRows> rows;
    std::optional<PgFailure> failure;
    for (;;) {
        if (auto waited = wait(deadline); !waited) return tl::unexpected(std::move(waited).error());
        PGresult* result = PQgetResult(connection_);
        if (result == nullptr) break;
        PgRows held(result);
        const ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            rows.emplace(std::move(held));
        } else if (!failure) {
            failure = failure_of(result);
        }
    }
    if (PQstatus(connection_) != CONNECTION_OK) {
        return tl::unexpected(failure && failure->kind == PgFailure::Kind::unknown ? *failure : lost());
    }
    if (failure) return tl::unexpected(*std::move(failure));
    if (has_warned_) {
        return tl::unexpected(PgFailure{PgFailure::Kind::unknown, {}, one_line(warning_)});
    }
    if (!rows) return tl::unexpected(lost());
    return *std::move(rows);
}

PgResult<void> PgConnection::send(const PgStatement& statement, bool wants_binary) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
    for (const PgParam& param : statement.params) {
        values.push_back(param.bytes.data());
        lengths.push_back(static_cast<int>(param.bytes.size()));
        formats.push_back(param.is_binary ? 1 : 0);
    }
    const int count = static_cast<int>(values.size());
    const int binary = wants_binary ? 1 : 0;
    const int sent = statement.name.empty()
                         ? PQsendQueryParams(connection_, statement.sql.c_str(), count, nullptr,
                                             values.data(), lengths.data(), formats.data(), binary)
                         : PQsendQueryPrepared(connection_, statement.name.c_str(), count, values.data(),
                                               lengths.data(), formats.data(), binary);
    if (sent == 0) return tl::unexpected(lost());
    return {};
}

PgResult<void> PgConnection::prepare(const PgStatement& statement, Deadline deadline) {
    if (statement.name.empty() || knows(statement.name)) return {};
    has_warned_ = false;
    if (PQsendPrepare(connection_, statement.name.c_str(), statement.sql.c_str(), 0, nullptr) == 0) {
        return tl::unexpected(lost());
    }
    auto prepared = finish(deadline);
    if (!prepared) return tl::unexpected(std::move(prepared).error());
    prepared_.push_back(statement.name);
    return {};
}

PgResult<PgRows> PgConnection::run(const PgStatement& statement, Deadline deadline) {
    if (auto ready = prepare(statement, deadline); !ready) return tl::unexpected(std::move(ready).error());
    has_warned_ = false;
    if (auto sent = send(statement, false); !sent) return tl::unexpected(std::move(sent).error());
    return finish(deadline);
}

PgResult<PgRows> PgConnection::run_script(const std::string& sql, Deadline deadline) {
    has_warned_ = false;
    if (PQsendQuery(connection_, sql.c_str()) == 0) return tl::unexpected(lost());
    return finish(deadline);
}

PgResult<PgRows> PgConnection::run_as_one(std::span<const PgStatement> statements) {
    for (const PgStatement& statement : statements) {
        if (auto ready = prepare(statement, {}); !ready) return tl::unexpected(std::move(ready).error());
    }
    has_warned_ = false;
    if (PQenterPipelineMode(connection_) == 0) return tl::unexpected(lost());
    for (const PgStatement& statement : statements) {
        if (auto sent = send(statement, false); !sent) return tl::unexpected(std::move(sent).error());
    }
    if (PQpipelineSync(connection_) == 0) return tl::unexpected(lost());
    std::optional<PgRows> rows;
    std::optional<PgFailure> failure;
    for (bool is_synced = false; !is_synced;) {
        if (auto waited = wait({}); !waited) return tl::unexpected(std::move(waited).error());
        PGresult* result = PQgetResult(connection_);
        if (result == nullptr) {  // The end of one statement's answer, or of everything.
            if (PQstatus(connection_) != CONNECTION_OK) return tl::unexpected(lost());
            continue;
        }
        PgRows held(result);
        switch (PQresultStatus(result)) {
            case PGRES_TUPLES_OK:
            case PGRES_COMMAND_OK:
                rows.emplace(std::move(held));
                break;
            case PGRES_PIPELINE_SYNC:
                is_synced = true;
                break;
            case PGRES_PIPELINE_ABORTED:
                break;
            default:
                if (!failure) failure = failure_of(result);
        }
    }
    const bool is_usable = PQexitPipelineMode(connection_) == 1 && PQstatus(connection_) == CONNECTION_OK;
    if (failure) {
        if (!is_usable) failure->kind = PgFailure::Kind::unknown;
        return tl::unexpected(*std::move(failure));
    }
    if (has_warned_) return tl::unexpected(PgFailure{PgFailure::Kind::unknown, {}, one_line(warning_)});
    if (!is_usable || !rows) return tl::unexpected(lost());
    return *std::move(rows);
}

PgResult<std::size_t> PgConnection::stream(const PgStatement& statement, const VisitRow& visit) {
    if (auto ready = prepare(statement, {}); !ready) return tl::unexpected(std::move(ready).error());
    has_warned_ = false;
    if (auto sent = send(statement, true); !sent) return tl::unexpected(std::move(sent).error());
    if (PQsetSingleRowMode(connection_) == 0) return tl::unexpected(lost());
    std::size_t count = 0;
    std::optional<PgFailure> failure;
    for (;;) {
        if (auto waited = wait({}); !waited) return tl::unexpected(std::move(waited).error());
        PGresult* result = PQgetResult(connection_);
        if (result == nullptr) break;
        const PgRows row(result);
        switch (PQresultStatus(result)) {
            case PGRES_SINGLE_TUPLE:
                ++count;
                visit(row.text(0, 0), row.text(0, 1));
                break;
            case PGRES_TUPLES_OK:
                break;
            default:
                if (!failure) failure = failure_of(result);
        }
    }
    if (PQstatus(connection_) != CONNECTION_OK) return tl::unexpected(lost());
    if (failure) return tl::unexpected(*std::move(failure));
    return count;
}

}  // namespace carillon
