#pragma once

#include <string_view>

namespace carillon {

/// Error numbers. Those the service documents keep their value, whose first three digits are
/// the HTTP status; those below 1000 are ours and never reach a peer under that number.
/// Source: IoT Hub docs, "Understand and resolve Azure IoT Hub error codes";
/// azure-iot-sdk-csharp: ErrorCode.cs. Those of provisioning (404201 to 404203, 409201): azure-docs#57082.
enum class Errc : int {
    malformed_packet = 1,   ///< A peer's bytes break its protocol; the connection ends.
    connection_closed = 2,  ///< The peer or the network ended the connection.
    store_failed = 3,       ///< The disk refused a read or a write.
    store_corrupt = 4,      ///< Stored bytes do not decode.
    config_invalid = 5,     ///< Configuration or command line.
    tls_failed = 6,         ///< Certificates, keys or handshake.
    unreachable = 7,        ///< Client side: no hub answers there.
    io_failed = 8,          ///< A file or socket call of ours failed.
    not_found_locally = 9,  ///< Client side: a local file or setting is absent.

    generic_bad_request = 400000,
    invalid_protocol_version = 400001,
    argument_invalid = 400004,
    argument_null = 400005,
    iot_hub_format_error = 400006,
    blob_container_validation_error = 400008,
    device_defined_multiple_times = 400011,
    bulk_registry_operation_failure = 400013,
    default_storage_endpoint_not_configured = 400014,
    connection_forcefully_closed = 400027,
    invalid_device_scope = 400028,
    invalid_configuration_target_condition = 400401,
    invalid_configuration_content = 400402,
    invalid_configuration_custom_metrics_query = 400404,
    iot_hub_unauthorized_access = 401002,
    iot_hub_unauthorized = 401003,
    system_module_modify_unauthorized = 401100,
    iot_hub_quota_exceeded = 403002,
    job_quota_exceeded = 403003,
    device_maximum_queue_depth_exceeded = 403004,
    invalid_message_expiry_time = 403009,
    device_disabled = 403012,
    device_maximum_inflight_method_exceeded = 403800,
    generic_not_found = 404000,
    device_not_found = 404001,
    job_not_found = 404002,
    module_not_found = 404010,
    feature_not_supported = 404013,
    device_not_online = 404103,
    device_connection_closed_remotely = 404104,
    enrollment_not_found = 404201,
    registration_not_found = 404202,
    operation_not_found = 404203,
    configuration_not_found = 404301,
    generic_method_not_allowed = 405000,
    operation_not_allowed_in_current_state = 405102,
    device_already_exists = 409001,
    job_already_exists = 409104,
    enrollment_already_exists = 409201,
    module_already_exists_on_device = 409301,
    configuration_already_exists = 409401,
    generic_length_required = 411000,
    precondition_failed = 412001,
    device_message_lock_lost = 412002,
    job_run_precondition_failed = 412003,
    generic_request_entity_too_large = 413000,
    message_too_large = 413001,
    too_many_devices = 413002,
    too_many_modules_on_device = 413003,
    configuration_count_limit_exceeded = 413101,
    throttling_exception = 429001,
    throttling_backlog_limit_exceeded = 429002,
    throttling_max_active_job_count_exceeded = 429004,
    generic_header_fields_too_large = 431000,
    server_error = 500001,
    job_cancelled = 500002,
    generic_not_implemented = 501000,
    generic_bad_gateway = 502000,
    service_unavailable = 503001,
    server_busy = 503005,
    gateway_timeout = 504101,
    generic_http_version_not_supported = 505000,
};

/// The HTTP status a code is answered with; 500 for our own codes below 1000.
constexpr int http_status(Errc code) {
    const int value = static_cast<int>(code);
    return value < 1000 ? 500 : value / 1000;
}

/// The symbolic name the service puts into `ErrorCode:<Name>` and `iothub-errorcode`, such as
/// `DeviceNotFound`. Codes of ours print as `ServerError`, what a peer may know of them.
std::string_view errc_name(Errc code);

}  // namespace carillon
