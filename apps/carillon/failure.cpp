#include "failure.hpp"

#include "talk.hpp"

#include <cstdio>
#include <string_view>

namespace carillon {

namespace {

std::string_view next_step(Errc code) {
    switch (code) {
        case Errc::unreachable:
            return "Is the hub running (`carillon serve`)? If it listens elsewhere, say so with --address "
                   "and "
                   "--port.";
        case Errc::tls_failed:
            return "Trust the hub's authority with --ca FILE or CARILLON_CA; a hub of your own keeps it in "
                   "ca.pem of its data directory.";
        case Errc::iot_hub_unauthorized_access:
        case Errc::iot_hub_unauthorized:
            return "The policy's name or key is wrong, it lacks the right, or this machine's clock is off. "
                   "`carillon connection-string` prints a current one on the hub's machine.";
        case Errc::device_not_found:
            return "`carillon device list` shows the devices there are; ids are case-sensitive.";
        case Errc::device_already_exists:
            return "`carillon device show` prints it, `carillon device update` changes it.";
        case Errc::module_not_found:
            return "`carillon module list` shows the modules of a device; ids are case-sensitive.";
        case Errc::module_already_exists_on_device:
            return "`carillon module show` prints it, `carillon module update` changes it.";
        case Errc::gateway_timeout:
            return "The device may have done it all the same; --timeout gives it longer to answer.";
        case Errc::device_not_online:
            return "--timeout-connect waits for a device; a job (`carillon job create`) waits longer.";
        case Errc::job_not_found:
            return "`carillon job list` shows the jobs there are.";
        case Errc::job_already_exists:
            return "Job ids are used once; without --job-id a new one is made.";
        case Errc::configuration_not_found:
            return "`carillon configuration list` shows the configurations there are.";
        case Errc::configuration_already_exists:
            return "`carillon configuration show` prints it, `carillon configuration update` changes it.";
        case Errc::enrollment_not_found:
            return "`carillon enrollment list` and `carillon enrollment-group list` show those there are.";
        case Errc::enrollment_already_exists:
            return "`show` prints it, `update` changes it.";
        case Errc::registration_not_found:
            return "The device has not registered; `carillon enrollment-group registration list` shows those "
                   "of "
                   "a group that have.";
        case Errc::operation_not_allowed_in_current_state:
            return "`show`, such as `carillon job show`, prints the state that it is in.";
        case Errc::precondition_failed:
            return "Somebody changed it meanwhile: read it again and repeat, or leave --etag away.";
        case Errc::throttling_exception:
            return "Wait a little and repeat.";
        case Errc::throttling_max_active_job_count_exceeded:
            return "`carillon job list` shows the jobs there are; one that has ended, or been cancelled by "
                   "`carillon job cancel`, makes room.";
        case Errc::connection_closed:
            return "The request may or may not have taken effect: look before repeating it.";
        default:
            return {};
    }
}

std::string_view heading(Errc code) {
    switch (code) {
        case Errc::unreachable:
            return "the hub cannot be reached";
        case Errc::tls_failed:
            return "the hub is not trusted";
        case Errc::connection_closed:
            return "the connection broke";
        case Errc::not_found_locally:
        case Errc::config_invalid:
        case Errc::argument_invalid:
        case Errc::io_failed:
        case Errc::store_failed:
        case Errc::store_corrupt:
            return {};
        default:
            return errc_name(code);
    }
}

}  // namespace

Exit exit_for(Errc code) {
    switch (code) {
        case Errc::config_invalid:
        case Errc::not_found_locally:
            return Exit::usage;
        case Errc::store_corrupt:
            return Exit::damaged;
        case Errc::unreachable:
        case Errc::tls_failed:
        case Errc::connection_closed:
            return Exit::unreachable;
        case Errc::device_not_online:  // The device is known; what was not found is its connection.
        case Errc::device_connection_closed_remotely:
            return Exit::failed;
        // A code of status 403, which otherwise means a missing right.
        case Errc::invalid_message_expiry_time:
            return Exit::usage;
        case Errc::device_maximum_queue_depth_exceeded:
        case Errc::iot_hub_quota_exceeded:
        case Errc::job_quota_exceeded:
            return Exit::throttled;
        default:
            break;
    }
    switch (http_status(code)) {
        case 400:  // The hub found the mistake that this side could not see.
            return Exit::usage;
        case 401:
        case 403:
            return Exit::not_authorised;
        case 404:
            return Exit::not_found;
        case 405:
        case 409:
        case 412:
            return Exit::conflict;
        case 429:
            return Exit::throttled;
        case 408:
        case 504:
            return Exit::timed_out;
        case 503:
            return Exit::unreachable;
        default:
            return Exit::failed;
    }
}

bool is_cut(Errc code) {
    return code == Errc::unreachable || code == Errc::connection_closed || code == Errc::gateway_timeout ||
           http_status(code) == 503;
}

std::string explain(const Error& error) {
    std::string text = "carillon: ";
    const std::string_view name = heading(error.code);
    text += name;
    if (!name.empty() && !error.detail.empty()) text += ": ";
    text += error.detail;
    text += '\n';
    if (const auto step = next_step(error.code); !step.empty()) {
        text += "  ";
        text += step;
        text += '\n';
    }
    return text;
}

tl::unexpected<Error> fail_usage(std::string detail) {
    return fail(Errc::config_invalid, std::move(detail));
}

int conclude(const Result<Exit>& outcome) {
    if (outcome) return static_cast<int>(*outcome);
    if (has_held_back()) return static_cast<int>(Exit::ok);  // What was asked for has been shown.
    std::fputs(explain(outcome.error()).c_str(), stderr);
    return static_cast<int>(exit_for(outcome.error().code));
}

}  // namespace carillon
