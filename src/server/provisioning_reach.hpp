#pragma once

#include "endpoint/delivery/web_allocation.hpp"
#include "endpoint/delivery/web_hubs.hpp"
#include "server/storage_thread.hpp"

#include <cstdint>
#include <memory>

namespace carillon {

class Clock;
class Provisioning;
struct ServerConfig;

/// What provisioning asks outside of the hub: webhooks of enrollments and linked hubs, on threads of its own.
class ProvisioningReach {
public:
    /// `thread_number` is that of its threads. All outlive it. Fails as `WebHubs::open`.
    static Result<std::unique_ptr<ProvisioningReach>> open(const ServerConfig& config,
                                                           std::shared_ptr<const WebTrust> trust,
                                                           const Clock& clock, std::uint32_t thread_number);
    /// Has `provisioning` ask by it. Before the hub's threads run.
    void serve(Provisioning& provisioning);
    /// Where spans of what is asked go. As `serve`; it outlives this.
    void use(SpanSink& spans) { webhooks_.use(spans); }
    /// From here on nothing is waited for; devices are told to come again.
    void stop();

private:
    ProvisioningReach(std::shared_ptr<const WebTrust> trust, std::unique_ptr<WebHubs> hubs,
                      const Clock& clock, std::uint32_t thread_number);

    WebAllocation webhooks_;
    std::unique_ptr<WebHubs> hubs_;
    StorageThread threads_;  ///< Ends first.
};

}  // namespace carillon
