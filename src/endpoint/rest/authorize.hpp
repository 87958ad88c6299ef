#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "core/hub/policies.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::rest {

/// What a route asks of the caller: one of two sets of rights, or nothing (`AccessRights::none`).
/// Source: IoT Hub docs, "Control access to IoT Hub by using shared access signatures".
struct Need {
    AccessRights either = AccessRights::none;
    AccessRights other = AccessRights::none;  ///< `none` if there is no second way.

    bool is_open() const { return either == AccessRights::none; }
    bool is_met_by(AccessRights held) const {
        return includes(held, either) || (other != AccessRights::none && includes(held, other));
    }
};

/// Believes or refuses the service tokens of one connection. Remembers the last token it verified,
/// as clients repeat one over many requests; expiry, scope and rights are looked at every time.
class Authorizer {
public:
    /// Both outlive the authorizer.
    Authorizer(const Policies& policies, const std::vector<std::string>& host_names);
    ~Authorizer();

    /// Whose token was believed last.
    struct Caller {
        std::string policy;
        WallTime expires;
        bool covers_hub = false;  ///< The token names the whole hub, not a part.
    };
    Caller caller() const;

    /// `header` is the Authorization field, `path` the decoded segments asked for, `id_positions`
    /// those that are ids. Fails with `iot_hub_unauthorized_access`; the text says why, without secrets.
    Result<> check(std::optional<std::string_view> header, Need need, std::span<const std::string_view> path,
                   std::span<const std::size_t> id_positions, WallTime now);

private:
    struct Verified;
    Result<> verify(std::string_view text);

    const Policies& policies_;
    const std::vector<std::string>& host_names_;
    std::unique_ptr<Verified> verified_;
};

}  // namespace carillon::rest
