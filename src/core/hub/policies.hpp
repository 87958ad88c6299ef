#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What a shared access policy allows, as flags. `registry_write` implies read.
/// Source: azure-iot-sdk-csharp: AccessRights.cs; IoT Hub docs, "Control access to IoT Hub".
enum class AccessRights : std::uint8_t {
    none = 0,
    registry_read = 1,
    registry_write = 3,
    service_connect = 4,
    device_connect = 8,
    all = 15,
};
constexpr AccessRights operator|(AccessRights a, AccessRights b) {
    return static_cast<AccessRights>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// True if `held` includes every right of `needed`.
constexpr bool includes(AccessRights held, AccessRights needed) {
    return (static_cast<unsigned>(held) & static_cast<unsigned>(needed)) == static_cast<unsigned>(needed);
}

struct SharedAccessPolicy {
    std::string name;
    AccessRights rights = AccessRights::none;
    std::string primary_key;  ///< base64
    std::string secondary_key;
};

/// The hub's shared access policies; at most 16. Immutable once loaded.
class Policies {
public:
    /// Reads them from the store's `meta` table; an empty store gets the five standard ones with
    /// random keys (`iothubowner`, `service`, `device`, `registryRead`, `registryReadWrite`).
    static Result<Policies> load_or_create(Store& store, Random& random);
    explicit Policies(std::vector<SharedAccessPolicy> policies) : policies_(std::move(policies)) {}

    /// Names compare without regard to case (azure-iot-sdk-csharp: SharedAccessSignature.cs).
    const SharedAccessPolicy* find(std::string_view name) const;
    const std::vector<SharedAccessPolicy>& all() const { return policies_; }

private:
    std::vector<SharedAccessPolicy> policies_;
};

}  // namespace carillon
