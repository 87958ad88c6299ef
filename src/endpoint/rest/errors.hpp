#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

/// The three shapes in which the service writes an error; which one a code has is fixed.
/// Source: IoT Hub docs, "Understand and resolve Azure IoT Hub error codes"; azure-iot-sdk-node:
/// rest_api_client.ts; azure-iot-sdk-csharp: ExceptionHandlingHelper.cs.
enum class Envelope {
    plain,   ///< `{"Message":"ErrorCode:Name;text","ExceptionMessage":"Tracking ID:…"}`
    coded,   ///< `{"errorCode":n,"message":…,"trackingId":…,"timestampUtc":…}`: module conflicts,
             ///< provisioning.
    nested,  ///< `coded` as a string in the `Message` of `plain`: direct methods.
};
/// Of a direct method, what is wrong with the request is nested too (azure-iot-sdk-csharp#724), but not an
/// unknown device, which Node clients tell by the plain shape.
Envelope envelope_of(Errc code, bool is_of_method = false);

/// What shapes an error besides its code.
struct ErrorContext {
    bool is_of_method = false;  ///< Of a direct method.
    bool is_of_provisioning =
        false;  ///< Always `coded`. Source: DPS service.json, ProvisioningServiceErrorDetails.
    int connect_timeout_s = 0;  ///< Of a method: told when the device did not come online.
};

/// The answer to a failed request: body, `iothub-errorcode` and status agree. Texts never hold a
/// `;`, at which today's Node client would cut them. Codes of ours say nothing of their detail.
/// `random` makes the tracking id.
HttpResponse error_response(const Error& error, WallTime now, Random& random,
                            const ErrorContext& context = {});

}  // namespace carillon::rest
