#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "core/provisioning/provisioning.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
class Channel;
class Hub;
}  // namespace carillon

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
    std::vector<std::string> chain{};  ///< It and those above it, DER, as it sent them.
    std::string api_version{};         ///< Empty if it said none.
};

/// What a connection shows of its peer's certificate; nothing where it shows none.
void take_certificate(RegistrantCredentials& credentials, const Channel& channel);

/// Finds out who the device is: the enrollment whose key signed its token, or which has its certificate or
/// that of its authority.
/// Fails with `generic_not_found` for an id scope that is not ours, with `iot_hub_unauthorized_access` for
/// everything else, with a detail for the log only. The stranger's wait is the caller's (`LoginBrake`).
/// Source: DPS docs, "Symmetric key attestation", "X.509 certificate attestation".
Task<Result<RegistrationRequest>> identify_registrant(Hub& hub, RegistrantCredentials credentials,
                                                      WallTime now);

/// What the body of a registration says.
struct RegistrationBody {
    std::string endorsement_key;  ///< Of its TPM, base64, as is the next; empty if it names none.
    std::string storage_root_key;
    std::string payload;  ///< JSON for a webhook of allocation; empty if there is none.
};
/// Reads the body of a registration, which may be empty; what is not offered is refused. Fails with
/// `iot_hub_format_error`, `argument_invalid`. Source: DPS device.json, DeviceRegistration.
Result<RegistrationBody> read_registration_body(std::string_view body, std::string_view registration_id);
/// What is registered: `body` as by `read_registration_body`, of a device that has proved itself. Fails in
/// the same way.
Result<RegistrationRequest> read_registration(RegistrationRequest proved, std::string_view body);

/// `{"operationId":…,"status":"assigning"}`, the answer to a registration: no SDK takes the end at once from
/// every transport. Source: azure-iot-sdk-csharp: ProvisioningTransportHandlerHttp.cs.
std::string operation_begun_json(const Registration& registration);
/// The answer to a poll: `operationId`, `status` and `registrationState`.
std::string operation_ended_json(const Registration& registration);

}  // namespace carillon::device
