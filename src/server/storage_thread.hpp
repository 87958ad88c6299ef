#pragma once

#include "core/committer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace carillon {

/// The thread on which one shard's blocking store calls run, in order. A shard has one batch on its
/// way at a time, so the queue stays short: its bound is the number of its kinds of callers.
class StorageThread final : public StorageExecutor {
public:
    explicit StorageThread(std::uint32_t number);
    /// Runs what is queued to its end first.
    ~StorageThread() override;

    void run(UniqueFunction<void()> work) override;

private:
    void loop();

    std::mutex mutex_;  ///< Guards `queue_` and `ends_`.
    std::condition_variable changed_;
    std::deque<UniqueFunction<void()>> queue_;
    bool ends_ = false;
    std::thread thread_;
};

}  // namespace carillon
