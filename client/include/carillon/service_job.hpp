#pragma once

#include "base/result.hpp"
#include "carillon/rollout_plan.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    /// From the start on; who has not answered by then has failed. Not used with `rollout`, which has a
    /// deadline of its own.
    std::chrono::seconds time_max{3600};
    /// In waves, at a pace, with rules: only Carillon can. Nothing: all devices at once.
    std::optional<RolloutPlan> rollout{};
};

/// How many devices all jobs may have at risk together. Members that are empty are the hub's own.
struct JobBudgetOptions {
    std::uint32_t max = 0;     ///< 0: nothing begins.
    std::string max_share{};   ///< In place of `max`, such as `2%`.
    std::string devices{};     ///< A condition.
    std::string per{};         ///< A path such as `tags.site`: the number holds for each value of it.
    std::string soak{};        ///< How long a device counts after it has succeeded, such as `10m`.
    std::string jobs = "all";  ///< Or `methods` or `twins`.
};

/// Why some devices of a job failed.
struct JobFailure {
    std::string code{};
    std::string description{};
    std::int64_t devices = 0;

    bool operator==(const JobFailure&) const = default;
};

/// How many devices of a method job answered with a status of their own, whatever it was.
struct JobAnswer {
    int status = 0;
    std::int64_t devices = 0;

    bool operator==(const JobAnswer&) const = default;
};

/// One wave of a job with a rollout.
struct JobWave {
    std::string state{};  ///< `waiting`, `open`, `soaking`, `gate`, `passed`, `failed`.
    std::int64_t devices = 0;
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;

    bool operator==(const JobWave&) const = default;
};

/// What a hub tells of a job with a rollout beside its counts.
struct RolloutReport {
    std::string paused_by{};  ///< A policy, `$hub`, or empty: the job is not paused.
    std::string paused_why{};
    std::vector<JobWave> waves{};
    std::vector<std::pair<std::string, std::int64_t>> held{};  ///< Why pending devices have not begun.
    std::string verdict{};  ///< `open`, `met`, `missed`; empty without `success`.
    std::int64_t revision = 0;

    bool operator==(const RolloutReport&) const = default;
};

/// How a job is doing. Counts are 0 until it runs; `devices` is the sum of the others.
struct JobReport {
    std::string id{};
    std::string type{};    ///< `scheduleDeviceMethod` or `scheduleUpdateTwin`.
    std::string status{};  ///< `queued`, `scheduled`, `running`, `completed`, `failed`, `cancelled`.
    std::string condition{};
    std::string failure_reason{};
    std::int64_t devices = 0;
    std::int64_t pending = 0;
    std::int64_t running = 0;
    std::int64_t succeeded = 0;
    std::int64_t failed = 0;
    std::int64_t canceled = 0;
    /// When it begins, and when devices that have not answered count as failed. Empty if the
    /// hub sent only the progress.
    std::optional<std::chrono::system_clock::time_point> start{};
    std::optional<std::chrono::system_clock::time_point> deadline{};

    // What only Carillon tells, in the events of `ServiceClient::follow_job` (docs/live-progress.md).
    std::optional<double> devices_per_second{};  ///< Devices that ended a second, in the last seconds.
    std::optional<std::chrono::seconds> left{};
    std::optional<std::vector<JobFailure>> failures{};  ///< The most frequent first.
    std::int64_t other_failures = 0;                    ///< For reasons that are not among these.
    std::vector<JobAnswer> answers{};                   ///< The most frequent first.

    std::optional<RolloutReport> rollout{};  ///< In the answer of `job_progress` too.

    std::string json{};  ///< All that the hub said.

    std::int64_t ended() const { return succeeded + failed + canceled; }
    /// It will not change any more.
    bool has_ended() const { return status == "completed" || status == "failed" || status == "cancelled"; }
    bool operator==(const JobReport&) const = default;
};

/// Reads a job as the hub tells it: the answer of `ServiceClient::find_job`, an item of `list_jobs`, or the
/// data of an event of `follow_job`. Fails with `malformed_packet`.
Result<JobReport> read_job_report(std::string_view job_json);

}  // namespace carillon
