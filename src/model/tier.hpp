#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon {

/// The editions of the service whose limits a strict hub keeps.
enum class Tier : std::uint8_t { s1, s2, s3 };

/// What a strict hub pretends to be: an edition and how many units of it were bought.
struct TierProfile {
    Tier tier = Tier::s1;
    unsigned units = 1;
};

/// What the service meters separately. `none` is not metered.
enum class ThrottleClass : std::uint8_t {
    none,
    registry,     ///< Identities; a bulk request counts its entries.
    connections,  ///< New connections of devices.
    telemetry,    ///< Device-to-cloud messages.
    methods,      ///< Direct methods, by 4 KB of request payload.
    queries,
    twin_reads,  ///< By services and devices alike, as are updates.
    twin_updates,
    job_operations,  ///< Requests about jobs.
    job_devices,     ///< Devices that jobs work on: paces them, and refuses nothing.
    configurations,
    cloud_message_sends,     ///< By back ends.
    cloud_message_receives,  ///< By devices that ask for each, as over HTTPS.
};
inline constexpr std::size_t throttle_classes = 13;

/// The word for a class in the text of a refusal. Ours, but for the form of it: the service's own words
/// are known for configurations alone.
std::string_view throttle_name(ThrottleClass what);

/// How fast a class may go on the long run, and how much of it at once.
struct ThrottleRate {
    double per_s = 0;
    double burst = 0;
};

/// Source: IoT Hub docs, "IoT Hub quotas and throttling"; the service does not say how much it lets
/// through at once. Ours: what a minute brings where the limit is one per minute, what ten seconds
/// bring where it is one per second, and one second's worth of devices in jobs.
ThrottleRate throttle_rate(const TierProfile& profile, ThrottleClass what);

/// Jobs that may be queued, scheduled or running, per hub whatever its units. Source: the same.
std::size_t active_jobs_max(Tier tier);

/// Units one hub may have. Ours for S3: no page of the service names its bound of 10 today.
unsigned units_max(Tier tier);

}  // namespace carillon
