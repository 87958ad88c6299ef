#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// Limits of direct methods. Source: IoT Hub docs, "Understand and invoke direct methods from IoT
/// Hub"; the preview's timeouts were once documented up to 3600 s. Ours: the length of a name.
struct MethodLimits {
    static constexpr std::size_t payload_bytes_max = 128 * 1024;
    static constexpr std::size_t name_chars_max = 100;
    static constexpr int response_timeout_default_s = 30;
    static constexpr int response_timeout_min_s = 5;
    static constexpr int response_timeout_max_s = 300;
    static constexpr int preview_timeout_max_s = 3600;
    static constexpr int connect_timeout_max_s = 300;
};

/// A direct method to call: name, JSON payload (`null` where none was given), timeouts.
struct MethodCall {
    std::string name;
    std::string payload = "null";
    int response_timeout_s = MethodLimits::response_timeout_default_s;
    int connect_timeout_s = 0;

    /// Reads `{methodName, payload, responseTimeoutInSeconds, connectTimeoutInSeconds}`, or in the
    /// preview `timeoutInSeconds`, alone or as part of a job. A connect timeout above the response
    /// timeout is refused. Fails with `argument_invalid`, or `argument_null` if there is no object.
    /// Source: IoT Hub docs, "Understand and invoke direct methods from IoT Hub";
    /// azure-iot-sdk-csharp#724 (range); Ours: names that would break an MQTT topic are refused.
    static Result<MethodCall> parse(JsonValue body, Flavour flavour);
    /// The call as a job shows it: the members of a body that `parse` takes, each in its own name and kind.
    static std::string echo(JsonValue body);
};

/// What a device answered: any status, and JSON.
struct MethodAnswer {
    int status = 0;
    std::string payload = "null";
};

}  // namespace carillon
