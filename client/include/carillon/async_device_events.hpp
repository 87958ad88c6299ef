#pragma once

#include "carillon/coroutine.hpp"
#include "carillon/device_events.hpp"

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace carillon {

/// An event, and the place to go on behind it: keep that once the event is done with.
struct ReadEvent {
    DeviceEvent event;
    std::string checkpoint{};
};

/// Reads as `DeviceEvents` does, on a thread of its own and a little ahead, and gives one event for each
/// `next`: to a callback, a future, or a coroutine.
///
///     for (;;) {
///         const AsyncDeviceEvents::Next next = co_await events.next(awaiting);
///         if (!next || !*next) break;
///         work_on((*next)->event);
///         save((*next)->checkpoint);
///     }
///
/// A program that calls no `next` delays its own reading, not the hub. Any thread; one `next` at a time.
/// Callbacks, and coroutines that go on, come on the reader's thread, or within `next` where an event is
/// there already. The destructor ends a `next` that waits with `connection_closed`, within a second or so; it
/// must not be called on the reader's thread.
class AsyncDeviceEvents {
public:
    /// Events that are read and not asked for.
    static constexpr std::size_t ahead_max = 64;
    /// An event; nothing at the end of what there is, if the query does not follow or its limit is reached;
    /// or the error of `DeviceEvents::read`, after which nothing comes.
    using Next = Result<std::optional<ReadEvent>>;

    /// As `DeviceEvents::open`. Reads from now on.
    static Result<AsyncDeviceEvents> open(const ServiceOptions& options, EventsQuery query);

    AsyncDeviceEvents(AsyncDeviceEvents&&) noexcept;
    AsyncDeviceEvents& operator=(AsyncDeviceEvents&&) noexcept;
    ~AsyncDeviceEvents();

    /// Fails with `operation_not_allowed_in_current_state` while another waits.
    void next(std::function<void(const Next&)> done);
    std::future<Next> next();
    Operation<Next> next(Awaiting);

private:
    struct Impl;
    explicit AsyncDeviceEvents(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
