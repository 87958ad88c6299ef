#pragma once

#include "carillon/service_client.hpp"
#include "fleet/credentials.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::fleet {

/// Which devices to register.
struct RegistrationOrder {
    std::string prefix;
    std::uint64_t first = 0;
    std::uint64_t devices = 0;
    std::uint32_t sites = 0;              ///< Above 0: each device gets the tag `site`, one of so many.
    std::vector<std::string> zones = {};  ///< Not empty: each gets one of them as its tag `tz`.
};

/// Devices of one request. Source: IoT Hub REST reference, "Bulk Registry - Update Registry".
inline constexpr std::uint64_t registered_at_once = 100;
/// Requests at once, each on a connection and a thread of its own.
inline constexpr std::uint64_t registrars_max = 4;

/// The body of a bulk request for `count` devices from `first`: made, or given these keys where they
/// exist; new ones get the tags `{"fleet":"<prefix>","tenth":0…9}`, by which queries find them, and `site`
/// and `tz` if the order has them: by chance, and always the same for a device.
std::string registration_json(const Credentials& credentials, const RegistrationOrder& order,
                              std::uint64_t first, std::uint64_t count);

/// Registers all devices of the order; blocks. `done` counts those registered so far and may be read
/// meanwhile; `is_stopped` ends it early, without an error. Fails with the first error of any request.
Result<> register_devices(const ServiceOptions& hub, const Credentials& credentials,
                          const RegistrationOrder& order, std::atomic<std::uint64_t>& done,
                          const std::atomic<bool>& is_stopped);

}  // namespace carillon::fleet
