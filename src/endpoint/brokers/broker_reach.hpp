#pragma once

#include "endpoint/brokers/broker_address.hpp"

#include <string>
#include <vector>

namespace carillon {

/// Which message brokers the hub may reach: those that its settings name (`storage.hosts`) and no other, as
/// brokers are inside of networks that whoever writes routes may not reach. What brokers a cluster of Kafka
/// has besides is its own to say.
struct BrokerReach {
    std::vector<BrokerAddress> brokers;  ///< Bound: WebReach::hosts_max
    std::string ca_file;                 ///< Authorities to trust; empty for the system's.

    /// Takes what `storage.hosts` has of brokers.
    static BrokerReach of(const std::vector<std::string>& hosts, std::string ca_file);
    /// Fails with `blob_container_validation_error` for a broker that is not named.
    Result<> check(const BrokerAddress& broker) const;
};

}  // namespace carillon
