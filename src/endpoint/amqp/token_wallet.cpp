#include "endpoint/amqp/token_wallet.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace carillon::amqp {

namespace {

auto too_many() {
    return fail(Errc::iot_hub_quota_exceeded, "more tokens than one connection may hold");
}

void add_identity(TokenScope& scope, std::string_view device, std::string_view module) {
    auto key = IdentityKey::parse(device, module);
    if (key) scope.identities.push_back(*std::move(key));
}

}  // namespace

TokenScope parse_token_scope(std::string_view resource) {
    TokenScope scope;
    const auto decoded = percent_decode(resource);
    if (!decoded) return scope;
    std::string_view audience = *decoded;
    if (const std::size_t scheme = audience.find("://"); scheme != std::string_view::npos) {
        audience.remove_prefix(scheme + 3);
    }
    if (audience.ends_with('/')) audience.remove_suffix(1);
    const std::vector<std::string_view> segments = split(audience, '/');
    const bool is_device = segments.size() >= 3 && equals_ignoring_case(segments[1], "devices");
    if (!is_device) return scope;
    const bool is_module = segments.size() >= 5 && equals_ignoring_case(segments[3], "modules");
    const std::string_view module = is_module ? segments[4] : std::string_view();
    add_identity(scope, segments[2], module);
    const auto twice = percent_decode(segments[2]);
    const auto module_twice = percent_decode(module);
    if (twice && module_twice && (*twice != segments[2] || *module_twice != module)) {
        add_identity(scope, *twice, *module_twice);
    }
    return scope;
}

Result<> TokenWallet::put(const IdentityKey& identity, std::string_view text, WallTime expires) {
    const auto found = tokens_.find(identity);
    const std::size_t before = found == tokens_.end() ? 0 : found->second.text.size();
    if (found == tokens_.end() && tokens_.size() >= tokens_max) return too_many();
    if (bytes_ - before + text.size() > token_bytes_total_max) return too_many();
    bytes_ += text.size() - before;
    tokens_.insert_or_assign(identity, Kept{std::string(text), expires});
    return {};
}

Result<> TokenWallet::put_wide(std::string_view text, WallTime expires) {
    const auto same =
        std::find_if(wide_.begin(), wide_.end(), [text](const Kept& kept) { return kept.text == text; });
    if (same != wide_.end()) return {};
    if (wide_.size() >= wide_max) wide_.erase(wide_.begin());
    wide_.push_back({std::string(text), expires});
    return {};
}

Result<> TokenWallet::put(Grant grant) {
    const auto same = std::find_if(grants_.begin(), grants_.end(), [&grant](const Grant& held) {
        return held.policy == grant.policy && held.token.resource == grant.token.resource;
    });
    if (same != grants_.end()) {
        *same = std::move(grant);
        return {};
    }
    if (grants_.size() >= grants_max) return too_many();
    grants_.push_back(std::move(grant));
    return {};
}

std::vector<std::string> TokenWallet::find(const IdentityKey& identity) const {
    std::vector<std::string> found;
    const auto add = [this, &found](const IdentityKey& key) {
        if (const auto token = tokens_.find(key); token != tokens_.end()) found.push_back(token->second.text);
    };
    add(identity);
    if (identity.is_module()) add(IdentityKey(identity.device));
    for (auto kept = wide_.rbegin(); kept != wide_.rend(); ++kept) found.push_back(kept->text);
    return found;
}

const Grant* TokenWallet::find(AccessRights right, std::span<const std::string_view> path,
                               std::span<const std::string> host_names, WallTime now) const {
    for (const Grant& grant : grants_) {
        if (includes(grant.rights, right) && now <= grant.expires &&
            sas::covers(grant.token, host_names, path, {}))
            return &grant;
    }
    return nullptr;
}

bool TokenWallet::drop_expired(WallTime now) {
    const auto has_ended = [now](const Kept& kept) { return kept.expires < now; };
    for (auto token = tokens_.begin(); token != tokens_.end();) {
        if (!has_ended(token->second)) {
            ++token;
            continue;
        }
        bytes_ -= token->second.text.size();
        token = tokens_.erase(token);
    }
    std::erase_if(wide_, has_ended);
    return std::erase_if(grants_, [now](const Grant& grant) { return grant.expires < now; }) > 0;
}

std::optional<WallTime> TokenWallet::next_end() const {
    std::optional<WallTime> next;
    const auto look_at = [&next](WallTime end) {
        if (!next || end < *next) next = end;
    };
    for (const auto& [key, kept] : tokens_) look_at(kept.expires);
    for (const Kept& kept : wide_) look_at(kept.expires);
    for (const Grant& grant : grants_) look_at(grant.expires);
    return next;
}

}  // namespace carillon::amqp
