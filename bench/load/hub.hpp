#pragma once

#include "base/json.hpp"
#include "load/https.hpp"
#include "load/mqtt.hpp"
#include "wire/sas/connection_string.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::load {

/// How to reach a server under load. A hub has a connection string; a mere broker has none.
struct Target {
    Endpoint mqtts;
    Endpoint https;
    Endpoint amqps;
    std::string host_name = "localhost";
    sas::ConnectionString policy;
    std::uint32_t second_address = 0;  ///< Where some of the devices connect instead.
    std::uint64_t second_percent = 0;

    Endpoint mqtts_of(std::uint64_t device) const {
        Endpoint chosen = mqtts;
        constexpr std::uint64_t all = 100;
        if (device % all < second_percent) chosen.address = second_address;
        return chosen;
    }
    bool is_hub() const { return !policy.key.empty(); }
};

/// The id of the load's device `number`, ten characters: `load-00042`.
std::string device_id(std::uint64_t number);
/// Its key, base64: made from the id, so that every run knows it.
std::string device_key(std::string_view id);
/// What device `id` says in CONNECT, to hub and broker alike: clean session, a token of a day.
MqttOptions device_options(const Target& target, const std::string& id);
/// An address of the loopback net for connection `number`: some thousands share one, as each has
/// only so many ports.
std::uint32_t source_address(std::uint64_t number);

/// `/path?api-version=…`, the current flavour.
std::string target_of(std::string_view path);
/// `Authorization` of a service client.
std::string authorization(const Target& target);

struct Registration {
    std::uint64_t first = 0;  ///< Number of the first device.
    std::uint64_t devices = 0;
    std::size_t twin_bytes = 0;  ///< About the size of each twin's JSON; 0 leaves it empty.
    bool has_serial = false;     ///< Each twin has a desired property `serial` of its own.
    bool is_shuffled = false;    ///< In an order that has nothing to do with that of the ids.
};
/// Adds `tags` and `properties` of device `number` to an object: a few as fleets have them, and one
/// long one, so that their JSON takes about `bytes` bytes.
void add_twin(JsonWriter& json, std::uint64_t number, std::size_t bytes, bool has_serial = false);
/// Registers devices in bulk; those that exist already are fine. Answers how many failed.
std::uint64_t register_devices(Loop& loop, HttpPool& pool, const Registration& wanted);

/// Progress of a job by `GET /jobs/v2/{id}`.
struct JobLook {
    std::string status;
    std::int64_t device = 0, pending = 0, running = 0, succeeded = 0, failed = 0, canceled = 0;

    bool is_ended() const { return status == "completed" || status == "failed" || status == "cancelled"; }
};
JobLook parse_job(std::string_view body);
/// Bodies of `PUT /jobs/v2/{id}` over every device.
std::string method_job(std::string_view condition, std::string_view method, std::string_view payload,
                       int max_execution_s);
std::string twin_job(std::string_view condition, std::string_view desired);
/// `job` with the member `rollout`, which is JSON; as it is if that is empty.
std::string with_rollout(std::string job, std::string_view rollout);

}  // namespace carillon::load
