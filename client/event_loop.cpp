#include "carillon/event_loop.hpp"

#include "io/client_io.hpp"

namespace carillon {

Result<EventLoop> EventLoop::open() {
    auto io = client::ClientIo::open();
    if (!io) return fail(std::move(io).error());
    return EventLoop(*std::move(io));
}

EventLoop::EventLoop(std::unique_ptr<client::ClientIo> io) : io_(std::move(io)) {}
EventLoop::EventLoop(EventLoop&&) noexcept = default;
EventLoop& EventLoop::operator=(EventLoop&&) noexcept = default;
EventLoop::~EventLoop() = default;

void EventLoop::run() {
    io_->loop().run();
}

void EventLoop::stop() {
    io_->loop().stop();
}

void EventLoop::post(std::function<void()> function) {
    io_->loop().post(std::move(function));
}

}  // namespace carillon
