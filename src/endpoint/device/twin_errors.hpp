#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

#include <string>

namespace carillon::device {

/// How a failed twin request is answered: the status within the topic, and a body. Both must say so:
/// azure-iot-device of today looks at the body alone, that of 2016 at the status alone.
struct TwinFailure {
    int status = 500;
    std::string body;  ///< `{"errorCode":…,"trackingId":…,"message":…,"timestampUtc":…}`, ASCII.
};

/// Codes of ours below 1000 are told as 500001 without detail.
/// Source: captures in azure-iot-sdk-c#210 and amenzhinsky/iothub#70.
TwinFailure twin_failure(const Error& error, WallTime now, Random& random);

}  // namespace carillon::device
