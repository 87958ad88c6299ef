#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "wire/sas/connection_string.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::fleet {

/// How the devices of a fleet prove who they are.
///
/// With keys of their own, which every process that knows the group key works out for itself, so that
/// a fleet can be divided among processes and none of it is stored: a device's key is
/// HMAC-SHA256(group key, device id). Source: IoT Hub Device Provisioning Service docs, "Symmetric key
/// attestation", group enrollments. Unless it is given, the group key in turn comes from the key of
/// the policy in the login and the prefix: HMAC-SHA256(policy key, "carillon fleet " + prefix).
///
/// Or, a single one, with the key that its connection string has. Or by the policy, if it has the right
/// DeviceConnect: its key signs for any device, however that device was made.
class Credentials {
public:
    static constexpr std::int64_t token_life_s = 24L * 3600;

    /// `policy` is a service's connection string, `group_key` base64 or empty. Fails with
    /// `config_invalid`.
    static Result<Credentials> of_group(const sas::ConnectionString& policy, std::string_view group_key,
                                        std::string_view prefix);
    static Credentials of_policy(const sas::ConnectionString& policy);
    /// `device` has a key.
    static Credentials of_device(const sas::ConnectionString& device);

    bool has_device_keys() const { return !group_key_.empty(); }
    /// Base64. Only with `has_device_keys`.
    std::string primary_key(std::string_view device) const;
    std::string secondary_key(std::string_view device) const;
    /// The token a device connects with at `now`.
    std::string token(std::string_view device, WallTime now) const;
    const std::string& host_name() const { return host_name_; }

private:
    std::string host_name_;    ///< Without a port.
    std::string group_key_;    ///< Decoded; empty: the policy signs.
    std::string policy_name_;  ///< Empty: the key below is a device's.
    std::string policy_key_;   ///< Base64.
};

/// The id of a fleet's device `number`: the prefix and at least six digits.
std::string device_id(std::string_view prefix, std::uint64_t number);

}  // namespace carillon::fleet
