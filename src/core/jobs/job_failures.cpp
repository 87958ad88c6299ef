// What a failure of a device of a job is called, and what it says.

#include "core/jobs/job_events.hpp"

namespace carillon {

std::string_view Failure::code_name() const {
    switch (reason) {
        case FailReason::deadline:
            return errc_name(Errc::job_run_precondition_failed);
        case FailReason::not_online:
            return errc_name(Errc::device_not_online);
        case FailReason::timeout:
        case FailReason::restart:
        case FailReason::disconnected:
            return errc_name(Errc::gateway_timeout);
        case FailReason::device_not_found:
            return errc_name(Errc::device_not_found);
        case FailReason::rejected:
            return "DeviceRejected";
        case FailReason::too_large:
            return errc_name(Errc::argument_invalid);
        case FailReason::conflict:
            return errc_name(Errc::precondition_failed);
        // Ours; clients read the code as text.
        case FailReason::diverged:
            return "DeviceDiverged";
        case FailReason::silent:
            return "DeviceSilent";
        case FailReason::undelivered:
            return "DeviceNotReached";
        case FailReason::none:
        case FailReason::other:
            break;
    }
    return errc_name(code);
}

std::string_view Failure::description() const {
    switch (reason) {
        // Source: device job records captured from the service.
        case FailReason::deadline:
            return "The job did not start within specified period: either device did not come online or "
                   "invalid endTime specified.";
        case FailReason::not_online:
            return "Timed out waiting for device to connect";
        case FailReason::timeout:
            return "Timed out waiting for the response from device.";
        // Ours: at most once leaves nothing else to say.
        case FailReason::restart:
            return "The outcome is unknown: the hub restarted after the request was sent, or was about to be "
                   "sent, and before an answer was recorded. It was not sent again.";
        case FailReason::device_not_found:
            return "The device is not registered.";
        case FailReason::rejected:
            return "The device answered with a status outside of okStatus.";
        case FailReason::disconnected:
            return "The connection to the device was lost before it answered.";
        case FailReason::too_large:
            return "The twin would be over its size.";
        case FailReason::conflict:
            if (text.empty()) return "A value is no longer the one that the undone job wrote.";
            break;
        case FailReason::diverged:
            if (text.empty()) return "The device reported something else than what was written.";
            break;
        case FailReason::silent:
            return "The device reported nothing of what was written.";
        case FailReason::undelivered:
            return "The device was not connected after its twin was written.";
        case FailReason::none:
        case FailReason::other:
            break;
    }
    return text;
}

Failure failure_of(const Error& error) {
    Failure failure;
    switch (error.code) {
        case Errc::gateway_timeout:
            failure.reason = FailReason::timeout;
            break;
        case Errc::device_not_found:
        case Errc::module_not_found:
            failure.reason = FailReason::device_not_found;
            break;
        default:
            failure.reason = FailReason::other;
            failure.code = error.code;
            failure.text = error.detail;
    }
    return failure;
}

Failure rollout_failure_of(const Error& error) {
    auto failure = failure_of(error);
    switch (error.code) {
        case Errc::device_connection_closed_remotely:
        case Errc::connection_forcefully_closed:
            failure.reason = FailReason::disconnected;
            break;
        // A patch was checked before, so what a twin can still refuse is its size.
        case Errc::argument_invalid:
            failure.reason = FailReason::too_large;
            break;
        case Errc::precondition_failed:
            failure.reason = FailReason::conflict;
            return failure;
        default:
            return failure;
    }
    failure.code = Errc::server_error;
    failure.text.clear();
    return failure;
}

bool has_own_text(FailReason reason) {
    return reason == FailReason::other || reason == FailReason::conflict || reason == FailReason::diverged;
}

FailureKind kind_of(FailReason reason) {
    switch (reason) {
        case FailReason::deadline:
            return FailureKind::deadline;
        case FailReason::not_online:
            return FailureKind::offline;
        case FailReason::timeout:
            return FailureKind::timeout;
        case FailReason::restart:
            return FailureKind::unknown;
        case FailReason::device_not_found:
            return FailureKind::gone;
        case FailReason::rejected:
            return FailureKind::rejected;
        case FailReason::disconnected:
            return FailureKind::disconnected;
        case FailReason::too_large:
            return FailureKind::too_large;
        case FailReason::conflict:
            return FailureKind::conflict;
        case FailReason::diverged:
            return failure_diverged;
        case FailReason::silent:
            return failure_silent;
        case FailReason::undelivered:
            return failure_undelivered;
        case FailReason::none:
        case FailReason::other:
            break;
    }
    return FailureKind::other;
}

}  // namespace carillon
