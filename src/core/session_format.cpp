#include "core/session_format.hpp"

#include "core/stored_number.hpp"

namespace carillon {
namespace {

constexpr char format_version = 1;

}  // namespace

std::string encode_session(const std::vector<Subscription>& subscriptions) {
    std::string stored(1, format_version);
    for (const auto& subscription : subscriptions) {
        stored.push_back(static_cast<char>(subscription.qos));
        append_be(stored, static_cast<std::uint16_t>(subscription.filter.size()));
        stored += subscription.filter;
    }
    return stored;
}

Result<std::vector<Subscription>> decode_session(std::string_view stored) {
    std::vector<Subscription> subscriptions;
    if (stored.empty() || stored.front() != format_version) {
        return fail(Errc::store_corrupt, "a session of an unknown format");
    }
    stored.remove_prefix(1);
    while (!stored.empty()) {
        if (stored.size() < 3) return fail(Errc::store_corrupt, "a session is cut short");
        const std::size_t length = read_be<std::uint16_t>(stored.substr(1));
        if (stored.size() < 3 + length) return fail(Errc::store_corrupt, "a session is cut short");
        Subscription subscription;
        subscription.qos = static_cast<std::uint8_t>(stored.front());
        subscription.filter = stored.substr(3, length);
        subscriptions.push_back(std::move(subscription));
        stored.remove_prefix(3 + length);
    }
    return subscriptions;
}

}  // namespace carillon
