#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <memory>

namespace carillon {

/// Something of the job engine that works on a shard a piece at a time.
class JobWork : public std::enable_shared_from_this<JobWork> {
public:
    virtual ~JobWork() = default;
    /// Does one bounded piece, a fraction of a millisecond; true if there is more to do at once.
    virtual bool step() = 0;

private:
    friend class JobTurns;
    bool is_queued_ = false;
};

/// Gives the work of one shard its turns, one piece each, round and round; between two pieces the
/// loop attends to everything else that is ready. The shard's thread only.
class JobTurns {
public:
    explicit JobTurns(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    ~JobTurns() { *alive_ = false; }
    JobTurns(const JobTurns&) = delete;
    JobTurns& operator=(const JobTurns&) = delete;

    /// `work` has something to do; harmless if it waits for its turn already.
    void wake(JobWork& work);
    /// No more turns.
    void stop();

private:
    void schedule();
    void turn();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::deque<std::shared_ptr<JobWork>> waiting_;
    bool is_scheduled_ = false;
    bool is_stopped_ = false;
};

}  // namespace carillon
