#pragma once

#include "base/callback_scope.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/unique_function.hpp"
#include "store/store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <vector>

namespace carillon {

/// Where blocking store calls run. The real one is a thread; tests run the work at once or by hand.
class StorageExecutor {
public:
    virtual ~StorageExecutor() = default;
    virtual void run(UniqueFunction<void()> work) = 0;
};

/// One owner's way to the disk: writes gather in a batch, one batch at a time is on its way, and
/// what waits on a batch is told when it is durable, so any number of writes share one sync.
/// Belongs to one thread, on which all its callbacks run, in the order they were added.
///
/// When a commit fails, that batch and the one gathered meanwhile are refused together, since the
/// later one was computed from the earlier: each of their callbacks gets the error.
class Committer {
public:
    /// What a batch may hold before `is_full`; bulk writers then wait.
    static constexpr std::size_t batch_bytes_max = 16 * 1024 * 1024;

    Committer(boost::asio::any_io_executor executor, Store& store, StorageExecutor& storage);
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    /// The batch being gathered. Asking for it schedules its departure after what else is ready now.
    Batch& batch();
    /// The number of the batch being gathered.
    std::uint64_t gathering() const { return gathering_; }
    /// True while the gathered batch is over its bound. Bulk writers stop until `on_durable`.
    bool is_full() const { return gathered_.bytes() >= batch_bytes_max; }
    /// True if nothing waits for the disk.
    bool is_idle() const { return !under_way_ && gathered_.is_empty() && waiting_.empty(); }

    /// Calls `done` once everything added so far is durable, or with the error that refused it; in
    /// a later turn of the loop in any case.
    void on_durable(UniqueFunction<void(Result<>)> done);
    /// The same as a coroutine.
    Task<Result<>> durable();

    /// Told of each batch's end before any callback is, and of all that fail together first; the
    /// shard settles its documents there.
    void set_settler(std::function<void(std::uint64_t batch, bool is_durable)> settler) {
        settler_ = std::move(settler);
    }

    std::uint64_t commits() const { return commits_; }

private:
    using Callbacks = std::vector<UniqueFunction<void(Result<>)>>;
    void schedule();
    void depart();
    void arrived(const Result<>& result);

    boost::asio::any_io_executor executor_;
    Store& store_;
    StorageExecutor& storage_;
    std::function<void(std::uint64_t, bool)> settler_;
    Batch gathered_;
    Callbacks waiting_;   ///< On the gathered batch.
    Callbacks departed_;  ///< On the batch under way.
    std::uint64_t gathering_ = 1;
    std::uint64_t commits_ = 0;
    bool under_way_ = false;
    bool scheduled_ = false;
    CallbackScope callbacks_;
};

}  // namespace carillon
