#include "core/scan/page_tokens.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace carillon {

namespace {

constexpr char token_version = 1;
/// Half an HMAC-SHA256, which RFC 2104 §5 allows.
constexpr std::size_t mac_bytes = 16;

std::string mac_of(std::string_view key, std::string_view purpose, std::string_view position) {
    // In two steps, so that no purpose and position read as another pair.
    const std::string bound_key = hmac_sha256(key, purpose);
    return hmac_sha256(bound_key, position).substr(0, mac_bytes);
}

}  // namespace

void PageTokens::renew(std::string key) {
    const std::lock_guard lock(mutex_);
    key_ = std::move(key);
}

std::string PageTokens::key() const {
    const std::lock_guard lock(mutex_);
    return key_;
}

std::string PageTokens::seal(std::string_view purpose, std::string_view position) const {
    std::string bytes(1, token_version);
    bytes += mac_of(key(), purpose, position);
    bytes += position;
    std::string token = base64_encode(bytes);
    std::replace(token.begin(), token.end(), '+', '-');
    std::replace(token.begin(), token.end(), '/', '_');
    while (token.ends_with('=')) token.pop_back();
    return token;
}

Result<std::string> PageTokens::open(std::string_view purpose, std::string_view token) const {
    auto refuse = [] {
        return fail(Errc::argument_invalid, "Continuation token is not valid for this query");
    };
    constexpr std::string_view foreign = "+/=";
    if (token.size() > bytes_max || token.find_first_of(foreign) != std::string_view::npos) return refuse();
    std::string text(token);
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    const auto bytes = base64_decode(text);
    if (!bytes || bytes->size() < 1 + mac_bytes || bytes->front() != token_version) return refuse();
    const std::string_view mac = std::string_view(*bytes).substr(1, mac_bytes);
    const std::string_view position = std::string_view(*bytes).substr(1 + mac_bytes);
    if (!equals_in_constant_time(mac, mac_of(key(), purpose, position))) return refuse();
    return std::string(position);
}

}  // namespace carillon
