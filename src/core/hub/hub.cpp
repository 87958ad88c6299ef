#include "core/hub/hub.hpp"

#include "core/configurations/configurations.hpp"
#include "core/hub/hub_options.hpp"
#include "core/jobs/jobs.hpp"
#include "core/queries/queries.hpp"
#include "core/shard/throttles.hpp"
#include "core/transfers/transfers.hpp"

#include <bit>

namespace carillon {

Hub::Hub(std::vector<std::unique_ptr<Shard>> shards, Policies policies, std::vector<std::string> host_names,
         const JobEngineLimits& jobs, std::string token_key, const HubOptions& options)
    : shards_(std::move(shards)), policies_(std::move(policies)), host_names_(std::move(host_names)) {
    CARILLON_ASSERT(std::has_single_bit(shards_.size()) && shards_.size() <= shards_max);
    throttles_ = std::make_unique<Throttles>(options.tier);
    jobs_ = std::make_unique<Jobs>(*this, jobs);
    queries_ = std::make_unique<Queries>(*this, std::move(token_key), options.queries);
    transfers_ = std::make_unique<Transfers>(*this);
    configurations_ = std::make_unique<Configurations>(*this);
}

Hub::~Hub() = default;

}  // namespace carillon
