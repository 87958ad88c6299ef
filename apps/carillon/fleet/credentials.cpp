#include "fleet/credentials.hpp"

#include "base/text.hpp"
#include "fleet/group_key.hpp"
#include "wire/sas/sas_token.hpp"

namespace carillon::fleet {

Result<std::string> group_key_bytes(const sas::ConnectionString& policy, std::string_view group_key,
                                    std::string_view prefix) {
    const auto key = base64_decode(group_key.empty() ? std::string_view(policy.key) : group_key);
    if (!key || key->size() < sas::key_bytes_min) {
        return fail(Errc::config_invalid, "the group key is base64 of at least 16 bytes");
    }
    return group_key.empty() ? hmac_sha256(*key, "carillon fleet " + std::string(prefix)) : *key;
}

Result<Credentials> Credentials::of_group(const sas::ConnectionString& policy, std::string_view group_key,
                                          std::string_view prefix) {
    auto key = group_key_bytes(policy, group_key, prefix);
    if (!key) return fail(std::move(key).error());
    Credentials made = of_policy(policy);
    made.group_key_ = *std::move(key);
    return made;
}

Credentials Credentials::of_policy(const sas::ConnectionString& policy) {
    Credentials made;
    made.host_name_ = std::string(split(policy.host_name, ':')[0]);
    made.policy_name_ = policy.key_name;
    made.policy_key_ = policy.key;
    return made;
}

Credentials Credentials::of_device(const sas::ConnectionString& device) {
    // Signed without a policy's name, a token is the device's own.
    return of_policy(device);
}

std::string Credentials::primary_key(std::string_view device) const {
    CARILLON_ASSERT(has_device_keys());
    return base64_encode(hmac_sha256(group_key_, device));
}

std::string Credentials::secondary_key(std::string_view device) const {
    // No id holds a slash, so this is no other device's primary key.
    return primary_key(std::string(device) + "/secondary");
}

std::string Credentials::token(std::string_view device, WallTime now) const {
    const std::string resource = host_name_ + "/devices/" + std::string(device);
    const WallTime end = now.plus_s(token_life_s);
    if (has_device_keys()) return sas::make_token(resource, primary_key(device), end);
    return sas::make_token(resource, policy_key_, end, policy_name_);
}

std::string device_id(std::string_view prefix, std::uint64_t number) {
    constexpr std::size_t digits_min = 6;
    const std::string digits = std::to_string(number);
    std::string id(prefix);
    if (digits.size() < digits_min) id.append(digits_min - digits.size(), '0');
    return id + digits;
}

}  // namespace carillon::fleet
