#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace carillon::load {

/// One thread's readiness loop on epoll, edge-triggered: the same few lines of our own stand before
/// every server that is measured, so that what is compared is the servers.
class Loop {
public:
    /// Owns a descriptor; outlives every `run`.
    class Handler {
    public:
        virtual ~Handler() = default;
        /// `events` as epoll gives them; may be stale once the descriptor was closed.
        virtual void ready(std::uint32_t events) = 0;
        /// Asked for by `flush_later`.
        virtual void flush() = 0;
    };

    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Watches a non-blocking descriptor for both directions until it is closed.
    void add(int fd, Handler& handler);
    /// Calls `handler.flush()` once what is ready now has been handled, so that several small
    /// writes leave as one. Ask once per round.
    void flush_later(Handler& handler) { flushes_.push_back(&handler); }
    void after(Duration delay, std::function<void()> call);

    /// Runs until `stop`; `run_for` also ends after `limit`.
    void run();
    void run_for(Duration limit);
    void stop() { is_stopped_ = true; }

private:
    void turn(Duration wait_max);
    int epoll_ = -1;
    bool is_stopped_ = false;
    std::vector<Handler*> flushes_;
    std::vector<Handler*> flushing_;
    std::multimap<TimePoint, std::function<void()>> timers_;
};

}  // namespace carillon::load
