#include "endpoint/brokers/broker_reach.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

BrokerReach BrokerReach::of(const std::vector<std::string>& hosts, std::string ca_file) {
    BrokerReach reach;
    reach.ca_file = std::move(ca_file);
    for (const std::string& text : hosts) {
        if (auto broker = BrokerAddress::parse(text)) reach.brokers.push_back(*std::move(broker));
    }
    return reach;
}

Result<> BrokerReach::check(const BrokerAddress& broker) const {
    if (std::find(brokers.begin(), brokers.end(), broker) != brokers.end()) return {};
    return fail(Errc::blob_container_validation_error,
                "The hub's configuration (storage.hosts) does not name the broker " + broker.place() + ".");
}

}  // namespace carillon
