#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "endpoint/rest/http_message.hpp"

namespace carillon::rest {

/// The three shapes in which the service writes an error; which one a code has is fixed.
/// Source: IoT Hub docs, "Understand and resolve Azure IoT Hub error codes"; azure-iot-sdk-node:
/// rest_api_client.ts; azure-iot-sdk-csharp: ExceptionHandlingHelper.cs.
enum class Envelope {
    plain,   ///< `{"Message":"ErrorCode:Name;text","ExceptionMessage":"Tracking ID:…"}`
    coded,   ///< `{"errorCode":n,"message":…,"trackingId":…,"timestampUtc":…}`: module conflicts.
    nested,  ///< `coded` as a string in the `Message` of `plain`: direct methods.
};
Envelope envelope_of(Errc code);

/// The answer to a failed request: body, `iothub-errorcode` and status agree. Texts never hold a
/// `;`, at which today's Node client would cut them. Codes of ours say nothing of their detail.
/// `random` makes the tracking id; `connect_timeout_s` is told when a device did not come online.
HttpResponse error_response(const Error& error, WallTime now, Random& random, int connect_timeout_s = 0);

}  // namespace carillon::rest
