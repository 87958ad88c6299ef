#include "load/loop.hpp"

#include "base/result.hpp"

#include <sys/epoll.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace carillon::load {
namespace {

constexpr std::size_t events_per_turn_max = 512;
constexpr Duration forever = std::chrono::hours(1);

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    CARILLON_ASSERT(epoll_ >= 0);
}

Loop::~Loop() {
    ::close(epoll_);
}

void Loop::add(int fd, Handler& handler) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &handler;
    CARILLON_ASSERT(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void Loop::after(Duration delay, std::function<void()> call) {
    timers_.emplace(now() + delay, std::move(call));
}

void Loop::run() {
    is_stopped_ = false;
    while (!is_stopped_) turn(forever);
}

void Loop::run_for(Duration limit) {
    is_stopped_ = false;
    const TimePoint end = now() + limit;
    while (!is_stopped_ && now() < end) turn(end - now());
}

void Loop::turn(Duration wait_max) {
    if (!timers_.empty()) wait_max = std::min(wait_max, timers_.begin()->first - now());
    // Rounded up, so that a timer is due when we wake for it.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(wait_max, Duration::zero()));
    std::array<epoll_event, events_per_turn_max> events;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   flushes_.empty() ? static_cast<int>(wait.count()) : 0);
    CARILLON_ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        static_cast<Handler*>(event.data.ptr)->ready(event.events);
    }
    while (!timers_.empty() && timers_.begin()->first <= now()) {
        const std::function<void()> call = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        call();
    }
    flushing_.swap(flushes_);
    for (Handler* handler : flushing_) handler->flush();
    flushing_.clear();
}

}  // namespace carillon::load
