#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class SpanSink;

/// What single devices do, for people who look for a fault: events wait here until they are taken. While
/// nobody looks, an operation of a device costs one look at a number. Any thread.
class DeviceTraces {
public:
    static constexpr std::size_t traces_max = 16;
    /// That wait to be taken; what comes then is dropped, and counted.
    static constexpr std::size_t events_max = 1000;
    static constexpr std::chrono::seconds time_max{3600};
    /// How long a trace that is over waits for whoever takes its last events.
    static constexpr std::chrono::seconds kept_after{60};

    /// Begins to note what `device` and its modules do, for `time`. `id` is not known to others. Fails with
    /// `throttling_exception` beyond `traces_max`.
    Result<> open(std::string id, std::string device, Duration time, TimePoint now);
    /// Ends it; harmless if there is none.
    void close(std::string_view id);

    struct Events {
        std::vector<std::string> lines;  ///< JSON objects, oldest first. Bound: events_max.
        std::uint64_t dropped = 0;
        bool is_over = false;
    };
    /// What has come since the last call. Fails with `generic_not_found`.
    Result<Events> take(std::string_view id, TimePoint now);

    /// Where spans of devices go. Before the threads run; it outlives this.
    void use(SpanSink& spans) { spans_ = &spans; }
    /// Null where none are kept.
    SpanSink* spans() const { return spans_; }

    bool is_on() const { return count_.load(std::memory_order_relaxed) != 0; }
    /// Notes what a device did: `event` is a word, `members` what a JSON object has besides, or empty. Only
    /// where `is_on`. `identity` is `device` or `device/module`.
    void note(std::string_view identity, TimePoint now, WallTime time, std::string_view event,
              std::string_view members);

private:
    struct Trace {
        std::string id;
        std::string device;
        TimePoint end;
        std::deque<std::string> waiting;  ///< Bound: events_max.
        std::uint64_t dropped = 0;
    };
    /// Forgets those that nobody has asked for since they were over.
    void prune(TimePoint now);

    SpanSink* spans_ = nullptr;
    std::atomic<std::size_t> count_{0};
    std::mutex mutex_;           ///< Guards what follows; held for a copy.
    std::vector<Trace> traces_;  ///< Bound: traces_max.
};

}  // namespace carillon
