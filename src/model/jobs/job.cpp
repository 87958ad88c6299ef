#include "model/jobs/job.hpp"

namespace carillon {

std::size_t JobDefinition::bytes() const {
    // The call and the patch are held as they were sent, and as they were understood.
    return JobLimits::fixed_bytes + id.size() + condition.value_or("").size() + 2 * method_json.size() +
           3 * update_twin_json.size() + (device_ids ? device_ids->memory() : 0) +
           (rollout ? 3 * rollout->text.size() : 0);
}

std::string_view job_status_text(JobStatus status) {
    switch (status) {
        case JobStatus::queued:
            return "queued";
        case JobStatus::scheduled:
            return "scheduled";
        case JobStatus::running:
            return "running";
        case JobStatus::completed:
            return "completed";
        case JobStatus::failed:
            return "failed";
        case JobStatus::cancelled:
            return "cancelled";
    }
    return "unknown";
}

std::string_view device_job_status_text(DeviceJobStatus status) {
    switch (status) {
        case DeviceJobStatus::pending:
            return "pending";
        case DeviceJobStatus::running:
            return "running";
        case DeviceJobStatus::completed:
            return "completed";
        case DeviceJobStatus::failed:
            return "failed";
        case DeviceJobStatus::canceled:
            return "canceled";
    }
    return "unknown";
}

JobCounts& JobCounts::operator+=(const JobCounts& o) {
    device += o.device;
    pending += o.pending;
    running += o.running;
    succeeded += o.succeeded;
    failed += o.failed;
    canceled += o.canceled;
    return *this;
}

}  // namespace carillon
