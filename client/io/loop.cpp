#include "io/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>

namespace carillon::client {

Result<std::unique_ptr<Loop>> Loop::open() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const int wake = epoll < 0 ? -1 : ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake < 0) {
        const std::string why = std::strerror(errno);
        if (epoll >= 0) ::close(epoll);
        return fail(Errc::io_failed, "no event loop: " + why);
    }
    std::unique_ptr<Loop> loop(new Loop(epoll, wake));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
        return fail(Errc::io_failed, std::string("no event loop: ") + std::strerror(errno));
    }
    return loop;
}

Loop::Loop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}

Loop::~Loop() {
    ::close(wake_);
    ::close(epoll_);
}

bool Loop::is_current() const {
    const std::lock_guard lock(mutex_);
    return runner_ == std::this_thread::get_id();
}

void Loop::wake() {
    const std::uint64_t one = 1;
    // A counter that is full wakes as well.
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

void Loop::stop() {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake();
}

void Loop::post(UniqueFunction<void()> function) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(function));
    if (posted_.size() == 1) wake();
}

void Loop::run_here_or_there(UniqueFunction<void()> function) {
    {
        std::unique_lock lock(mutex_);
        if (runner_ != std::thread::id() && runner_ != std::this_thread::get_id()) {
            std::promise<void> done;
            std::future<void> is_done = done.get_future();
            posted_.emplace_back([&function, &done] {
                function();
                done.set_value();
            });
            wake();
            lock.unlock();
            // A loop that stops runs what was posted before it is gone.
            return is_done.wait();
        }
    }
    function();
}

void Loop::run() {
    {
        const std::lock_guard lock(mutex_);
        CARILLON_ASSERT(runner_ == std::thread::id());
        runner_ = std::this_thread::get_id();
    }
    for (;;) {
        turn();
        const std::lock_guard lock(mutex_);
        if (!is_stopping_ || !posted_.empty()) continue;
        is_stopping_ = false;
        runner_ = std::thread::id();
        return;
    }
}

int Loop::wait_ms() const {
    if (!deferred_.empty()) return 0;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_ || !posted_.empty()) return 0;
    }
    if (timers_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

void Loop::turn() {
    std::array<epoll_event, events_max> events;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    reported_count_ = static_cast<std::size_t>(std::max(count, 0));
    for (std::size_t i = 0; i < reported_count_; ++i) {
        reported_[i] = static_cast<Pollable*>(events[i].data.ptr);
    }
    for (std::size_t i = 0; i < reported_count_; ++i) {
        // Null: the wake-up, or one that was forgotten meanwhile.
        if (reported_[i] != nullptr) reported_[i]->ready(events[i].events);
    }
    reported_count_ = 0;
    run_due();
    run_posted();
    run_deferred();
}

/// Runs the timers that were due when this began, so that new ones wait for the next turn.
void Loop::run_due() {
    const TimePoint at = now();
    while (!timers_.empty() && timers_.begin()->first <= at) {
        auto node = timers_.extract(timers_.begin());
        node.mapped()();
    }
}

void Loop::run_posted() {
    std::vector<UniqueFunction<void()>> functions;
    {
        const std::lock_guard lock(mutex_);
        functions.swap(posted_);
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t read = ::read(wake_, &count, sizeof count);
    }
    for (auto& function : functions) function();
}

void Loop::run_deferred() {
    // What is deferred meanwhile is for the end of this turn, too.
    for (std::size_t i = 0; i < deferred_.size(); ++i) {
        UniqueFunction<void()> function = std::move(deferred_[i]);
        function();
    }
    deferred_.clear();
}

Loop::Timer Loop::at(TimePoint when, UniqueFunction<void()> function) {
    return timers_.emplace(when, std::move(function));
}

bool Loop::watch(int descriptor, std::uint32_t events, Pollable& pollable) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &pollable;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Loop::change(int descriptor, std::uint32_t events, Pollable& pollable) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &pollable;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event);
}

void Loop::unwatch(int descriptor, const Pollable& pollable) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    std::replace(reported_.begin(), reported_.begin() + static_cast<std::ptrdiff_t>(reported_count_),
                 const_cast<Pollable*>(&pollable), static_cast<Pollable*>(nullptr));
}

}  // namespace carillon::client
