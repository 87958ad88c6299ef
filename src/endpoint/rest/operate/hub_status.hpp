#pragma once

#include <string>

namespace carillon::rest {

/// What the process around the hub tells of itself to those who operate it. Any thread.
class HubStatus {
public:
    virtual ~HubStatus() = default;
    /// `SettingsInForce` of the OpenAPI description.
    virtual std::string settings() = 0;
    /// `HubHealth` of the OpenAPI description.
    virtual std::string health_report() = 0;
};

}  // namespace carillon::rest
