#pragma once

#include "base/clock.hpp"
#include "net/io_thread.hpp"

#include <chrono>
#include <functional>

namespace carillon {

/// Between looks at what is still under way while a server goes down.
constexpr std::chrono::milliseconds look_step{5};

/// Runs `what` on each of the threads; returns when it is done, or `most` is over.
void on_each_thread(IoThreads& threads, std::chrono::milliseconds most,
                    const std::function<void(IoThread&)>& what);

/// Ends all connections at an even pace over `whole`, so that what they reconnect to is not met by all of
/// them at once. Calls `tick`, if set, at least every second.
void end_connections_slowly(IoThreads& threads, Clock& clock, std::chrono::seconds whole,
                            const std::function<void()>& tick);

}  // namespace carillon
