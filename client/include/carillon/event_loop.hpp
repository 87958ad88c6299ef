#pragma once

#include "base/result.hpp"

#include <functional>
#include <memory>

namespace carillon {

namespace client {
class ClientIo;
}

/// Runs device clients: one thread serves as many as it has time for. It outlives its clients.
///
/// `run` is called by the thread that is to do the work, and returns after `stop`. All callbacks of the
/// clients come on that thread; one that waits there for a future waits for itself.
class EventLoop {
public:
    /// Fails with `io_failed` for want of descriptors.
    static Result<EventLoop> open();
    EventLoop(EventLoop&&) noexcept;
    EventLoop& operator=(EventLoop&&) noexcept;
    ~EventLoop();

    void run();
    /// Any thread.
    void stop();
    /// Calls `function` on the loop's thread, in a later step. Any thread.
    void post(std::function<void()> function);

private:
    friend class DeviceClient;
    explicit EventLoop(std::unique_ptr<client::ClientIo> io);
    std::unique_ptr<client::ClientIo> io_;
};

}  // namespace carillon
