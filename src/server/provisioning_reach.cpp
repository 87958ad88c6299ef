#include "server/provisioning_reach.hpp"

#include "core/provisioning/provisioning.hpp"
#include "server/settings/config.hpp"

#include <utility>

namespace carillon {

ProvisioningReach::ProvisioningReach(std::shared_ptr<const WebTrust> trust, std::unique_ptr<WebHubs> hubs,
                                     const Clock& clock, std::uint32_t thread_number)
    : webhooks_(std::move(trust), clock),
      hubs_(std::move(hubs)),
      threads_(thread_number, WebAllocation::threads) {}

Result<std::unique_ptr<ProvisioningReach>> ProvisioningReach::open(const ServerConfig& config,
                                                                   std::shared_ptr<const WebTrust> trust,
                                                                   const Clock& clock,
                                                                   std::uint32_t thread_number) {
    auto hubs = WebHubs::open(config.linked_hubs, config.storage_ca, clock);
    if (!hubs) return fail(std::move(hubs).error());
    return std::unique_ptr<ProvisioningReach>(
        new ProvisioningReach(std::move(trust), *std::move(hubs), clock, thread_number));
}

void ProvisioningReach::serve(Provisioning& provisioning) {
    provisioning.use(webhooks_, *hubs_, threads_);
}

void ProvisioningReach::stop() {
    webhooks_.stop();
    hubs_->stop();
}

}  // namespace carillon
