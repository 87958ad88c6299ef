#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/unique_function.hpp"
#include "store/store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <vector>

namespace carillon {

/// Where blocking store calls run. The real one is a thread; tests run the work at once or by hand.
class StorageExecutor {
public:
    virtual ~StorageExecutor() = default;
    virtual void run(UniqueFunction<void()> work) = 0;
};

/// One owner's way to the disk (design D1): writes gather in a batch, one batch at a time is on its
/// way, and what waits on a batch is told when it is durable, so any number of writes share one
/// sync. Belongs to one thread, on which all its callbacks run, in the order they were added.
///
/// When a commit fails, that batch and the one gathered meanwhile are refused together, since the
/// later one was computed from the earlier: each of their callbacks gets the error.
class Committer {
public:
    /// What a batch may hold before `is_full`; writers then wait or refuse.
    static constexpr std::size_t batch_bytes_max = 16 * 1024 * 1024;

    Committer(boost::asio::any_io_executor executor, Store& store, StorageExecutor& storage);
    ~Committer();

    /// The batch being gathered. Adding to it schedules its departure after what else is ready now.
    Batch& batch();
    /// True while the gathered batch is over its bound. Bulk writers stop until `on_room`.
    bool is_full() const { return gathered_.bytes() >= batch_bytes_max; }

    /// Calls `done` once everything added so far is durable, or with the error that refused it.
    /// With nothing under way it is called in a later turn of the loop, successfully.
    void on_durable(UniqueFunction<void(Result<>)> done);
    /// The same as a coroutine.
    Task<Result<>> durable();

    std::uint64_t commits() const { return commits_; }

private:
    void schedule();
    void depart();
    void arrived(Result<> result);

    boost::asio::any_io_executor executor_;
    Store& store_;
    StorageExecutor& storage_;
    Batch gathered_;
    std::vector<UniqueFunction<void(Result<>)>> waiting_;   ///< On the gathered batch.
    std::vector<UniqueFunction<void(Result<>)>> departed_;  ///< On the batch under way.
    bool under_way_ = false;
    bool scheduled_ = false;
    std::uint64_t commits_ = 0;
};

}  // namespace carillon
