#include "endpoint/rest/authorize.hpp"

#include "model/identity.hpp"
#include "wire/sas/sas_token.hpp"

namespace carillon::rest {

/// A token whose signature was found good, and the policy that signed it.
struct Authorizer::Verified {
    std::string text;
    sas::Token token;
    Policies::Shared policy;
    std::uint64_t generation;  ///< Of the policies, when it was found good.
    KeyTag key;
    bool covers_hub;  ///< Its `sr` is the bare host, as nearly always: everything lies below.
};

Authorizer::Authorizer(const Policies& policies, const std::vector<std::string>& host_names)
    : policies_(policies), host_names_(host_names) {}
Authorizer::~Authorizer() = default;

namespace {

auto refused(const char* why) {
    return fail(Errc::iot_hub_unauthorized_access, why);
}

/// Which of the policy's keys signed the token; none if neither did.
KeyTag signing_key(const sas::Token& token, const SharedAccessPolicy& policy) {
    const bool by_primary = sas::is_signed_by(token, policy.primary_key);
    const bool by_secondary = sas::is_signed_by(token, policy.secondary_key);
    if (by_primary) return policy.primary_tag;
    return by_secondary ? policy.secondary_tag : KeyTag::none;
}

bool is_signed_by_either(const sas::Token& token, std::string_view primary, std::string_view secondary) {
    return sas::is_signed_by(token, primary) || sas::is_signed_by(token, secondary);
}

}  // namespace

Result<> Authorizer::verify(std::string_view text) {
    const std::uint64_t generation = policies_.generation();
    if (verified_ && verified_->generation == generation && verified_->text == text) return {};
    is_wrong_ = true;
    claimed_policy_.clear();
    auto token = sas::parse_token(text);
    if (!token) return fail(std::move(token).error());
    if (token->key_name.empty()) return refused("The token names no shared access policy.");
    auto policy = policies_.find(token->key_name);
    if (policy != nullptr) claimed_policy_ = policy->name;
    // Tried for an unknown policy too, and both keys always, so that the time taken tells nothing.
    static const SharedAccessPolicy nobody;
    const KeyTag key = signing_key(*token, policy != nullptr ? *policy : nobody);
    if (policy == nullptr || key == KeyTag::none) {
        return refused("The token is not signed with a key of a shared access policy of this hub.");
    }
    is_wrong_ = false;
    const bool covers_hub = sas::covers(*token, host_names_, {}, {});
    verified_ = std::make_unique<Verified>(
        Verified{std::string(text), *std::move(token), std::move(policy), generation, key, covers_hub});
    return {};
}

Authorizer::Caller Authorizer::caller() const {
    return {verified_->policy->name, verified_->token.expires, verified_->covers_hub, verified_->key};
}

Result<Admitted> Authorizer::check(std::optional<std::string_view> header, Need need,
                                   std::span<const std::string_view> path,
                                   std::span<const std::size_t> id_positions, WallTime now) {
    is_wrong_ = false;
    if (!header || header->empty()) return refused("The Authorization header is missing.");
    if (need.own_device && (!verified_ || verified_->text != *header)) {
        auto token = sas::parse_token(*header);
        if (!token) return fail(std::move(token).error());
        // azure-iot-sdk-c puts the device id where a policy's name would stand.
        const bool names_policy = !token->key_name.empty() && policies_.find(token->key_name) != nullptr;
        if (!names_policy && (token->key_name.empty() || token->key_name == path[id_positions[0]])) {
            if (sas::is_expired(*token, now)) return refused("The token has expired.");
            if (!sas::covers(*token, host_names_, path, id_positions)) {
                return refused("The token does not cover this resource.");
            }
            claim_ = std::make_unique<sas::Token>(*std::move(token));
            return Admitted::if_signed_by_device;
        }
    }
    if (auto believed = verify(*header); !believed) return fail(std::move(believed).error());
    if (sas::is_expired(verified_->token, now)) return refused("The token has expired.");
    if (!verified_->covers_hub && !sas::covers(verified_->token, host_names_, path, id_positions)) {
        return refused("The token does not cover this resource.");
    }
    if (!need.is_met_by(verified_->policy->rights)) {
        return refused("The shared access policy does not allow this operation.");
    }
    return Admitted::by_policy;
}

WallTime Authorizer::claimed_end() const {
    return claim_->expires;
}

// What a stranger hears is the same for a device that is not there and a key that is wrong.
Result<> Authorizer::check_device(const Identity* device) const {
    const bool is_proved = device != nullptr && claim_ != nullptr && device->auth.type == AuthType::sas &&
                           is_signed_by_either(*claim_, device->auth.primary_key, device->auth.secondary_key);
    if (!is_proved) return refused("The token's signature is wrong.");
    if (device->status == DeviceStatus::disabled) {
        return fail(Errc::iot_hub_unauthorized, "The device is disabled.");
    }
    return {};
}

}  // namespace carillon::rest
