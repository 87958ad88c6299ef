#pragma once

#include "base/metrics.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/shard/shard.hpp"
#include "model/method.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon {

using MethodDone = UniqueFunction<void(Result<MethodAnswer>)>;

/// Requests sent over one link and not yet answered, by request id. Ids are decimal on the wire,
/// 1 to 65535, unique among those outstanding: some clients read them as a decimal uint16, others
/// echo them. Source: azure-iot-sdk-c: iothubtransport_mqtt_common.c.
class PendingMethods {
public:
    static constexpr std::size_t in_flight_max = 100;  ///< For one identity; then 403800.
    struct Request {
        std::uint16_t id;
        TimePoint sent;
        TimePoint deadline;
        MethodDone done;
    };
    std::vector<Request> requests;  ///< In the order in which they were sent.
    std::uint16_t last_id = 0;
    /// One for all of them: it fires no later than the first deadline, and stays when a request is answered.
    Timers::Id timer;

    bool is_full() const { return requests.size() >= in_flight_max; }
};

/// What became of a shard's direct methods, of jobs too. Written by its thread, read by any.
struct MethodMetrics {
    Counter answered;         ///< Whatever status the device gave.
    Counter timed_out;        ///< Sent, and not answered in time.
    Counter not_online;       ///< The device was not there, or did not come in time.
    Counter connection_lost;  ///< The connection ended before the answer.
    Counter too_many_in_flight;
    Counter bad_answer;  ///< Too large, or no JSON.
    Counter request_bytes;
    Counter answer_bytes;
    TimeHistogram seconds;  ///< From sending to the answer.
};

/// Direct methods of one shard. Its thread only.
class Methods {
public:
    explicit Methods(Shard& shard) : shard_(shard) {}

    /// Calls a method for an interactive caller: waits up to the connect timeout for the device to
    /// come online (`DeviceLink::will_take_max` at least if it has just come back), then up to the response
    /// timeout for its answer. Fails with `device_not_found`, `module_not_found`, `device_not_online`,
    /// `gateway_timeout`, `device_connection_closed_remotely`, `connection_forcefully_closed`,
    /// `device_maximum_inflight_method_exceeded`, `generic_bad_gateway`. Source: IoT Hub docs, "Understand
    /// and invoke direct methods from IoT Hub".
    Task<Result<MethodAnswer>> invoke(IdentityKey key, MethodCall call);

    /// True if `record` is connected and subscribed to a method of this name.
    static bool is_online(const Record& record, std::string_view method);
    /// Sends one request at once; `done` is called exactly once, perhaps before this returns. Fails as
    /// `invoke`, `device_not_online` included, and with `generic_bad_gateway` for an answer of more than
    /// `MethodLimits::payload_bytes_max`, or that is not JSON. An answer without a body is `null`.
    void send(Record& record, std::string_view name, std::string_view payload, Duration response_timeout,
              MethodDone done);

    /// The endpoint's report of an answer; an unknown or expired id is ignored.
    void answered(Record& record, std::uint16_t request_id, int status, std::string_view payload);
    /// The link is gone: everything outstanding fails with `reason`.
    void link_lost(Record& record, Errc reason);
    /// Wakes calls that wait for `record` to come online.
    void method_ready(Record& record);
    /// Fails calls that wait for `record`, which is about to be forgotten.
    void removed(Record& record);

    std::size_t in_flight() const { return in_flight_; }
    const MethodMetrics& metrics() const { return metrics_; }

private:
    /// An interactive call whose device is not online yet.
    struct Waiting {
        std::uint64_t number;
        std::string method;
        UniqueFunction<void(Result<>)> wake;
        Timers::Id deadline;
    };
    void wait_online(Record& record, const std::string& method, Duration timeout,
                     UniqueFunction<void(Result<>)> done);
    void expire_waiting(Ordinal ordinal, std::uint64_t number);
    void expire_requests(Ordinal ordinal);
    void arm(Record& record, TimePoint deadline);
    using Requests = std::vector<PendingMethods::Request>;
    MethodDone take_request(Requests& requests, Requests::iterator request);

    Shard& shard_;
    std::unordered_map<Ordinal, std::vector<Waiting>> waiting_;
    std::uint64_t last_waiting_ = 0;
    std::size_t in_flight_ = 0;
    MethodMetrics metrics_;
};

}  // namespace carillon
