#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A device that is to be at another hub.
struct PlacedDevice {
    std::string device_id;
    std::string authentication;  ///< The member's object, as `PUT /devices/{id}` takes it.
    bool iot_edge = false;
    std::string twin;            ///< An object of `tags` and `properties.desired`; empty for none.
    bool replaces_twin = false;  ///< Of a device that is there; otherwise its twin stays.
};

/// The port to other hubs that devices may be assigned to, by their service API. Blocking, some seconds at
/// most. Safe from any thread.
class LinkedHubs {
public:
    virtual ~LinkedHubs() = default;
    /// Their host names, in the order of the configuration.
    virtual const std::vector<std::string>& names() const = 0;
    /// Makes the device there, or gives the one that is there its credentials; true for one that was there.
    /// Fails with `unreachable` and whatever else hinders, in words for whoever reads the registration.
    virtual Result<bool> place(const std::string& hub, const PlacedDevice& device) = 0;
    /// The device's twin as `PlacedDevice::twin`; empty if it is not there. Fails likewise.
    virtual Result<std::string> twin(const std::string& hub, const std::string& device_id) = 0;
    /// Removes the device, which need not be there. Fails likewise.
    virtual Result<> remove(const std::string& hub, const std::string& device_id) = 0;
};

}  // namespace carillon
