#pragma once

#include "base/clock.hpp"
#include "core/provisioning/allocation.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>

namespace carillon {

class SpanSink;

/// Webhooks of allocation on the web, reached as those of routes are.
class WebAllocation final : public AllocationWebhooks {
public:
    /// From the beginning of a connection to the end of the answer. Ours: the SDKs wait 10 s and more for the
    /// answer to a registration, and a device that is told nothing registers again.
    static constexpr std::chrono::seconds answer_within{5};
    static constexpr std::size_t threads = 8;  ///< And so webhooks that are asked at a time.

    WebAllocation(std::shared_ptr<const WebTrust> trust, const Clock& clock)
        : trust_(std::move(trust)), clock_(clock) {}
    /// Before the first is asked; it outlives this.
    void use(SpanSink& spans) { spans_ = &spans; }
    /// From here on nothing is waited for.
    void stop() { stops_ = true; }

    Result<> check(std::string_view url) const override;
    Result<std::string> ask(const std::string& url, const std::string& question) override;

private:
    const std::shared_ptr<const WebTrust> trust_;
    const Clock& clock_;
    SpanSink* spans_ = nullptr;  ///< Null where none are kept.
    std::atomic<bool> stops_{false};
};

}  // namespace carillon
