#pragma once

#include "core/hub/policies.hpp"
#include "core/shard/shards.hpp"
#include "query/query.hpp"

#include <memory>
#include <string>
#include <vector>

namespace carillon {

class Configurations;
class DeviceTraces;
class Events;
class HubKeys;
class Jobs;
class LoginBrake;
class Messages;
class PageTokens;
class Provisioning;
class Queries;
class Registry;
class ShardPort;
class Transfers;
class Throttles;
struct HubOptions;       // core/hub/hub_options.hpp
struct JobEngineLimits;  // core/jobs/job_limits.hpp

/// The whole hub as endpoints see it: its shards, what it is called, its policies, and the services that span
/// shards. It makes them and holds them, and decides nothing. Safe from any thread once it runs.
class Hub {
public:
    /// `token_key` is the hub's secret for continuation tokens; it survives restarts.
    Hub(std::vector<std::unique_ptr<Shard>> shards, Policies policies, std::vector<std::string> host_names,
        const JobEngineLimits& jobs, std::string token_key, const HubOptions& options);
    ~Hub();

    Shards& shards() { return shards_; }
    ShardPort& port() { return *port_; }
    const Policies& policies() const { return policies_; }
    /// Renews the policies' keys and the hub's own.
    HubKeys& keys() { return *keys_; }
    /// Names this hub answers to, the first in connection strings.
    const std::vector<std::string>& host_names() const { return host_names_; }
    const PageTokens& page_tokens() const { return *page_tokens_; }
    /// What statements and conditions may hold.
    const query::QueryOptions& query_options() const { return query_options_; }
    Throttles& throttles() { return *throttles_; }
    /// Told of every login that fails, whatever the protocol.
    LoginBrake& logins() { return *logins_; }
    /// Told of what devices do, while somebody looks.
    DeviceTraces& traces() { return *traces_; }
    Registry& registry() { return *registry_; }
    Messages& messages() { return *messages_; }
    Jobs& jobs() { return *jobs_; }
    Queries& queries() { return *queries_; }
    Transfers& transfers() { return *transfers_; }
    Configurations& configurations() { return *configurations_; }
    Events& events() { return *events_; }
    Provisioning& provisioning() { return *provisioning_; }

private:
    Shards shards_;
    Policies policies_;
    std::vector<std::string> host_names_;
    const query::QueryOptions query_options_;
    std::unique_ptr<ShardPort> port_;
    std::unique_ptr<PageTokens> page_tokens_;
    std::unique_ptr<HubKeys> keys_;
    std::unique_ptr<Throttles> throttles_;
    std::unique_ptr<LoginBrake> logins_;
    std::unique_ptr<DeviceTraces> traces_;
    std::unique_ptr<Registry> registry_;
    std::unique_ptr<Messages> messages_;
    std::unique_ptr<Jobs> jobs_;
    std::unique_ptr<Queries> queries_;
    std::unique_ptr<Transfers> transfers_;
    std::unique_ptr<Configurations> configurations_;
    std::unique_ptr<Events> events_;
    std::unique_ptr<Provisioning> provisioning_;
};

}  // namespace carillon
