#pragma once

#include "base/result.hpp"
#include "carillon/service_client.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// An event of a hub's log: a message of a device, or what the hub tells of itself.
struct DeviceEvent {
    std::uint32_t partition = 0;
    std::uint64_t sequence = 0;  ///< Rises without gaps in its partition.
    std::string enqueued{};      ///< ISO 8601.
    std::string device_id{};     ///< Empty for what happens to a job as a whole.
    std::string module_id{};
    std::string source{};  ///< `Telemetry`, `twinChangeEvents` …
    std::vector<std::pair<std::string, std::string>> system{};
    std::vector<std::pair<std::string, std::string>> properties{};  ///< One without a value has an empty one.
    std::string body{};  ///< As the device sent it; JSON perhaps with line ends changed to spaces.
};

/// Reads an event as the hub prints it. Fails with `malformed_packet`.
Result<DeviceEvent> parse_device_event(std::string_view json);

/// Reads the event log of a Carillon hub, of all partitions or one, those of a device in their order; goes on
/// over restarts and lost connections where it was. What Event Hubs clients read is the same log.
///
/// Who wants to go on in a later process keeps `checkpoint` when it has done with what it was given, and sets
/// it as `EventsQuery::after`: then each event comes at least once. Two readers share the work if each reads
/// partitions of its own.
///
/// Blocks; movable; used by one thread at a time.
class DeviceEvents {
public:
    static constexpr std::chrono::milliseconds backoff_min{500};
    static constexpr std::chrono::milliseconds backoff_max{15'000};
    static constexpr std::chrono::steady_clock::time_point for_ever =
        std::chrono::steady_clock::time_point::max();

    /// Connects to nothing yet. Fails as `ServiceClient::open`.
    static Result<DeviceEvents> open(const ServiceOptions& options, EventsQuery query);

    DeviceEvents(DeviceEvents&&) noexcept;
    DeviceEvents& operator=(DeviceEvents&&) noexcept;
    ~DeviceEvents();

    /// Calls `take` with each event, until it returns false, or `until` is reached, or at the end of what
    /// there is if the query does not follow. Fails with what a new attempt would not mend: a wrong key, a
    /// consumer group that there is none of, a place that is none.
    /// While `stop`, if given, is true it ends within a second, at the latest.
    Result<> read(const std::function<bool(const DeviceEvent&)>& take,
                  std::chrono::steady_clock::time_point until = for_ever,
                  const std::atomic<bool>* stop = nullptr);
    /// The place behind the last event that `take` was given and returned from; empty before the first,
    /// unless the query names one.
    const std::string& checkpoint() const;
    /// Within `take`: the place behind the event that it is given.
    const std::string& place_behind() const;

private:
    struct Impl;
    explicit DeviceEvents(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
