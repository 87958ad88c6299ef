#include "core/hub.hpp"

#include "core/configurations.hpp"
#include "core/jobs.hpp"
#include "core/queries.hpp"
#include "core/transfers.hpp"

#include <bit>

namespace carillon {

Hub::Hub(std::vector<std::unique_ptr<Shard>> shards, Policies policies, std::vector<std::string> host_names,
         const JobEngineLimits& jobs, std::string token_key)
    : shards_(std::move(shards)), policies_(std::move(policies)), host_names_(std::move(host_names)) {
    CARILLON_ASSERT(std::has_single_bit(shards_.size()) && shards_.size() <= shards_max);
    jobs_ = std::make_unique<Jobs>(*this, jobs);
    queries_ = std::make_unique<Queries>(*this, std::move(token_key));
    transfers_ = std::make_unique<Transfers>(*this);
    configurations_ = std::make_unique<Configurations>(*this);
}

Hub::~Hub() = default;

}  // namespace carillon
