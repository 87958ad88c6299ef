#pragma once

#include "core/shard/committer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace carillon {

/// The thread on which one shard's blocking store calls run, in order. A shard has one batch on its
/// way at a time, so the queue stays short: its bound is the number of its kinds of callers.
/// With more threads than one, work runs side by side and in no order.
class StorageThread final : public StorageExecutor {
public:
    explicit StorageThread(std::uint32_t number, std::size_t threads = 1);
    /// Runs what is queued to its end first.
    ~StorageThread() override;

    void run(UniqueFunction<void()> work) override;

private:
    void loop();

    std::mutex mutex_;  ///< Guards `queue_` and `ends_`.
    std::condition_variable changed_;
    std::deque<UniqueFunction<void()>> queue_;
    bool ends_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace carillon
