#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/cloud_message.hpp"

#include <cstddef>

namespace carillon::rest {

struct Request;

// What requests that receive and settle messages have in common.

/// For how long a received message is to be locked: `iothub-messagelocktimeout`, a parameter or a field, in
/// seconds; 60 where it is absent. Fails with `argument_invalid` outside 5 to 300.
/// Source: azure-iot-sdk-csharp: HttpTransportHandler.cs.
Result<Duration> request_lock_time(const Request& request);
/// The lock that the path names as its `number`th id. Text that is no lock token is the token of no lock:
/// fails with `device_message_lock_lost`.
Result<LockToken> request_lock(const Request& request, std::size_t number);
/// Complete, or reject if there is a parameter `reject`, whatever it says.
/// Source: azure-iot-device-http: http.js; azure-iot-sdk-c: iothubtransporthttp.c.
Settlement asked_settlement(const Request& request);

}  // namespace carillon::rest
