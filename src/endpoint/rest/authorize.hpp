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

namespace carillon {
struct Identity;
}
namespace carillon::sas {
struct Token;
}

namespace carillon::rest {

/// What a route asks of the caller: one of two sets of rights, or nothing (`AccessRights::none`); whether
/// the device in its path may do without, by its own key; or that the caller is that device, by whatever
/// would let it connect (`endpoint/device`), and not an `Authorizer`'s business then.
/// Source: IoT Hub docs, "Control access to IoT Hub by using shared access signatures".
struct Need {
    AccessRights either = AccessRights::none;
    AccessRights other = AccessRights::none;  ///< `none` if there is no second way.
    bool own_device = false;
    bool as_device = false;
    bool as_registrant = false;  ///< The caller is not registered yet: it has a registration id, and its key.

    bool is_open() const { return either == AccessRights::none; }
    bool is_met_by(AccessRights held) const {
        return includes(held, either) || (other != AccessRights::none && includes(held, other));
    }
};

/// How a request passes: as its policy has the right, or if a key of the device in its path has signed its
/// token, which the caller must look up and check (`check_device`).
enum class Admitted : std::uint8_t { by_policy, if_signed_by_device };

/// Believes or refuses the tokens of one connection. Remembers the last token it verified,
/// as clients repeat one over many requests; expiry, scope and rights are looked at every time.
class Authorizer {
public:
    /// Both outlive the authorizer.
    Authorizer(const Policies& policies, const std::vector<std::string>& host_names);
    ~Authorizer();

    /// Whose policy's token was believed last.
    struct Caller {
        std::string policy;
        WallTime expires;
        bool covers_hub = false;    ///< The token names the whole hub, not a part.
        KeyTag key = KeyTag::none;  ///< Which signed it.
    };
    Caller caller() const;

    /// `header` is the Authorization field, `path` the decoded segments asked for, `id_positions`
    /// those that are ids; the first of them is the device where the need is `own_device`. Fails with
    /// `iot_hub_unauthorized_access`; the text says why, without secrets, and the
    /// same of an unknown policy as of a wrong signature.
    Result<Admitted> check(std::optional<std::string_view> header, Need need,
                           std::span<const std::string_view> path, std::span<const std::size_t> id_positions,
                           WallTime now);

    /// After `if_signed_by_device`: whether `device`, null if there is none, did. Fails with
    /// `iot_hub_unauthorized_access`, and with `iot_hub_unauthorized` for a device that proved itself and is
    /// disabled.
    Result<> check_device(const Identity* device) const;

    /// After `if_signed_by_device`: when the token ends (`se`).
    WallTime claimed_end() const;

    /// What was refused last was a token that none of the hub's policies signed.
    bool is_wrong() const { return is_wrong_; }
    /// The policy that it names, empty if the hub has none of this name.
    std::string_view claimed_policy() const { return claimed_policy_; }

private:
    struct Verified;
    Result<> verify(std::string_view text);

    const Policies& policies_;
    const std::vector<std::string>& host_names_;
    std::unique_ptr<Verified> verified_;
    std::unique_ptr<sas::Token> claim_;  ///< Names no policy; who signed it is not known yet.
    std::string claimed_policy_;         ///< Bound: HttpLimits::header_bytes_max
    bool is_wrong_ = false;
};

}  // namespace carillon::rest
