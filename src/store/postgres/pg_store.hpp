#pragma once

#include "store/postgres/folded_batch.hpp"
#include "store/postgres/pg_connection.hpp"
#include "store/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// A row that guards commits: a commit names epoch and sequence number of its row, and raises the latter, or
/// changes nothing. A claim raises the epoch; so no commit of an earlier owner is accepted any more.
struct PgFence {
    /// A row of table `shard` guards what that shard commits, and shard 0's also what is the whole hub's. In
    /// tables older than format 3 any row of table `lane` guards any commit.
    enum class Kind : std::uint8_t { shard, lane };

    Kind kind = Kind::shard;
    int number = 0;
    std::int64_t epoch = 0;
    std::int64_t seq = 0;  ///< Of the last commit.

    const char* table() const { return kind == Kind::shard ? "shard" : "lane"; }
    bool is_same_row(const PgFence& other) const { return kind == other.kind && number == other.number; }
};

/// What a `PgStore` is opened with.
struct PgStoreOptions {
    std::string conninfo;  ///< As libpq takes it.
    std::string node;      ///< Who owns the fences.
    std::int64_t incarnation = 0;
    /// As claimed; at least one, all of a kind. What is committed to a shard that is not among them is
    /// refused.
    std::vector<PgFence> fences;
    /// For a server that cannot be reached; then a commit is refused, as nothing of it was sent.
    std::chrono::milliseconds connect_patience{10'000};
    /// Told when another process owns a fence. It must not return: whatever is in memory may be old. By
    /// default the reason is logged and the process ends with exit code 75.
    std::function<void(const std::string& reason)> on_fenced;
};

/// The store of a hub in a cluster: ordered rows of PostgreSQL. Every commit is one transaction with its
/// fence: that of the shard whose store it is given to, `of_shard`, or of shard 0 for this store itself.
/// Commits of different shards go side by side, those by the same fence one after the other.
///
/// When an answer is lost, the fence's epoch is raised by a commit of its own, whose answer says whether the
/// batch is there; a read could not tell, as the batch may still be on its way, or be on no standby.
/// Meanwhile `commit` waits.
///
/// If PostgreSQL has less than it acknowledged (it came back from an old backup, or a standby without the
/// last commits was promoted), every commit is refused from then on and the log says both numbers; the
/// process stays, as its memory has what was lost.
class PgStore final : public Store {
public:
    /// A batch larger than this is refused.
    static constexpr std::size_t commit_bytes_max = 512UL * 1024 * 1024;
    /// Of keys and values in one statement, unless a single row is larger.
    static constexpr std::size_t statement_bytes_max = 16UL * 1024 * 1024;
    /// Times that one commit is sent: after a deadlock, or a lost answer to a commit that was not applied.
    static constexpr int attempts_max = 5;
    /// Rows read at a time; what a scan that stops early reads in vain.
    static constexpr int page_rows_min = 32;
    static constexpr int page_rows_max = 512;
    /// Sessions for reading that are kept open.
    static constexpr std::size_t idle_readers_max = 8;
    /// For a read that meets a lost connection.
    static constexpr std::chrono::milliseconds read_patience{5'000};
    /// Between two tries to connect.
    static constexpr std::chrono::milliseconds retry_pause{250};
    /// Rows of table `shard`: as many as a hub can have.
    static constexpr std::size_t shards_in_table = 32;
    /// So that a supervisor starts the process again: `EX_TEMPFAIL`.
    static constexpr int fenced_exit_code = 75;

    /// Fails with `store_failed` if the server cannot be reached.
    static Result<std::unique_ptr<PgStore>> open(PgStoreOptions options);
    ~PgStore() override;
    PgStore(const PgStore&) = delete;
    PgStore& operator=(const PgStore&) = delete;

    Result<> commit(const Batch& batch) override;
    /// The same rows, for what a shard commits. Owned by this store.
    Store& of_shard(std::size_t shard);
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override;
    /// Holds a snapshot, so PostgreSQL keeps old rows while `visit` is slow.
    Result<> scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const override;

    /// Nobody waits for PostgreSQL any more: commits whose outcome is not known fail. For the end of the
    /// process.
    void give_up_waiting();
    /// The fences as of the last commits that were acknowledged.
    std::vector<PgFence> acknowledged() const;
    /// Says that PostgreSQL has lost what it acknowledged. Commits are refused from here on.
    void note_loss(const std::string& reason);
    /// True once such a loss was found.
    bool has_lost() const { return has_lost_; }
    std::uint64_t settlements() const { return settlements_; }  ///< Commits whose answer was lost.

private:
    struct Way;      // A fence and the session that it commits on.
    struct WayHold;  // A way taken, and given back.
    class OfShard;
    enum class End { durable, refused, again };

    explicit PgStore(PgStoreOptions options);
    std::string session_name(const std::string& what) const;
    Result<> commit_by(int shard, const Batch& batch);
    bool has_fence_of(int shard) const;
    Result<> connect(Way& way);
    Result<End> send(Way& way, std::vector<PgStatement>& statements);
    Result<End> settle(Way& way, const std::string& reason);
    Result<End> judge(Way& way, const PgRows& row);
    Result<End> fenced(const std::string& reason);
    Result<std::unique_ptr<PgConnection>> reader() const;
    void give_back(std::unique_ptr<PgConnection> connection) const;
    Result<bool> scan_once(PgConnection& connection, Table table, std::string_view from, std::string_view to,
                           const Visit& visit, bool& has_visited) const;
    /// Waits; false if nobody is to wait any more.
    bool pause() const;

    const PgStoreOptions options_;
    const bool is_by_shard_;
    std::vector<std::unique_ptr<OfShard>> of_shards_;  ///< Bound: shards that the hub can have
    std::atomic<bool> has_lost_{false};
    std::atomic<std::uint64_t> settlements_{0};

    mutable std::mutex mutex_;  ///< Guards all below.
    mutable std::condition_variable changed_;
    std::vector<std::unique_ptr<Way>> ways_;
    std::vector<Way*> free_;  ///< Of lanes the one used last is taken first, so that few sessions are open.
    bool gives_up_ = false;
    std::string loss_;
    mutable std::vector<std::unique_ptr<PgConnection>> idle_readers_;
};

}  // namespace carillon
