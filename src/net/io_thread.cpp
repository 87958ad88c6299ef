#include "net/io_thread.hpp"

#include "base/result.hpp"
#include "net/loop_executor.hpp"
#include "net/socket_channel.hpp"
#include "net/thread_buffers.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace carillon {
namespace {

thread_local IoThread* current_thread = nullptr;

template <class T>
void replace_by_null(std::vector<T*>& list, const T* what) {
    std::replace(list.begin(), list.end(), const_cast<T*>(what), static_cast<T*>(nullptr));
}

}  // namespace

IoThread::IoThread(std::uint32_t number, Clock& clock)
    : number_(number), clock_(clock), buffers_(std::make_unique<ThreadBuffers>()) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CARILLON_ASSERT(epoll_ >= 0 && wake_ >= 0);
    // Edge-triggered, it reports every write anew and need never be read.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    CARILLON_ASSERT(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
}

IoThread::~IoThread() {
    stop();
    join();
    drop_posted();
    ::close(wake_);
    ::close(epoll_);
}

void IoThread::start() {
    CARILLON_ASSERT(!thread_.joinable());
    thread_ = std::thread([this] { run(); });
    const std::string name = "carillon-io-" + std::to_string(number_);
    ::pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void IoThread::stop() {
    stopped_.store(true);
    wake();
}

void IoThread::join() {
    if (thread_.joinable()) thread_.join();
    is_over_.store(true);
}

void IoThread::drop_posted() {
    // A function that goes may hold a coroutine, whose end posts in turn; that is dropped at once.
    std::vector<UniqueFunction<void()>> dropped;
    {
        const std::lock_guard lock(mutex_);
        dropped.swap(inbox_);
    }
    posted_.clear();
    background_.clear();
}

IoThread* IoThread::current() {
    return current_thread;
}

boost::asio::any_io_executor IoThread::executor() {
    return LoopExecutor(*this, LoopExecutor::Lane::inline_if_current);
}

boost::asio::any_io_executor IoThread::background_executor() {
    return LoopExecutor(*this, LoopExecutor::Lane::background);
}

void IoThread::post(UniqueFunction<void()> function) {
    if (is_over_.load()) return;
    if (is_current()) {
        posted_.push_back(std::move(function));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(function));
    }
    if (asleep_.exchange(false)) wake();
}

void IoThread::post_background(UniqueFunction<void()> piece) {
    CARILLON_ASSERT(is_current() || !thread_.joinable());
    if (!is_over_.load()) background_.push_back(std::move(piece));
}

void IoThread::wake() {
    const std::uint64_t one = 1;
    // The counter cannot fill up, so the write cannot fail.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void IoThread::run() {
    current_thread = this;
    while (!stopped_.load()) turn();
    current_thread = nullptr;
}

void IoThread::turn() {
    int wait = wait_ms();
    if (wait != 0) {
        // Said before the inbox is looked at: who posts after that look finds us asleep.
        asleep_.store(true);
        const std::lock_guard lock(mutex_);
        if (!inbox_.empty()) wait = 0;
    }
    std::array<epoll_event, events_max> events;
    const int count = ::epoll_wait(epoll_, events.data(), events_max, wait);
    asleep_.store(false);

    reported_count_ = std::max(count, 0);
    for (int i = 0; i < reported_count_; ++i)
        reported_[i] = static_cast<Pollable*>(events[static_cast<std::size_t>(i)].data.ptr);
    for (int i = 0; i < reported_count_; ++i) {
        if (reported_[i] != nullptr) reported_[i]->ready(events[static_cast<std::size_t>(i)].events);
    }
    const bool has_work = reported_count_ > 0 || !to_serve_.empty();
    const bool is_busy = has_work || !buffers_->strangers.is_empty();
    reported_count_ = 0;

    work_off(to_serve_, &SocketChannel::serve_again);
    const bool had_posted = run_posted();
    run_timers();
    buffers_->strangers.work(has_work || had_posted);
    work_off(to_flush_, &SocketChannel::flush);
    work_off(to_finish_, &SocketChannel::finish);
    run_background(is_busy || had_posted);
}

void IoThread::run_background(bool is_busy) {
    if (background_.empty()) {
        busy_turns_ = 0;
        return;
    }
    if (is_busy && busy_turns_++ < busy_turns_max) return;
    busy_turns_ = 0;
    UniqueFunction<void()> piece = std::move(background_.front());
    background_.pop_front();
    piece();
}

int IoThread::wait_ms() {
    if (stopped_.load() || !posted_.empty() || !background_.empty() || !to_serve_.empty() ||
        !to_flush_.empty() || !to_finish_.empty() || !buffers_->strangers.is_empty()) {
        return 0;
    }
    TimePoint next = TimePoint::max();
    if (!timers_.is_empty()) next = timers_.next();
    for (Timers* timers : driven_) {
        if (!timers->is_empty()) next = std::min(next, timers->next());
    }
    if (next == TimePoint::max()) return -1;
    next = std::max(next, timers_ran_ + timer_resolution);
    const TimePoint now = clock_.now();
    if (next <= now) return 0;
    constexpr std::chrono::milliseconds wait_max = std::chrono::hours(1);
    return static_cast<int>(
        std::min(std::chrono::ceil<std::chrono::milliseconds>(next - now), wait_max).count());
}

bool IoThread::run_posted() {
    {
        const std::lock_guard lock(mutex_);
        running_.swap(inbox_);
    }
    bool had_any = !running_.empty();
    for (auto& function : running_) function();
    running_.clear();
    // What these post in turn waits for the next turn, so that sockets are served in between.
    running_.swap(posted_);
    had_any = had_any || !running_.empty();
    for (auto& function : running_) function();
    running_.clear();
    return had_any;
}

void IoThread::run_timers() {
    const TimePoint now = clock_.now();
    if (now < timers_ran_ + timer_resolution) return;
    timers_ran_ = now;
    timers_.run_due(now);
    for (Timers* timers : driven_) timers->run_due(now);
}

void IoThread::work_off(std::vector<SocketChannel*>& list, void (SocketChannel::*work)()) {
    if (list.empty()) return;
    working_.swap(list);
    for (std::size_t i = 0; i < working_.size(); ++i) {
        if (working_[i] != nullptr) (working_[i]->*work)();
    }
    working_.clear();
}

bool IoThread::watch(int descriptor, std::uint32_t events, Pollable& pollable) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &pollable;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void IoThread::unwatch(int descriptor, const Pollable& pollable) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    for (int i = 0; i < reported_count_; ++i) {
        if (reported_[i] == &pollable) reported_[i] = nullptr;
    }
}

void IoThread::forget(const SocketChannel& channel) {
    replace_by_null(to_flush_, &channel);
    replace_by_null(to_serve_, &channel);
    replace_by_null(to_finish_, &channel);
    replace_by_null(working_, &channel);
    buffers_->strangers.forget(channel);
}

void IoThread::add(SocketChannel& channel) {
    channel.next_ = first_channel_;
    channel.previous_ = nullptr;
    if (first_channel_ != nullptr) first_channel_->previous_ = &channel;
    first_channel_ = &channel;
    connections_.fetch_add(1, std::memory_order_relaxed);
}

void IoThread::discharge(SocketChannel& channel) {
    if (channel.next_ != nullptr) channel.next_->previous_ = channel.previous_;
    if (channel.previous_ != nullptr) {
        channel.previous_->next_ = channel.next_;
    } else {
        first_channel_ = channel.next_;
    }
    channel.next_ = channel.previous_ = nullptr;
    connections_.fetch_sub(1, std::memory_order_relaxed);
}

void IoThread::wait_last(SocketChannel& channel) {
    if (last_waiting_ == &channel) return;
    wait_no_more(channel);
    channel.previous_waiting_ = last_waiting_;
    (last_waiting_ != nullptr ? last_waiting_->next_waiting_ : first_waiting_) = &channel;
    last_waiting_ = &channel;
}

void IoThread::wait_no_more(SocketChannel& channel) {
    if (channel.previous_waiting_ == nullptr && first_waiting_ != &channel) return;
    (channel.previous_waiting_ != nullptr ? channel.previous_waiting_->next_waiting_ : first_waiting_) =
        channel.next_waiting_;
    (channel.next_waiting_ != nullptr ? channel.next_waiting_->previous_waiting_ : last_waiting_) =
        channel.previous_waiting_;
    channel.next_waiting_ = channel.previous_waiting_ = nullptr;
}

void IoThread::end_keys(std::span<const KeyTag> keys) {
    for (SocketChannel* channel = first_channel_; channel != nullptr;) {
        SocketChannel* next = channel->next_;
        const bool is_ended = channel->key() != KeyTag::none &&
                              std::find(keys.begin(), keys.end(), channel->key()) != keys.end();
        if (is_ended) channel->end_key();
        channel = next;
    }
}

void IoThread::shut_down_connections(std::size_t most) {
    for (SocketChannel* channel = first_channel_; channel != nullptr && most > 0;) {
        SocketChannel* next = channel->next_;
        if (channel->shut_down()) --most;
        channel = next;
    }
}

void IoThread::abort_connections() {
    for (SocketChannel* channel = first_channel_; channel != nullptr; channel = channel->next_) {
        channel->abort(Errc::connection_closed);
    }
}

IoThreads::IoThreads(std::size_t count, Clock& clock) {
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
        threads_.push_back(std::make_unique<IoThread>(static_cast<std::uint32_t>(i), clock));
    }
}

IoThreads::~IoThreads() {
    stop();
}

void IoThreads::start() {
    for (auto& thread : threads_) thread->start();
}

void IoThreads::stop() {
    for (auto& thread : threads_) thread->stop();
    for (auto& thread : threads_) thread->join();
    for (auto& thread : threads_) thread->drop_posted();
}

std::size_t IoThreads::connections() const {
    std::size_t count = 0;
    for (const auto& thread : threads_) count += thread->connections();
    return count;
}

}  // namespace carillon
