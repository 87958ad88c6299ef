#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace carillon::fleet {

/// Durations, counted in buckets that are never wider than an eighth of what they hold.
class Histogram {
public:
    void add(Duration duration) {
        const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(duration).count(), 0));
        ++counts_[bucket_of(us)];
        ++total_;
    }
    std::uint64_t total() const { return total_; }
    /// What `percent` of all do not exceed, rounded up to its bucket; 0 of none.
    std::chrono::microseconds percentile(double percent) const {
        if (total_ == 0) return {};
        const double wanted = static_cast<double>(total_) * percent / 100;
        std::uint64_t seen = 0;
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            seen += counts_[bucket];
            if (static_cast<double>(seen) >= wanted) return std::chrono::microseconds(end_of(bucket));
        }
        return std::chrono::microseconds(end_of(counts_.size() - 1));
    }

private:
    // Below 8 each number has its bucket; above, each power of two has eight.
    static constexpr std::size_t buckets = 8 + 40 * 8;
    static std::size_t bucket_of(std::uint64_t us) {
        if (us < 8) return static_cast<std::size_t>(us);
        const auto width = static_cast<std::size_t>(std::bit_width(us));
        const auto eighth = static_cast<std::size_t>(us >> (width - 4) & 7);
        return std::min(8 + (width - 4) * 8 + eighth, buckets - 1);
    }
    static std::int64_t end_of(std::size_t bucket) {
        if (bucket < 8) return static_cast<std::int64_t>(bucket);
        const std::size_t power = (bucket - 8) / 8;
        const auto eighth = static_cast<std::int64_t>((bucket - 8) % 8);
        return ((9 + eighth) << power) - 1;
    }

    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t total_ = 0;
};

/// What a fleet has done and how it stands. The first group are now, the others since the start.
struct Statistics {
    std::uint64_t devices = 0;
    std::uint64_t connected = 0;   ///< And subscribed.
    std::uint64_t connecting = 0;  ///< From opening a socket to the answers to its subscriptions.
    std::uint64_t waiting = 0;     ///< For a place among those that connect, or backing off.
    std::uint64_t away = 0;        ///< Offline by plan.

    std::uint64_t connects = 0;     ///< Times a device became connected,
    std::uint64_t reconnects = 0;   ///< of which not the device's first.
    std::uint64_t lost = 0;         ///< Connections that ended and were not meant to.
    std::uint64_t refused = 0;      ///< By CONNACK, or over AMQP for its token or its first link.
    std::uint64_t unreachable = 0;  ///< Attempts that ended before that, of whatever cause.

    std::uint64_t methods = 0;           ///< Received.
    std::uint64_t methods_ok = 0;        ///< Answered with success.
    std::uint64_t methods_failed = 0;    ///< Answered with failure.
    std::uint64_t methods_silent = 0;    ///< Meant never to be answered.
    std::uint64_t methods_cut_off = 0;   ///< The connection ended before the answer was due.
    std::uint64_t methods_overload = 0;  ///< Refused, as too many waited for their answer.

    std::uint64_t reported_sent = 0;
    std::uint64_t reported_stored = 0;
    std::uint64_t reported_refused = 0;
    std::uint64_t telemetry_sent = 0;
    std::uint64_t telemetry_stored = 0;
    std::uint64_t desired = 0;        ///< Notifications received.
    std::uint64_t follows_right = 0;  ///< Changes of which devices reported what was asked,
    std::uint64_t follows_wrong = 0;  ///< or something else.
    std::uint64_t messages = 0;       ///< Cloud-to-device, received.

    Histogram handshakes;  ///< Opening a socket to the end of the TLS handshake.
    Histogram readiness;   ///< Opening a socket until subscribed.
};

}  // namespace carillon::fleet
