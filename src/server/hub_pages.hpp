#pragma once

#include "endpoint/rest/operate/hub_status.hpp"
#include "server/admin_endpoint.hpp"
#include "server/hub_metrics.hpp"

#include <atomic>
#include <mutex>

namespace carillon {

/// What a running hub says of itself to its operators: its metrics, and whether it works.
class HubPages final : public AdminPages, public rest::HubStatus {
public:
    /// Ours: with less room the store may not be able to write what it holds in memory.
    static constexpr std::uint64_t disk_free_bytes_min = 64ULL * 1024 * 1024;

    /// All that `sources` refers to outlives the pages.
    explicit HubPages(const HubSources& sources) : from_(sources) {}

    /// From here on the hub is not ready. Any thread.
    void stopping() { is_stopping_ = true; }

    /// Jobs at work that are counted.
    static constexpr std::size_t jobs_max = 1000;

    Task<std::string> metrics(MetricsFormat format) override;
    Health health() override;
    Health readiness() override;
    std::string settings() override;
    /// At most this old, as looking at the store takes a while.
    static constexpr std::chrono::seconds report_age_max{1};
    std::string health_report() override;

private:
    std::string make_report();

    const HubSources from_;
    std::atomic<bool> is_stopping_{false};
    TimeHistogram scrapes_;
    std::mutex mutex_;  ///< Guards what follows.
    std::string report_;
    TimePoint reported_{};
};

}  // namespace carillon
