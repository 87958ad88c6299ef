#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "wire/amqp/performatives.hpp"

#include <string>
#include <string_view>

namespace carillon::amqp {

/// The error condition that stands for a code of the service.
/// Source: iotedge: AmqpErrorMapper.cs; azure-iot-sdk-csharp: AmqpErrorMapper.cs.
std::string_view condition_name(Errc code);

/// A failure as AMQP tells it: a condition, and a description that is JSON with code, tracking id and
/// message, as clients of the service parse it. Source: azure-iot-sdk-c#210, log of the service.
class LinkFailure {
public:
    /// Codes of ours below 1000 are told as 500001 without detail.
    LinkFailure(const Error& error, WallTime now, Random& random);

    /// Views what this holds.
    Condition condition() const;

private:
    std::string_view name_;
    std::string description_;  ///< Bound: fixed.
    std::string info_;         ///< Bound: fixed.
};

}  // namespace carillon::amqp
