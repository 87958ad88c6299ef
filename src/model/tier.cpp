#include "model/tier.hpp"

#include <algorithm>
#include <array>

namespace carillon {

namespace {

/// One limit of one edition: the greater of what the hub has anyhow and what its units bring.
struct Limit {
    double least = 0;
    double per_unit = 0;

    double of(unsigned units) const { return std::max(least, per_unit * units); }
};

/// A row of the service's table: S1, S2, S3, all per second, and the seconds whose worth goes at once.
struct Row {
    ThrottleClass what;
    std::string_view name;
    std::array<Limit, 3> limits;
    double burst_s;
};

constexpr double a_minute = 60;
constexpr double burst_of_minutes_s = 60;
constexpr double burst_of_seconds_s = 10;
constexpr double burst_of_jobs_s = 1;

constexpr Limit per_unit(double rate) {
    return {0, rate};
}
constexpr Limit per_hub(double rate) {
    return {rate, 0};
}
constexpr Limit at_least(double least, double rate) {
    return {least, rate};
}

constexpr std::array<Row, throttle_classes - 1> rows{{
    {ThrottleClass::registry,
     "IdentityRegistry",
     {per_unit(100 / a_minute), per_unit(100 / a_minute), per_unit(5000 / a_minute)},
     burst_of_minutes_s},
    {ThrottleClass::connections,
     "DeviceConnect",
     {at_least(100, 12), per_unit(120), per_unit(6000)},
     burst_of_seconds_s},
    {ThrottleClass::telemetry,
     "DeviceToCloudSend",
     {at_least(100, 12), per_unit(120), per_unit(6000)},
     burst_of_seconds_s},
    {ThrottleClass::methods,
     "DirectMethod",
     {per_unit(40), per_unit(120), per_unit(6144)},
     burst_of_seconds_s},
    {ThrottleClass::queries,
     "Query",
     {per_unit(20 / a_minute), per_unit(20 / a_minute), per_unit(1000 / a_minute)},
     burst_of_minutes_s},
    {ThrottleClass::twin_reads,
     "TwinRead",
     {per_hub(100), at_least(100, 10), per_unit(500)},
     burst_of_seconds_s},
    {ThrottleClass::twin_updates,
     "TwinUpdate",
     {per_hub(50), at_least(50, 5), per_unit(250)},
     burst_of_seconds_s},
    {ThrottleClass::job_operations,
     "JobOperation",
     {per_unit(100 / a_minute), per_unit(100 / a_minute), per_unit(5000 / a_minute)},
     burst_of_minutes_s},
    {ThrottleClass::job_devices,
     "JobDeviceOperation",
     {per_hub(10), at_least(10, 1), per_unit(50)},
     burst_of_jobs_s},
    {ThrottleClass::configurations,
     "ConfigurationWrite",
     {per_unit(20 / a_minute), per_unit(20 / a_minute), per_unit(20 / a_minute)},
     burst_of_minutes_s},
    {ThrottleClass::cloud_message_sends,
     "CloudToDeviceSend",
     {per_unit(100 / a_minute), per_unit(100 / a_minute), per_unit(5000 / a_minute)},
     burst_of_minutes_s},
    {ThrottleClass::cloud_message_receives,
     "CloudToDeviceReceive",
     {per_unit(1000 / a_minute), per_unit(1000 / a_minute), per_unit(50'000 / a_minute)},
     burst_of_minutes_s},
}};

const Row* find_row(ThrottleClass what) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [what](const Row& row) { return row.what == what; });
    return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::string_view throttle_name(ThrottleClass what) {
    const Row* row = find_row(what);
    return row == nullptr ? "None" : row->name;
}

ThrottleRate throttle_rate(const TierProfile& profile, ThrottleClass what) {
    const Row* row = find_row(what);
    if (row == nullptr) return {};
    const double per_s = row->limits[static_cast<std::size_t>(profile.tier)].of(profile.units);
    return {per_s, per_s * row->burst_s};
}

std::size_t active_jobs_max(Tier tier) {
    switch (tier) {
        case Tier::s1:
            return 1;
        case Tier::s2:
            return 5;
        case Tier::s3:
            return 10;
    }
    return 1;
}

unsigned units_max(Tier tier) {
    return tier == Tier::s3 ? 10 : 200;
}

}  // namespace carillon
