#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "model/id_list.hpp"
#include "model/jobs/job_type.hpp"
#include "model/method.hpp"
#include "model/rollouts/rollout.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Written in lower case; `cancelled` with two l. Source: azure-iot-sdk-csharp: JobStatus.cs.
enum class JobStatus : std::uint8_t { queued, scheduled, running, completed, failed, cancelled };
/// `canceled` with one l. Source: azure-iot-sdk-csharp: DeviceJobStatus.cs.
enum class DeviceJobStatus : std::uint8_t { pending, running, completed, failed, canceled };

std::string_view job_status_text(JobStatus status);
std::string_view device_job_status_text(DeviceJobStatus status);
constexpr bool is_terminal(JobStatus s) {
    return s >= JobStatus::completed;
}
constexpr bool is_terminal(DeviceJobStatus s) {
    return s >= DeviceJobStatus::completed;
}

/// Limits of jobs. Source: IoT Hub docs, "Schedule jobs on multiple devices" and "IoT Hub quotas and
/// throttling". Ours: conditions of up to 64 KB, lists of ids, and the longest execution time, which
/// the service does not publish.
struct JobLimits {
    static constexpr std::size_t condition_chars_max = 64 * 1024;
    static constexpr std::size_t device_ids_max = 100'000;
    static constexpr std::size_t fixed_bytes = 1024;  ///< Ours: counted for what every job takes.
    static constexpr std::int64_t start_distance_max_s = 168 * 3600;
    static constexpr std::int64_t execution_time_default_s = 3600;
    static constexpr std::int64_t execution_time_max_s = 604'800;
    static constexpr std::int64_t history_kept_s = 30 * 24 * 3600;
};

/// Who did something to a job. `says` is a claim of theirs and decides nothing.
struct JobActor {
    static constexpr std::size_t says_bytes_max = 128;
    std::string policy;  ///< That of the token; `$hub` is the hub itself.
    std::string says;    ///< The header `x-carillon-actor`.
    bool operator==(const JobActor&) const = default;
};

/// An order for many devices, as accepted. The texts echo the request.
struct JobDefinition {
    std::string id;
    JobType type = JobType::update_twin;
    std::optional<std::string> condition;  ///< `queryCondition`, verbatim.
    std::optional<IdList> device_ids;      ///< Preview.
    std::string method_json;               ///< Echo of `cloudToDeviceMethod`, or empty.
    std::string update_twin_json;          ///< Echo of `updateTwin`, or empty.
    std::optional<MethodCall> method;
    std::optional<TwinPatch> patch;
    Flavour flavour = Flavour::ga;
    WallTime created;
    WallTime start;
    std::int64_t execution_time_max_s = JobLimits::execution_time_default_s;
    std::shared_ptr<const Rollout> rollout;  ///< Null: all devices at once.
    // Of a job with `rollout` only:
    std::uint64_t seed = 0;     ///< That of the document, or drawn by who accepts the job.
    std::string document_hash;  ///< SHA-256 of the request as sent, 32 bytes.
    JobActor creator;

    /// The deadline counts from the requested start, not from when work began: captured rows of
    /// `devices.jobs` end exactly that long after it (azure-iot-sdk-java: JobsResponseParserTest).
    WallTime deadline() const { return start.plus_s(execution_time_max_s); }

    /// What it takes in memory, about, and hardly less on disk; what is fixed for every job included.
    std::size_t bytes() const;

    /// Reads and checks a JobRequest for the id in the URL; a null member counts as absent. Fails with
    /// `iot_hub_format_error` if `body` is not an object, `generic_bad_request` for the type,
    /// `argument_null` if the call or the patch is missing, else `argument_invalid`.
    /// Source: azure-iot-sdk-csharp: JobRequest.cs; azure-iot-sdk-node#847; azure-docs#29484.
    static Result<JobDefinition> parse(std::string_view id, JsonValue body, Flavour flavour, WallTime now);
};

/// Devices of a job by state; `device` is always the sum of the others.
struct JobCounts {
    std::uint64_t device = 0;
    std::uint64_t pending = 0;
    std::uint64_t running = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t canceled = 0;

    JobCounts& operator+=(const JobCounts& o);
    bool operator==(const JobCounts&) const = default;
};

/// What a job is at one moment.
struct JobSnapshot {
    std::shared_ptr<const JobDefinition> definition;
    JobStatus status = JobStatus::queued;
    std::optional<JobCounts> counts;  ///< From `running` on.
    WallTime ended;                   ///< Terminal only.
    std::string failure_reason;       ///< Failed only.
    /// Of a job with a rollout whose deadline was changed.
    std::optional<std::int64_t> execution_time_max_s;
};

/// Of a rollout, a list of jobs shows the version and the note; a job by itself shows it as it was sent.
enum class JobJson : std::uint8_t { whole, listed };
/// How long the text is that `append_job_json` appends, about.
std::size_t job_json_bytes(const JobSnapshot& job);
/// Appends the JobResponse. A job that lists its devices shows them as a condition too, as long as that is no
/// longer than a condition may be. What has no value is left out, never null, as the Java client looks into
/// whatever is there. `canceledCount` appears among the statistics only if it is not zero, as stock
/// clients do not know it. Source: azure-iot-sdk-java: JobsResponseParser.java.
void append_job_json(std::string& out, const JobSnapshot& job, JobJson form = JobJson::whole);
/// Appends the short answer to a PUT: jobId, type, status; of a rollout, that it was understood.
void append_job_accepted_json(std::string& out, const JobSnapshot& job);

/// One device's part in a job: a row of `devices.jobs`.
/// Source: IoT Hub docs, "Queries for IoT Hub jobs".
struct DeviceJob {
    std::string device_id;
    std::string module_id;  ///< Module jobs only.
    std::string job_id;
    JobType type = JobType::update_twin;
    DeviceJobStatus status = DeviceJobStatus::pending;
    WallTime start;
    WallTime end;  ///< The deadline.
    WallTime created;
    WallTime last_updated;
    std::optional<MethodAnswer> answer;  ///< Completed method calls.
    std::string error_code;              ///< Failed: code name and description.
    std::string error_description;
};
void append_device_job_json(std::string& out, const DeviceJob& row);

/// A job definition as stored, and back. `decode` fails with `store_corrupt`. Format: docs/storage.md.
std::string encode_job_definition(const JobDefinition& definition);
Result<JobDefinition> decode_job_definition(Bytes bytes);

}  // namespace carillon
