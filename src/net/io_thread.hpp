#pragma once

#include "base/clock.hpp"
#include "base/key_tag.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace carillon {

class SocketChannel;
struct ThreadBuffers;

/// Watches one descriptor; told of readiness by the thread's epoll set.
class Pollable {
public:
    virtual ~Pollable() = default;
    /// `events` are EPOLLIN and so on.
    virtual void ready(std::uint32_t events) = 0;
};

/// One OS thread with an event loop: sockets, posted functions, timers. A turn of the loop is one
/// epoll_wait, what it reports, what was posted, what is due, and then one write for each
/// connection that has something to say.
///
/// The loop is our own rather than an io_context, because Asio re-arms a descriptor by an epoll_ctl
/// for every wait, and has no end of a turn at which to gather writes. Coroutines run on it through
/// `executor()`; Asio's timers and sockets work with it, by way of a helper thread.
///
/// `post`, `stop`, `executor` and what the executor does are safe from any thread; everything else
/// is for the thread itself, or before `start` and after `join`.
class IoThread {
public:
    /// Timers fire on time or up to this much later; an idle thread is not woken for it.
    static constexpr std::chrono::milliseconds timer_resolution{10};
    /// Descriptors served in one turn.
    static constexpr int events_max = 64;
    /// Turns in a row that may be too busy for background work; the next one does a piece in any case.
    static constexpr int busy_turns_max = 3;

    IoThread(std::uint32_t number, Clock& clock);
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    void start();
    /// Ends the loop after its current turn; what is posted and has not run is dropped.
    void stop();
    /// From here on what is posted is dropped at once.
    void join();
    /// Drops what was posted and did not run. After `join`.
    void drop_posted();

    /// The thread this is called on, or null.
    static IoThread* current();
    bool is_current() const { return current() == this; }
    std::uint32_t number() const { return number_; }
    Clock& clock() const { return clock_; }

    /// Runs `function` on this thread in a later step; functions posted by one thread run in order.
    void post(UniqueFunction<void()> function);
    /// For coroutines and `boost::asio::post`.
    boost::asio::any_io_executor executor();
    /// For long work that is cut in pieces of a fraction of a millisecond: runs one function in each
    /// turn that has nothing else to do, and one after `busy_turns_max` others. Used on the thread
    /// itself only.
    boost::asio::any_io_executor background_executor();

    /// The thread's own deadlines.
    Timers& timers() { return timers_; }
    /// Drives the timers of a shard that lives here. Before `start`; they outlive the loop.
    void drive(Timers& timers) { driven_.push_back(&timers); }

    // --- for sockets ---------------------------------------------------------------------------
    /// Registers a descriptor, once; `events` as for epoll. Fails (false) if the kernel refuses.
    [[nodiscard]] bool watch(int descriptor, std::uint32_t events, Pollable& pollable);
    /// Forgets a descriptor, which is still open, and whatever was reported for it in this turn.
    void unwatch(int descriptor, const Pollable& pollable);

    /// Asks for `SocketChannel::flush` at the end of this turn.
    void flush_later(SocketChannel& channel) { to_flush_.push_back(&channel); }
    /// Asks for `SocketChannel::serve_again` in the next turn.
    void serve_later(SocketChannel& channel) { to_serve_.push_back(&channel); }
    /// Asks for `SocketChannel::finish` at the very end of this turn.
    void finish_later(SocketChannel& channel) { to_finish_.push_back(&channel); }
    /// Takes a channel out of the three lists above.
    void forget(const SocketChannel& channel);

    void add(SocketChannel& channel);  ///< Into the list of live connections.
    void discharge(SocketChannel& channel);
    /// Puts a channel behind all others for whose peers something waits.
    void wait_last(SocketChannel& channel);
    /// Takes it out of these; it need not be among them.
    void wait_no_more(SocketChannel& channel);
    /// The one whose peer took nothing for longest, or null.
    SocketChannel* first_waiting() const { return first_waiting_; }
    /// Live connections; any thread.
    std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }
    /// Tells each connection that stands on one of `keys` that it is void.
    void end_keys(std::span<const KeyTag> keys);
    /// Tells connections that the server is going down: all, or the next `most` that were not told yet.
    void shut_down_connections(std::size_t most = static_cast<std::size_t>(-1));
    /// Aborts those that are left.
    void abort_connections();

    ThreadBuffers& buffers() { return *buffers_; }

private:
    friend class LoopExecutor;
    void run();
    void turn();
    int wait_ms();
    /// True if there was anything to run.
    bool run_posted();
    void run_background(bool is_busy);
    void run_timers();
    void wake();
    void post_background(UniqueFunction<void()> piece);
    /// Runs `work` on each channel of `list`; what is asked for meanwhile waits for the next turn.
    void work_off(std::vector<SocketChannel*>& list, void (SocketChannel::*work)());

    std::uint32_t number_;
    Clock& clock_;
    boost::asio::execution_context context_;
    int epoll_ = -1;
    int wake_ = -1;
    std::thread thread_;
    std::atomic<bool> stopped_{false};
    std::atomic<bool> is_over_{false};
    std::atomic<bool> asleep_{false};
    std::atomic<std::size_t> connections_{0};

    std::mutex mutex_;                               ///< Guards `inbox_`.
    std::vector<UniqueFunction<void()>> inbox_;      ///< Bound: IoThread::connections.
    std::vector<UniqueFunction<void()>> posted_;     ///< By this thread itself. Bound: IoThread::connections.
    std::vector<UniqueFunction<void()>> running_;    ///< Bound: IoThread::connections.
    std::deque<UniqueFunction<void()>> background_;  ///< Bound: IoThread::connections.
    int busy_turns_ = 0;                             ///< Since background work had its last turn.

    Timers timers_;
    std::vector<Timers*> driven_;  ///< Bound: fixed.
    TimePoint timers_ran_{};

    Pollable* reported_[events_max] = {};  ///< What the current turn still has to serve.
    int reported_count_ = 0;
    std::vector<SocketChannel*> to_flush_;   ///< Bound: IoThread::connections.
    std::vector<SocketChannel*> to_serve_;   ///< Bound: IoThread::connections.
    std::vector<SocketChannel*> to_finish_;  ///< Bound: IoThread::connections.
    std::vector<SocketChannel*> working_;    ///< Bound: IoThread::connections.
    SocketChannel* first_channel_ = nullptr;
    SocketChannel* first_waiting_ = nullptr;
    SocketChannel* last_waiting_ = nullptr;
    std::unique_ptr<ThreadBuffers> buffers_;
};

/// The threads of one process. Shard i lives on thread i modulo their number.
class IoThreads {
public:
    IoThreads(std::size_t count, Clock& clock);
    ~IoThreads();

    void start();
    /// Stops and joins all, then drops what did not run.
    void stop();

    std::size_t size() const { return threads_.size(); }
    IoThread& operator[](std::size_t i) { return *threads_[i]; }
    IoThread& of_shard(std::size_t shard) { return *threads_[shard % threads_.size()]; }
    std::size_t connections() const;

private:
    std::vector<std::unique_ptr<IoThread>> threads_;  ///< Bound: fixed.
};

}  // namespace carillon
