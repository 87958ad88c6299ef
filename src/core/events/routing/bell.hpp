#pragma once

#include "base/await.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace carillon {

/// Lets one coroutine wait until somebody rings, or for a time. Lives on the thread of `executor` and
/// `timers`; `ring` is for any thread.
class Bell : public std::enable_shared_from_this<Bell> {
public:
    Bell(boost::asio::any_io_executor executor, Timers& timers)
        : executor_(std::move(executor)), timers_(timers) {}

    void ring() {
        boost::asio::post(executor_, [self = shared_from_this()] { self->wake(); });
    }
    /// Returns at once if it was rung since the last wait.
    Task<> wait(std::optional<TimePoint> until) {
        if (!std::exchange(has_rung_, false)) {
            auto start = [this, until](UniqueFunction<void(bool)> done) {
                waiter_ = std::move(done);
                if (until) timer_ = timers_.at(*until, [this] { wake(); });
            };
            co_await from_callback<bool>(std::move(start));
            has_rung_ = false;
        }
    }

private:
    void wake() {
        has_rung_ = true;
        timers_.cancel(timer_);
        if (waiter_) std::exchange(waiter_, {})(true);
    }

    boost::asio::any_io_executor executor_;
    Timers& timers_;
    Timers::Id timer_;
    UniqueFunction<void(bool)> waiter_;
    bool has_rung_ = false;
};

}  // namespace carillon
