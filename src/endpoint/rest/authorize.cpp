#include "endpoint/rest/authorize.hpp"

#include "wire/sas/sas_token.hpp"

namespace carillon::rest {

/// A token whose signature was found good, and the policy that signed it.
struct Authorizer::Verified {
    std::string text;
    sas::Token token;
    const SharedAccessPolicy* policy;
    bool covers_hub;  ///< Its `sr` is the bare host, as nearly always: everything lies below.
};

Authorizer::Authorizer(const Policies& policies, const std::vector<std::string>& host_names)
    : policies_(policies), host_names_(host_names) {}
Authorizer::~Authorizer() = default;

namespace {

auto refused(const char* why) {
    return fail(Errc::iot_hub_unauthorized_access, why);
}

}  // namespace

Result<> Authorizer::verify(std::string_view text) {
    if (verified_ && verified_->text == text) return {};
    auto token = sas::parse_token(text);
    if (!token) return fail(std::move(token).error());
    // A device's own key opens no service route; its tokens name no policy.
    if (token->key_name.empty()) return refused("The token names no shared access policy.");
    const SharedAccessPolicy* policy = policies_.find(token->key_name);
    if (policy == nullptr) return refused("The shared access policy is unknown.");
    const bool is_signed =
        sas::is_signed_by(*token, policy->primary_key) || sas::is_signed_by(*token, policy->secondary_key);
    if (!is_signed) return refused("The token's signature is wrong.");
    const bool covers_hub = sas::covers(*token, host_names_, {}, {});
    verified_ =
        std::make_unique<Verified>(Verified{std::string(text), *std::move(token), policy, covers_hub});
    return {};
}

Authorizer::Caller Authorizer::caller() const {
    return {verified_->policy->name, verified_->token.expires, verified_->covers_hub};
}

Result<> Authorizer::check(std::optional<std::string_view> header, Need need,
                           std::span<const std::string_view> path, std::span<const std::size_t> id_positions,
                           WallTime now) {
    if (!header || header->empty()) return refused("The Authorization header is missing.");
    if (auto believed = verify(*header); !believed) return believed;
    if (sas::is_expired(verified_->token, now)) return refused("The token has expired.");
    if (!verified_->covers_hub && !sas::covers(verified_->token, host_names_, path, id_positions)) {
        return refused("The token does not cover this resource.");
    }
    if (!need.is_met_by(verified_->policy->rights)) {
        return refused("The shared access policy does not allow this operation.");
    }
    return {};
}

}  // namespace carillon::rest
