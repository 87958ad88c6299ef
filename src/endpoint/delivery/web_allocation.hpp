#pragma once

#include "core/provisioning/allocation.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>

namespace carillon {

/// Webhooks of allocation on the web, reached as those of routes are.
class WebAllocation final : public AllocationWebhooks {
public:
    /// From the beginning of a connection to the end of the answer. Ours: the SDKs wait 10 s and more for the
    /// answer to a registration, and a device that is told nothing registers again.
    static constexpr std::chrono::seconds answer_within{5};
    static constexpr std::size_t threads = 8;  ///< And so webhooks that are asked at a time.

    explicit WebAllocation(std::shared_ptr<const WebTrust> trust) : trust_(std::move(trust)) {}
    /// From here on nothing is waited for.
    void stop() { stops_ = true; }

    Result<> check(std::string_view url) const override;
    Result<std::string> ask(const std::string& url, const std::string& question) override;

private:
    const std::shared_ptr<const WebTrust> trust_;
    std::atomic<bool> stops_{false};
};

}  // namespace carillon
