#include "core/hub/hub.hpp"

#include "core/configurations/configurations.hpp"
#include "core/events/events.hpp"
#include "core/hub/device_traces.hpp"
#include "core/hub/hub_keys.hpp"
#include "core/hub/hub_options.hpp"
#include "core/hub/login_brake.hpp"
#include "core/jobs/jobs.hpp"
#include "core/messages/messages.hpp"
#include "core/port/shard_port.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/queries/queries.hpp"
#include "core/registry/registry.hpp"
#include "core/scan/page_tokens.hpp"
#include "core/shard/throttles.hpp"
#include "core/transfers/transfers.hpp"

namespace carillon {

Hub::Hub(std::vector<std::unique_ptr<Shard>> shards, Policies policies, std::vector<std::string> host_names,
         const JobEngineLimits& jobs, std::string token_key, const HubOptions& options)
    : shards_(std::move(shards)),
      policies_(std::move(policies)),
      host_names_(std::move(host_names)),
      query_options_(options.queries),
      port_(std::make_unique<ShardPort>(shards_)),
      page_tokens_(std::make_unique<PageTokens>(std::move(token_key))),
      keys_(std::make_unique<HubKeys>(shards_, *port_, policies_, *page_tokens_)),
      throttles_(std::make_unique<Throttles>(options.tier, options.callers)),
      logins_(std::make_unique<LoginBrake>()),
      traces_(std::make_unique<DeviceTraces>()),
      registry_(std::make_unique<Registry>(*port_)),
      messages_(std::make_unique<Messages>(shards_, *port_)),
      jobs_(std::make_unique<Jobs>(shards_, *throttles_, jobs, query_options_)),
      queries_(
          std::make_unique<Queries>(*port_, *jobs_, shards_.first().clock(), *page_tokens_, query_options_)),
      transfers_(std::make_unique<Transfers>(shards_, *port_)),
      configurations_(std::make_unique<Configurations>(shards_, *port_, query_options_)),
      events_(std::make_unique<Events>(shards_)),
      provisioning_(std::make_unique<Provisioning>(shards_, *registry_, host_names_)) {}

Hub::~Hub() = default;

}  // namespace carillon
