#pragma once

#include "base/callback_scope.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <memory>

namespace carillon {

/// Something that works on a shard a piece at a time, such as the part of a job.
class BackgroundWork : public std::enable_shared_from_this<BackgroundWork> {
public:
    virtual ~BackgroundWork() = default;
    /// Does one bounded piece, a fraction of a millisecond; true if there is more to do at once.
    virtual bool step() = 0;

private:
    friend class BackgroundTurns;
    bool is_queued_ = false;
};

/// Gives the work of one shard its turns, one piece each, round and round; between two pieces the
/// loop attends to everything else that is ready. The shard's thread only.
class BackgroundTurns {
public:
    explicit BackgroundTurns(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    BackgroundTurns(const BackgroundTurns&) = delete;
    BackgroundTurns& operator=(const BackgroundTurns&) = delete;

    /// `work` has something to do; harmless if it waits for its turn already.
    void wake(BackgroundWork& work);
    /// No more turns.
    void stop();

private:
    void schedule();
    void turn();

    boost::asio::any_io_executor executor_;
    std::deque<std::shared_ptr<BackgroundWork>> waiting_;
    bool is_scheduled_ = false;
    bool is_stopped_ = false;
    CallbackScope callbacks_;
};

}  // namespace carillon
