#include "store/postgres/pg_store.hpp"

#include "base/log.hpp"

#include <fmt/core.h>
#include <unistd.h>
#include <algorithm>
#include <utility>

namespace carillon {
namespace {

constexpr std::string_view division_by_zero = "22012";
constexpr std::string_view serialization_failure = "40001";
constexpr std::string_view deadlock_detected = "40P01";

/// Divides by nothing where the row is not as named, and then nothing of the transaction is applied.
PgStatement fence_statement(const PgFence& fence) {
    return {"fence",
            fmt::format("WITH f AS (UPDATE {0} SET seq = seq + 1 WHERE {0} = $1 AND epoch = $2 AND seq = $3 "
                        "RETURNING 1) SELECT 1 / count(*) FROM f",
                        fence.table()),
            {pg_number(fence.number), pg_number(fence.epoch), pg_number(fence.seq)}};
}

PgStatement settle_statement(const PgFence& fence, const PgStoreOptions& owner, std::int64_t epoch) {
    return {"settle",
            fmt::format("UPDATE {0} SET epoch = $4 WHERE {0} = $1 AND owner = $2 AND incarnation = $3 AND "
                        "epoch < $4 RETURNING owner, incarnation, epoch, seq",
                        fence.table()),
            {pg_number(fence.number), pg_text(owner.node), pg_number(owner.incarnation), pg_number(epoch)}};
}

PgStatement ask_statement(const PgFence& fence) {
    return {"ask",
            fmt::format("SELECT owner, incarnation, epoch, seq FROM {0} WHERE {0} = $1", fence.table()),
            {pg_number(fence.number)}};
}

std::string table_of(Table table) {
    return std::string("kv_") + table_names[static_cast<std::size_t>(table)];
}

PgStatement put_statement(Table table, std::span<const std::string_view> keys,
                          std::span<const std::string_view> values) {
    return {"put_" + table_of(table),
            "INSERT INTO " + table_of(table) +
                " SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT (key) DO UPDATE SET value = "
                "excluded.value",
            {pg_array(keys), pg_array(values)}};
}

PgStatement erase_statement(Table table, std::span<const std::string_view> keys) {
    return {"erase_" + table_of(table),
            "DELETE FROM " + table_of(table) + " WHERE key = ANY($1::bytea[])",
            {pg_array(keys)}};
}

PgStatement erase_range_statement(Table table, const FoldedTable::Pair& range) {
    return {"range_" + table_of(table),
            "DELETE FROM " + table_of(table) + " WHERE key >= $1::bytea AND key < $2::bytea",
            {pg_bytes(std::string(range.first)), pg_bytes(std::string(range.second))}};
}

PgStatement get_statement(Table table, std::string_view key) {
    return {"get_" + table_of(table),
            "SELECT key, value FROM " + table_of(table) + " WHERE key = $1::bytea",
            {pg_bytes(std::string(key))}};
}

/// Ordered by the index: without it in the plan every page would sort all rows behind it.
PgStatement page_statement(Table table, const std::string& from, std::string_view to, int rows) {
    PgStatement page;
    const bool has_end = !to.empty();
    page.name = (has_end ? "page_" : "rest_") + table_of(table);
    page.sql = "SELECT key, value FROM " + table_of(table) + " WHERE key >= $1::bytea" +
               (has_end ? " AND key < $3::bytea" : "") + " ORDER BY key LIMIT $2::bigint";
    page.params = {pg_bytes(from), pg_number(rows)};
    if (has_end) page.params.push_back(pg_bytes(std::string(to)));
    return page;
}

/// Statements of all tables, in an order that is the same for every batch.
std::vector<PgStatement> statements_of(const std::array<FoldedTable, table_count>& folded) {
    std::vector<PgStatement> statements(1);  // The fence comes first.
    for (std::size_t number = 0; number < table_count; ++number) {
        const FoldedTable& table = folded[number];
        const auto name = static_cast<Table>(number);
        for (const auto& range : table.ranges) statements.push_back(erase_range_statement(name, range));
        if (!table.erased.empty()) statements.push_back(erase_statement(name, table.erased));
        std::vector<std::string_view> keys;
        std::vector<std::string_view> values;
        std::size_t bytes = 0;
        for (const auto& [key, value] : table.put) {
            if (!keys.empty() && bytes + key.size() + value.size() > PgStore::statement_bytes_max) {
                statements.push_back(put_statement(name, keys, values));
                keys.clear();
                values.clear();
                bytes = 0;
            }
            keys.push_back(key);
            values.push_back(value);
            bytes += key.size() + value.size();
        }
        if (!keys.empty()) statements.push_back(put_statement(name, keys, values));
    }
    return statements;
}

}  // namespace

/// A fence, and the session on which its commits go.
struct PgStore::Way {
    PgFence fence;                 ///< Under the store's mutex, as others look at it.
    std::int64_t epoch_tried = 0;  ///< The highest that a settlement has named.
    std::unique_ptr<PgConnection> connection;
};

struct PgStore::WayHold {
    WayHold(PgStore& owner, int shard) : store(owner) {
        std::unique_lock lock(store.mutex_);
        store.changed_.wait(lock, [this, shard] { return take(shard); });
    }
    ~WayHold() {
        const std::lock_guard lock(store.mutex_);
        store.free_.push_back(way);
        store.changed_.notify_all();
    }
    WayHold(const WayHold&) = delete;
    WayHold& operator=(const WayHold&) = delete;

    PgStore& store;
    Way* way = nullptr;

private:
    bool take(int shard) {
        auto& free = store.free_;
        const auto fits = [this, shard](const Way* each) {
            return !store.is_by_shard_ || each->fence.number == shard;
        };
        const auto found = std::find_if(free.rbegin(), free.rend(), fits);
        if (found == free.rend()) return false;
        way = *found;
        free.erase(std::next(found).base());
        return true;
    }
};

/// What a shard commits.
class PgStore::OfShard final : public Store {
public:
    OfShard(PgStore& whole, int shard) : whole_(whole), shard_(shard) {}
    Result<> commit(const Batch& batch) override { return whole_.commit_by(shard_, batch); }
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
        return whole_.get(table, key);
    }
    Result<> scan(Table table, std::string_view from, std::string_view to,
                  const Visit& visit) const override {
        return whole_.scan(table, from, to, visit);
    }

private:
    PgStore& whole_;
    const int shard_;
};

PgStore::PgStore(PgStoreOptions options)
    : options_(std::move(options)), is_by_shard_(options_.fences.front().kind == PgFence::Kind::shard) {
    for (auto fence = options_.fences.rbegin(); fence != options_.fences.rend(); ++fence) {
        ways_.push_back(std::make_unique<Way>());
        ways_.back()->fence = *fence;
        ways_.back()->epoch_tried = fence->epoch;
        free_.push_back(ways_.back().get());
    }
    for (std::size_t shard = 0; shard < shards_in_table; ++shard)
        of_shards_.push_back(std::make_unique<OfShard>(*this, static_cast<int>(shard)));
}

PgStore::~PgStore() = default;

Result<std::unique_ptr<PgStore>> PgStore::open(PgStoreOptions options) {
    CARILLON_ASSERT(!options.fences.empty());
    std::unique_ptr<PgStore> store(new PgStore(std::move(options)));
    auto connection = store->reader();
    if (!connection) return fail(std::move(connection).error());
    store->give_back(*std::move(connection));
    return store;
}

std::string PgStore::session_name(const std::string& what) const {
    return fmt::format("carillon/{}/{}/{}", options_.node, options_.incarnation, what);
}

bool PgStore::pause() const {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, retry_pause, [this] { return gives_up_; });
}

void PgStore::give_up_waiting() {
    const std::lock_guard lock(mutex_);
    gives_up_ = true;
    changed_.notify_all();
}

std::vector<PgFence> PgStore::acknowledged() const {
    const std::lock_guard lock(mutex_);
    std::vector<PgFence> fences;
    for (const auto& way : ways_) fences.push_back(way->fence);
    return fences;
}

void PgStore::note_loss(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (has_lost_) return;
    loss_ = reason;
    has_lost_ = true;
    log.error("PostgreSQL has lost what it acknowledged, so nothing is written any more reason={}", reason);
}

// --- writing -----------------------------------------------------------------------------------

Result<> PgStore::commit(const Batch& batch) {
    return commit_by(0, batch);
}

Store& PgStore::of_shard(std::size_t shard) {
    CARILLON_ASSERT(shard < of_shards_.size());
    return *of_shards_[shard];
}

bool PgStore::has_fence_of(int shard) const {
    return !is_by_shard_ || std::any_of(options_.fences.begin(), options_.fences.end(),
                                        [shard](const PgFence& each) { return each.number == shard; });
}

Result<> PgStore::commit_by(int shard, const Batch& batch) {
    if (batch.is_empty()) return {};
    if (!has_fence_of(shard)) {
        return fail(Errc::store_failed, fmt::format("shard {} is not this node's to commit to", shard));
    }
    if (batch.bytes() > commit_bytes_max) {
        return fail(Errc::store_failed, fmt::format("a batch of {} bytes is too large", batch.bytes()));
    }
    auto statements = statements_of(fold(batch));
    const WayHold hold(*this, shard);
    for (int attempt = 1;; ++attempt) {
        if (has_lost_) {
            const std::lock_guard lock(mutex_);
            return fail(Errc::store_failed, loss_);
        }
        if (auto connected = connect(*hold.way); !connected) return connected;
        auto end = send(*hold.way, statements);
        if (!end) return fail(std::move(end).error());
        if (*end == End::durable) return {};
        if (*end == End::refused || attempt == attempts_max) {
            return fail(Errc::store_failed,
                        "PostgreSQL did not take the batch, and nothing of it is applied");
        }
    }
}

/// Fails if the server cannot be reached for long; nothing has been sent then.
Result<> PgStore::connect(Way& way) {
    if (way.connection) return {};
    const auto until = std::chrono::steady_clock::now() + options_.connect_patience;
    for (;;) {
        auto opened = PgConnection::open(options_.conninfo, session_name(std::to_string(way.fence.number)));
        if (opened) {
            way.connection = *std::move(opened);
            return {};
        }
        if (std::chrono::steady_clock::now() >= until || !pause()) return fail(std::move(opened).error());
    }
}

Result<PgStore::End> PgStore::send(Way& way, std::vector<PgStatement>& statements) {
    const PgFence fence = way.fence;  // Only this thread changes it.
    statements.front() = fence_statement(fence);
    auto done = way.connection->run_as_one(statements);
    if (done) {
        const std::lock_guard lock(mutex_);
        ++way.fence.seq;
        return End::durable;
    }
    const PgFailure& failure = done.error();
    if (failure.kind == PgFailure::Kind::unknown) return settle(way, failure.reason);
    if (failure.state == serialization_failure || failure.state == deadlock_detected) return End::again;
    if (failure.state != division_by_zero) return refused(failure);
    auto row = way.connection->run(ask_statement(fence));
    if (!row) return settle(way, row.error().reason);
    return judge(way, *row);
}

/// What a fence's row says of a commit that it refused, or of an epoch that was not taken.
Result<PgStore::End> PgStore::judge(Way& way, const PgRows& row) {
    const PgFence known = way.fence;
    const std::string name = fmt::format("{} {}", known.table(), known.number);
    if (row.is_empty() && known.kind == PgFence::Kind::lane) {
        return fenced(name + " is gone, as another node has claimed the shards since the upgrade");
    }
    if (row.is_empty()) {
        note_loss(name + " is gone");
        return End::again;
    }
    const std::string_view owner = row.text(0, 0);
    const std::int64_t incarnation = row.number(0, 1);
    const std::int64_t epoch = row.number(0, 2);
    const std::int64_t seq = row.number(0, 3);
    if (epoch < known.epoch || (epoch == known.epoch && seq < known.seq)) {
        note_loss(fmt::format("{} is at epoch {}, commit {}, and had acknowledged epoch {}, commit {}", name,
                              epoch, seq, known.epoch, known.seq));
        return End::again;
    }
    const bool is_ours = owner == options_.node && incarnation == options_.incarnation;
    if (is_ours && epoch == known.epoch && seq == known.seq) return End::again;
    return fenced(
        fmt::format("{} belongs to node {} incarnation {} at epoch {}", name, owner, incarnation, epoch));
}

Result<PgStore::End> PgStore::fenced(const std::string& reason) {
    if (options_.on_fenced) {
        options_.on_fenced(reason);
        return fail(Errc::store_failed, "fenced: " + reason);
    }
    log.error("another node has taken over, so this process ends reason={}", reason);
    log.flush();
    ::_exit(fenced_exit_code);
}

/// Finds out what became of a commit without an answer, by a commit of its own that shuts it out if it has
/// not come yet. Waits for PostgreSQL as long as it takes.
Result<PgStore::End> PgStore::settle(Way& way, const std::string& reason) {
    ++settlements_;
    log.warn("commit without an answer {}={} commit={} reason={}", way.fence.table(), way.fence.number,
             way.fence.seq + 1, reason);
    for (;;) {
        way.connection.reset();
        auto opened = PgConnection::open(options_.conninfo, session_name(std::to_string(way.fence.number)));
        if (!opened) {
            if (pause()) continue;
            return fail(Errc::store_failed, "the hub ended before PostgreSQL said what became of the batch");
        }
        way.connection = *std::move(opened);
        const std::int64_t epoch = ++way.epoch_tried;
        auto row = way.connection->run(settle_statement(way.fence, options_, epoch));
        if (row && row->is_empty()) {
            auto asked = way.connection->run(ask_statement(way.fence));
            if (asked) return judge(way, *asked);
            row = std::move(asked);
        }
        if (!row) {
            const bool waits = pause();
            if (waits) continue;
            return fail(Errc::store_failed, "the hub ended before PostgreSQL said what became of the batch");
        }
        const std::int64_t seq = row->number(0, 3);
        if (seq < way.fence.seq) {
            note_loss(fmt::format("{} {} is at commit {}, and had acknowledged commit {}", way.fence.table(),
                                  way.fence.number, seq, way.fence.seq));
            return End::again;
        }
        CARILLON_ASSERT(seq <= way.fence.seq + 1);
        const bool is_there = seq == way.fence.seq + 1;
        {
            const std::lock_guard lock(mutex_);
            way.fence.epoch = epoch;
            way.fence.seq = seq;
        }
        log.info("commit settled {}={} epoch={} is_there={}", way.fence.table(), way.fence.number, epoch,
                 is_there);
        return is_there ? End::durable : End::again;
    }
}

// --- reading -----------------------------------------------------------------------------------

Result<std::unique_ptr<PgConnection>> PgStore::reader() const {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_readers_.empty()) {
            auto taken = std::move(idle_readers_.back());
            idle_readers_.pop_back();
            return taken;
        }
    }
    auto opened = PgConnection::open(options_.conninfo, session_name("read"));
    if (!opened) return opened;
    // A page is read along the key's index, whatever the planner thinks of the rows behind it.
    auto set_up = (*opened)->run_script("SET enable_sort = off; SET enable_bitmapscan = off");
    if (!set_up) return refused(set_up.error());
    return opened;
}

void PgStore::give_back(std::unique_ptr<PgConnection> connection) const {
    const std::lock_guard lock(mutex_);
    if (idle_readers_.size() < idle_readers_max) idle_readers_.push_back(std::move(connection));
}

Result<std::optional<std::string>> PgStore::get(Table table, std::string_view key) const {
    const auto until = std::chrono::steady_clock::now() + read_patience;
    const PgStatement statement = get_statement(table, key);
    for (;;) {
        Error error{Errc::store_failed, {}};
        auto connection = reader();
        if (connection) {
            std::optional<std::string> value;
            auto found = (*connection)->stream(statement, [&value](std::string_view, std::string_view text) {
                value = std::string(text);
            });
            if (found) {
                give_back(*std::move(connection));
                return value;
            }
            if (found.error().kind == PgFailure::Kind::refused) return refused(found.error());
            error.detail = "PostgreSQL: " + found.error().reason;
        } else {
            error = std::move(connection).error();
        }
        if (std::chrono::steady_clock::now() >= until || !pause()) return fail(std::move(error));
    }
}

Result<> PgStore::scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const {
    if (!to.empty() && from >= to) return {};
    const auto until = std::chrono::steady_clock::now() + read_patience;
    for (;;) {
        bool has_visited = false;
        auto connection = reader();
        Error error{Errc::store_failed, {}};
        if (connection) {
            auto scanned = scan_once(**connection, table, from, to, visit, has_visited);
            if (scanned) {
                if (*scanned) give_back(*std::move(connection));
                return {};
            }
            error = std::move(scanned).error();
        } else {
            error = std::move(connection).error();
        }
        // What was visited belongs to a state that another transaction would not see.
        const bool may_repeat = !has_visited && std::chrono::steady_clock::now() < until;
        if (!may_repeat || !pause()) return fail(std::move(error));
    }
}

/// True if the session can be used again.
Result<bool> PgStore::scan_once(PgConnection& connection, Table table, std::string_view from,
                                std::string_view to, const Visit& visit, bool& has_visited) const {
    auto begun = connection.run({"begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {}});
    if (!begun) return refused(begun.error());
    std::string next(from);
    bool goes_on = true;
    for (int rows = page_rows_min; goes_on; rows = std::min(rows * 4, page_rows_max)) {
        const auto visit_row = [&](std::string_view key, std::string_view value) {
            if (!goes_on) return;
            has_visited = true;
            goes_on = visit(key, value);
            next.assign(key);
        };
        auto page = connection.stream(page_statement(table, next, to, rows), visit_row);
        if (!page) return refused(page.error());
        if (*page < static_cast<std::size_t>(rows)) break;
        next += '\0';  // The smallest key behind the last.
    }
    return connection.run({"commit", "COMMIT", {}}).has_value();
}

}  // namespace carillon
