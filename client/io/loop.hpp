#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

struct epoll_event;

namespace carillon::client {

/// Watches one descriptor; told of readiness by the loop.
class Pollable {
public:
    virtual ~Pollable() = default;
    /// `events` are EPOLLIN and so on.
    virtual void ready(std::uint32_t events) = 0;
};

/// The event loop of the device clients: sockets, timers and functions from other threads, on one thread
/// at a time. A turn is one epoll_wait, what it reports, what is due, what was posted, and then what was
/// deferred to its end.
///
/// `post`, `run_here_or_there`, `stop` and `is_current` are safe from any thread; all else is for the
/// thread that runs the loop, or for anyone while nobody does.
class Loop {
public:
    /// Descriptors served in one turn.
    static constexpr std::size_t events_max = 64;

    /// Fails with `io_failed` for want of descriptors.
    static Result<std::unique_ptr<Loop>> open();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs the loop on this thread until `stop`.
    void run();
    /// Ends `run` after its current turn, and one that has not begun as soon as it does.
    void stop();
    bool is_current() const;

    /// Has the loop call `function` in a later step; functions of one thread are called in their order.
    void post(UniqueFunction<void()> function);
    /// Calls `function` where it may touch what belongs to the loop, and returns when it has: on the loop's
    /// thread, or on this one if it is that, or if nobody runs the loop.
    void run_here_or_there(UniqueFunction<void()> function);

    TimePoint now() const { return clock_.now(); }
    WallTime wall_now() const { return clock_.wall_now(); }

    using Timer = std::multimap<TimePoint, UniqueFunction<void()>>::iterator;
    /// Calls `function` once at `when`. The timer is valid until then.
    Timer at(TimePoint when, UniqueFunction<void()> function);
    void cancel(Timer timer) { timers_.erase(timer); }
    /// Calls `function` at the end of this turn.
    void defer(UniqueFunction<void()> function) { deferred_.push_back(std::move(function)); }

    /// False if the kernel refuses.
    [[nodiscard]] bool watch(int descriptor, std::uint32_t events, Pollable& pollable);
    void change(int descriptor, std::uint32_t events, Pollable& pollable);
    /// Forgets a descriptor, which is still open, and what was reported for it in this turn.
    void unwatch(int descriptor, const Pollable& pollable);

private:
    Loop(int epoll, int wake);
    int wait_ms() const;
    void turn();
    void run_due();
    void run_posted();
    void run_deferred();
    void wake();

    const int epoll_;
    const int wake_;
    SystemClock clock_;
    std::multimap<TimePoint, UniqueFunction<void()>> timers_;
    std::vector<UniqueFunction<void()>> deferred_;
    std::array<Pollable*, events_max> reported_{};  ///< Of this turn; null once forgotten.
    std::size_t reported_count_ = 0;

    mutable std::mutex mutex_;  ///< Guards what follows.
    std::vector<UniqueFunction<void()>> posted_;
    std::thread::id runner_;  ///< Who runs the loop; none if nobody does.
    bool is_stopping_ = false;
};

}  // namespace carillon::client
