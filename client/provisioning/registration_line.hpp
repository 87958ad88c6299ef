#pragma once

#include "base/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace carillon {

/// What the service answers to one request of a device that registers.
struct RegistrationAnswer {
    int status = 0;             ///< As over HTTPS.
    std::string retry_after{};  ///< Seconds; empty if it names none.
    std::string body{};
};

/// How one device asks, over whichever protocol. Blocks. Requests fail with `gateway_timeout` if nothing
/// comes in time, with `unreachable`, `tls_failed` and `connection_closed`; what the service refuses is an
/// answer.
class RegistrationLine {
public:
    virtual ~RegistrationLine() = default;
    virtual Result<RegistrationAnswer> begin(std::string_view body, std::chrono::milliseconds timeout) = 0;
    virtual Result<RegistrationAnswer> poll(std::string_view operation_id,
                                            std::chrono::milliseconds timeout) = 0;
};

}  // namespace carillon
