#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace carillon {

/// How a direct method is called. Source: IoT Hub docs, "Understand and invoke direct methods".
struct MethodInvocation {
    std::string name{};
    std::string payload_json = "null";
    int response_timeout_s = 30;  ///< 5 to 300: for the device's answer.
    int connect_timeout_s = 0;    ///< 0 to 300: for the device to come online.
};

/// Which devices a job is for, and when. Source: IoT Hub docs, "Schedule jobs on multiple devices".
struct JobPlan {
    /// What stands behind WHERE, such as `tags.building = '43'`; `*` for all devices.
    std::string condition{};
    /// Nothing: now. At most a week ahead.
    std::optional<std::chrono::system_clock::time_point> start{};
    /// From the start on; who has not answered by then has failed.
    std::chrono::seconds time_max{3600};
};

/// How a job is doing. Counts are 0 until it runs.
struct JobReport {
    std::string id{};
    std::string type{};    ///< `scheduleDeviceMethod` or `scheduleUpdateTwin`.
    std::string status{};  ///< `queued`, `scheduled`, `running`, `completed`, `failed`, `cancelled`.
    std::string failure_reason{};
    std::int64_t devices = 0;
    std::int64_t pending = 0;
    std::int64_t running = 0;
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;
    std::string json{};  ///< All that the hub said.

    /// It will not change any more.
    bool has_ended() const { return status == "completed" || status == "failed" || status == "cancelled"; }
};

}  // namespace carillon
