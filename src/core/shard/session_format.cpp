#include "core/shard/session_format.hpp"

#include "base/stored_number.hpp"

namespace carillon {
namespace {

constexpr char session_format_version = 2;
constexpr char format_without_times = 1;
constexpr char has_session_flag = 1;
constexpr std::size_t times_bytes = 1 + 2 * sizeof(std::int64_t);

tl::unexpected<Error> cut_short() {
    return fail(Errc::store_corrupt, "a session is cut short");
}

Result<std::vector<Subscription>> decode_subscriptions(std::string_view stored) {
    std::vector<Subscription> subscriptions;
    while (!stored.empty()) {
        if (stored.size() < 3) return cut_short();
        const std::size_t length = read_be<std::uint16_t>(stored.substr(1));
        if (stored.size() < 3 + length) return cut_short();
        Subscription subscription;
        subscription.qos = static_cast<std::uint8_t>(stored.front());
        subscription.filter = stored.substr(3, length);
        subscriptions.push_back(std::move(subscription));
        stored.remove_prefix(3 + length);
    }
    return subscriptions;
}

}  // namespace

std::string encode_session(const StoredSession& session) {
    std::string stored(1, session_format_version);
    stored.push_back(session.subscriptions ? has_session_flag : '\0');
    append_be(stored, session.connection_updated.ticks);
    append_be(stored, session.last_activity.ticks);
    if (!session.subscriptions) return stored;
    for (const auto& subscription : *session.subscriptions) {
        stored.push_back(static_cast<char>(subscription.qos));
        append_be(stored, static_cast<std::uint16_t>(subscription.filter.size()));
        stored += subscription.filter;
    }
    return stored;
}

Result<StoredSession> decode_session(std::string_view stored) {
    const char version = stored.empty() ? '\0' : stored.front();
    if (version != session_format_version && version != format_without_times) {
        return fail(Errc::store_corrupt, "a session of an unknown format");
    }
    stored.remove_prefix(1);
    StoredSession session;
    bool has_session = true;
    if (version == session_format_version) {
        if (stored.size() < times_bytes) return cut_short();
        has_session = stored.front() == has_session_flag;
        session.connection_updated.ticks = read_be<std::int64_t>(stored.substr(1));
        session.last_activity.ticks = read_be<std::int64_t>(stored.substr(1 + sizeof(std::int64_t)));
        stored.remove_prefix(times_bytes);
    }
    auto subscriptions = decode_subscriptions(stored);
    if (!subscriptions) return fail(std::move(subscriptions).error());
    if (has_session) session.subscriptions = *std::move(subscriptions);
    return session;
}

}  // namespace carillon
