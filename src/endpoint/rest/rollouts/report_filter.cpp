#include "endpoint/rest/rollouts/report_filter.hpp"

#include "base/text.hpp"

namespace carillon::rest {

Result<DeviceReportFilter> read_report_filter(const Request& request) {
    DeviceReportFilter filter;
    if (const auto status = request.parameter("status"); status && !status->empty()) {
        for (const auto known :
             {DeviceJobStatus::pending, DeviceJobStatus::running, DeviceJobStatus::completed,
              DeviceJobStatus::failed, DeviceJobStatus::canceled}) {
            if (*status == device_job_status_text(known)) filter.status = known;
        }
        if (*status == "succeeded") filter.status = DeviceJobStatus::completed;
        if (!filter.status)
            return fail(Errc::argument_invalid,
                        "status: must be pending, running, completed, failed or canceled");
    }
    if (const auto kind = request.parameter("kind"); kind && !kind->empty()) {
        filter.kind = find_failure_kind(*kind);
        if (!filter.kind) return fail(Errc::argument_invalid, "kind: is not a kind of failure");
    }
    if (const auto wave = request.parameter("wave"); wave && !wave->empty()) {
        const auto number = parse_u64(*wave);
        if (!number || *number >= RolloutLimits::waves_expanded_max)
            return fail(Errc::argument_invalid, "wave: must be the number of a wave, counted from 0");
        filter.wave = static_cast<std::uint32_t>(*number);
    }
    return filter;
}

}  // namespace carillon::rest
