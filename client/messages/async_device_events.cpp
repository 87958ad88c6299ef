#include "carillon/async_device_events.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace carillon {

struct AsyncDeviceEvents::Impl {
    using Done = std::function<void(const Next&)>;

    explicit Impl(DeviceEvents opened) : events(std::move(opened)), thread([this] { read(); }) {}
    ~Impl() {
        stops = true;
        room.notify_all();
        thread.join();
    }

    void read() {
        const auto outcome = events.read([this](const DeviceEvent& event) { return take(event); },
                                         DeviceEvents::for_ever, &stops);
        Next last = std::optional<ReadEvent>();
        if (stops) {
            last = fail(Errc::connection_closed, "the reader was closed");
        } else if (!outcome) {
            last = fail(outcome.error());
        }
        std::unique_lock lock(mutex);
        end.emplace(std::move(last));
        give(lock);
    }

    bool take(const DeviceEvent& event) {
        std::unique_lock lock(mutex);
        ahead.push_back({event, events.place_behind()});
        give(lock);
        room.wait(lock, [this] { return stops || ahead.size() < ahead_max; });
        return !stops;
    }

    /// Tells who waits, if there is something to tell.
    void give(std::unique_lock<std::mutex>& lock) {
        if (!waiting || (ahead.empty() && !end)) return;
        const Done done = std::exchange(waiting, nullptr);
        const Next told = take_one();
        lock.unlock();
        done(told);
        lock.lock();
    }
    Next take_one() {
        if (ahead.empty()) return *end;
        Next one = std::optional<ReadEvent>(std::move(ahead.front()));
        ahead.pop_front();
        room.notify_all();
        return one;
    }
    void ask(Done done) {
        std::unique_lock lock(mutex);
        if (waiting) {
            lock.unlock();
            return done(fail(Errc::operation_not_allowed_in_current_state, "another call waits"));
        }
        waiting = std::move(done);
        give(lock);
    }

    DeviceEvents events;  ///< Of the thread.
    std::atomic<bool> stops{false};
    std::mutex mutex;  ///< Guards what follows; nothing of others is called under it.
    std::condition_variable room;
    std::deque<ReadEvent> ahead;  ///< Bound: ahead_max.
    std::optional<Next> end;
    Done waiting;
    std::thread thread;
};

AsyncDeviceEvents::AsyncDeviceEvents(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AsyncDeviceEvents::AsyncDeviceEvents(AsyncDeviceEvents&&) noexcept = default;
AsyncDeviceEvents& AsyncDeviceEvents::operator=(AsyncDeviceEvents&&) noexcept = default;
AsyncDeviceEvents::~AsyncDeviceEvents() = default;

Result<AsyncDeviceEvents> AsyncDeviceEvents::open(const ServiceOptions& options, EventsQuery query) {
    auto events = DeviceEvents::open(options, std::move(query));
    if (!events) return fail(std::move(events).error());
    return AsyncDeviceEvents(std::make_unique<Impl>(*std::move(events)));
}

void AsyncDeviceEvents::next(std::function<void(const Next&)> done) {
    impl_->ask(std::move(done));
}

std::future<AsyncDeviceEvents::Next> AsyncDeviceEvents::next() {
    auto promise = std::make_shared<std::promise<Next>>();
    auto answer = promise->get_future();
    next([promise](const Next& result) { promise->set_value(result); });
    return answer;
}

Operation<AsyncDeviceEvents::Next> AsyncDeviceEvents::next(Awaiting) {
    return Operation<Next>([this](Operation<Next>::Done done) { next(std::move(done)); });
}

}  // namespace carillon
