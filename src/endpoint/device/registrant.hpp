#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "core/provisioning/provisioning.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon {
class Hub;
}

namespace carillon::device {

/// How long a device is told to wait before it asks how its registration ended, which is then known: the
/// least that every SDK takes as it stands. Source: azure-iot-sdk-java:
/// RegistrationOperationStatusParser.java (2 to 5); azure-iot-sdk-csharp waits no less than 2 s.
inline constexpr int registration_poll_s = 2;
/// The same for one that was refused for a reason that passes.
inline constexpr int registration_retry_s = 5;

/// What a device shows that wants to register, as whatever protocol brought it.
struct RegistrantCredentials {
    std::string scope;
    std::string registration_id;
    std::optional<std::string> token;
    std::string
        certificate_sha256;   ///< Of the certificate that its handshake proved; empty if there is none.
    std::string common_name;  ///< Of that certificate.
};

/// Finds out who the device is: the enrollment whose key signed its token, or which has its certificate.
/// Fails with `generic_not_found` for an id scope that is not ours, with `iot_hub_unauthorized_access` for
/// everything else, with a detail for the log only. The stranger's wait is the caller's (`LoginBrake`).
/// Source: DPS docs, "Symmetric key attestation", "X.509 certificate attestation".
Task<Result<Enrollee>> identify_registrant(Hub& hub, RegistrantCredentials credentials, WallTime now);

/// Checks the body of a registration, which may be empty; what is not offered is refused. Fails with
/// `iot_hub_format_error`, `argument_invalid`. Source: DPS device.json, DeviceRegistration.
Result<> check_registration_body(std::string_view body, std::string_view registration_id);

/// `{"operationId":…,"status":"assigning"}`, the answer to a registration: no SDK takes the end at once from
/// every transport. Source: azure-iot-sdk-csharp: ProvisioningTransportHandlerHttp.cs.
std::string operation_begun_json(const Registration& registration);
/// The answer to a poll: `operationId`, `status` and `registrationState`.
std::string operation_ended_json(const Registration& registration);

}  // namespace carillon::device
