#pragma once

#include "base/clock.hpp"
#include "base/unique_function.hpp"

#include <cstdint>
#include <map>
#include <utility>

namespace carillon {

/// The deadlines of one shard or thread. Whoever drives the thread calls `run_due` at `next()` or a
/// little later; the resolution is the driver's (10 ms in the server). Not thread-safe.
class Timers {
public:
    struct Id {
        TimePoint at{};
        std::uint64_t number = 0;
        explicit operator bool() const { return number != 0; }
    };

    /// Calls `fire` once, at or after `at`.
    Id at(TimePoint at, UniqueFunction<void()> fire);
    /// Forgets a timer that has not fired; harmless otherwise. Resets `id`.
    void cancel(Id& id);

    bool is_empty() const { return timers_.empty(); }
    std::size_t size() const { return timers_.size(); }
    TimePoint next() const { return timers_.begin()->first.first; }
    /// Fires what is due, in order of time; timers added meanwhile wait for the next call.
    void run_due(TimePoint now);

    /// `wake` is called whenever `next()` moved earlier, so that the driver can arm itself.
    void set_wake(UniqueFunction<void()> wake) { wake_ = std::move(wake); }

private:
    std::map<std::pair<TimePoint, std::uint64_t>, UniqueFunction<void()>> timers_;
    UniqueFunction<void()> wake_;
    std::uint64_t last_number_ = 0;
};

}  // namespace carillon
