#pragma once

#include "base/result.hpp"
#include "model/enrollment.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace carillon {

struct RegistrationRequest;

/// A device whose enrollment leaves it to a webhook where it belongs, as the webhook is told of it.
struct AllocationQuestion {
    const Enrollment& enrollment;
    const RegistrationRequest& request;
    const Registration* before;            ///< Its last registration; null for a new device.
    const std::vector<std::string>& hubs;  ///< The webhook chooses one of these.

    /// The body of the request, without keys. Source: DPS docs, "concepts-custom-allocation",
    /// AllocationRequest.
    std::string json() const;
};

/// What the webhook answers. Source: the same, AllocationResponse.
struct Allocation {
    std::string hub;           ///< As this hub spells it.
    std::string initial_twin;  ///< A JSON object that takes the place of the enrollment's, or empty.
    std::string payload;       ///< JSON for the device, or empty.

    /// Of the longest answer.
    static constexpr std::size_t answer_bytes_max = 64 * 1024;

    /// Fails with `argument_invalid`, in words for whoever wrote the webhook.
    static Result<Allocation> parse(std::string_view body, const std::vector<std::string>& hubs);
};

/// The port to such webhooks. Safe from any thread.
class AllocationWebhooks {
public:
    virtual ~AllocationWebhooks() = default;
    /// Fails with `argument_invalid` if this hub may not reach the address.
    virtual Result<> check(std::string_view url) const = 0;
    /// Posts `question` and gives the body of an answer of 200. Blocking, some seconds at most. Fails with
    /// `unreachable`, `gateway_timeout`, `connection_closed`, `message_too_large`, with `argument_invalid`
    /// for another status, and with `service_unavailable` when the hub stops.
    virtual Result<std::string> ask(const std::string& url, const std::string& question) = 0;
};

}  // namespace carillon
