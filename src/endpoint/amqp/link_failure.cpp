#include "endpoint/amqp/link_failure.hpp"

#include "endpoint/device/twin_errors.hpp"
#include "wire/amqp/encode.hpp"

namespace carillon::amqp {

std::string_view condition_name(Errc code) {
    switch (code) {
        case Errc::iot_hub_unauthorized_access:
        case Errc::iot_hub_unauthorized:
        case Errc::device_disabled:
            return "amqp:unauthorized-access";
        case Errc::generic_not_found:
        case Errc::device_not_found:
        case Errc::module_not_found:
        case Errc::operation_not_found:
        case Errc::registration_not_found:
            return "amqp:not-found";
        case Errc::operation_not_allowed_in_current_state:
            return "amqp:not-allowed";
        case Errc::iot_hub_quota_exceeded:
        case Errc::device_maximum_queue_depth_exceeded:
            return "amqp:resource-limit-exceeded";
        case Errc::message_too_large:
            return "amqp:link:message-size-exceeded";
        case Errc::connection_forcefully_closed:
            return "amqp:link:stolen";
        case Errc::feature_not_supported:
        case Errc::generic_not_implemented:
            return "amqp:not-implemented";
        case Errc::argument_invalid:
        case Errc::iot_hub_format_error:
        case Errc::malformed_packet:
            return "com.microsoft:argument-error";
        case Errc::invalid_message_expiry_time:
            return "com.microsoft:argument-out-of-range";
        case Errc::precondition_failed:
            return "com.microsoft:precondition-failed";
        case Errc::device_message_lock_lost:
            return "com.microsoft:message-lock-lost";
        case Errc::throttling_exception:
            return "com.microsoft:device-container-throttled";
        case Errc::gateway_timeout:
            return "com.microsoft:timeout";
        case Errc::service_unavailable:
        case Errc::server_busy:
            return "com.microsoft:server-busy";
        default:
            return "amqp:internal-error";
    }
}

LinkFailure::LinkFailure(const Error& error, WallTime now, Random& random)
    : name_(condition_name(error.code)), description_(device::twin_failure(error, now, random).body) {
    // Always there: whoever looks for it does so without a check. Source: azure-iot-sdk-csharp:
    // AmqpErrorMapper.cs.
    MapWriter info(info_);
    append_string(info.symbol_key("com.microsoft:tracking-id"), random.hex32());
}

Condition LinkFailure::condition() const {
    return {.name = name_, .description = description_, .info = as_bytes(info_)};
}

}  // namespace carillon::amqp
