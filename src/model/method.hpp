#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <string>

namespace carillon {

/// Limits of direct methods. Source: contract limits.md 4.
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
    /// preview `timeoutInSeconds`. `for_job` refuses a connect timeout above the response timeout
    /// that a direct call clamps (rest.md 11). Fails with `argument_invalid` or `argument_null`.
    /// Source: contract rest.md 11, jobs.md 3, limits.md 4, decisions.md 18.
    static Result<MethodCall> parse(JsonValue body, Flavour flavour, bool for_job);
};

/// What a device answered: any status, and JSON.
struct MethodAnswer {
    int status = 0;
    std::string payload = "null";
};

}  // namespace carillon
