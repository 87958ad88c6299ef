#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "core/hub/hub.hpp"
#include "core/shard/shard_traffic.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::rest {

/// The hub at a glance, as JSON (`Overview` in openapi.json): what is registered and connected, what is done
/// a second, and the jobs at work. Looked at no more than once in `interval`, however many ask; costs nothing
/// while nobody does. Any thread.
class OverviewSampler {
public:
    static constexpr std::chrono::milliseconds interval{1000};
    /// Rates are over the time since the sample before; nothing is said where that is longer ago.
    static constexpr std::chrono::seconds span_max{5};
    static constexpr std::size_t jobs_max = 10;       ///< At work, that are shown.
    static constexpr std::size_t counted_max = 1000;  ///< At work, that are counted.

    explicit OverviewSampler(Hub& hub) : hub_(hub) {}
    OverviewSampler(const OverviewSampler&) = delete;
    OverviewSampler& operator=(const OverviewSampler&) = delete;

    /// The newest document, at most about `interval` old.
    Task<std::shared_ptr<const std::string>> document();

private:
    struct Sample {
        TimePoint at;
        ShardTraffic traffic;  ///< Of all shards together.
        std::shared_ptr<const std::string> document;
    };
    struct Looking;
    Task<ShardTraffic> add_up();
    /// How many jobs are at work and, on a line below, how far the newest of them are.
    Task<std::string> describe_jobs();
    std::optional<Sample> last() const;
    static std::string describe(const Sample& now, const std::optional<Sample>& before,
                                std::string_view jobs);

    Hub& hub_;
    mutable std::mutex mutex_;  ///< Guards what follows; held for no longer than a copy.
    std::optional<Sample> last_;
    bool is_looking_ = false;
};

}  // namespace carillon::rest
