#include "endpoint/rest/web/web_sessions.hpp"

#include "base/bytes.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace carillon::rest {

namespace {

constexpr std::size_t id_digits = 32;
constexpr std::size_t parts_count = 6;

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

WebSessions::WebSessions(const Policies& policies, std::string_view secret, Random& random)
    : policies_(policies), random_(random) {
    renew(secret);
}

void WebSessions::renew(std::string_view secret) {
    const std::lock_guard lock(secret_mutex_);
    secret_ = hmac_sha256(secret, "carillon dashboard");
}

std::string WebSessions::secret() const {
    const std::lock_guard lock(secret_mutex_);
    return secret_;
}

std::string WebSessions::random_hex() const {
    std::array<std::uint8_t, id_digits / 2> bytes{};
    random_.fill(bytes);
    return hex_encode(as_text(bytes));
}

std::string WebSessions::sign(std::string_view body, const SharedAccessPolicy& policy) const {
    // Every field has an end, so that no two contents are one text.
    const std::string text =
        fmt::format("session\n{}\n{}\n{}\n", body, policy.primary_key, policy.secondary_key);
    return hex_encode(hmac_sha256(secret(), text));
}

std::string WebSessions::open(const SharedAccessPolicy& policy, WebAccess access, WallTime now,
                              std::int64_t expires_s_max) const {
    const std::int64_t now_s = now.unix_s();
    const std::string body =
        fmt::format("{}.{}.{}.{}.{}", now_s, std::min(now_s + lifetime_s, expires_s_max), random_hex(),
                    access == WebAccess::change ? "c" : "r", hex_encode(policy.name));
    return body + '.' + sign(body, policy);
}

std::optional<WebSession> WebSessions::find(std::string_view text, WallTime now) const {
    if (text.size() > cookie_bytes_max) return std::nullopt;
    const auto parts = split(text, '.');
    if (parts.size() != parts_count || parts[2].size() != id_digits || !is_hex(parts[2])) return std::nullopt;
    const auto issued_s = parse_i64(parts[0]);
    const auto expires_s = parse_i64(parts[1]);
    if (!issued_s || !expires_s || *expires_s <= now.unix_s()) return std::nullopt;
    const auto all = policies_.all();
    const auto found = std::find_if(all.begin(), all.end(), [&parts](const Policies::Shared& policy) {
        return hex_encode(policy->name) == parts[4];
    });
    if (found == all.end()) return std::nullopt;
    const Policies::Shared& policy = *found;
    const std::string_view body = text.substr(0, text.rfind('.'));
    if (!equals_in_constant_time(sign(body, *policy), parts[5])) return std::nullopt;
    WebSession session;
    session.id = parts[2];
    session.policy = policy->name;
    session.rights = policy->rights;
    session.access = parts[3] == "c" ? WebAccess::change : WebAccess::read;
    session.issued_s = *issued_s;
    session.expires_s = *expires_s;
    session.key = policy->pair_tag;
    const std::lock_guard lock(mutex_);
    if (*issued_s <= issued_after_s_ || ended_.contains(session.id)) return std::nullopt;
    return session;
}

std::string WebSessions::csrf_token(const WebSession& session) const {
    return hex_encode(hmac_sha256(secret(), "csrf\n" + session.id));
}

std::string WebSessions::end(const WebSession& session, WallTime now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(ended_, [&now](const auto& entry) { return entry.second <= now.unix_s(); });
    ended_.emplace(session.id, session.expires_s);
    if (ended_.size() > ended_max) {
        ended_.clear();
        issued_after_s_ = now.unix_s();
    }
    return stored();
}

/// A line a session, behind one that says which are over together.
std::string WebSessions::stored() const {
    std::string text = std::to_string(issued_after_s_);
    for (const auto& [id, expires_s] : ended_) text += fmt::format("\n{} {}", id, expires_s);
    return text;
}

Result<> WebSessions::restore(std::string_view stored) {
    const auto lines = split(stored, '\n');
    const auto issued_after_s = parse_i64(lines.front());
    if (!issued_after_s) return fail(Errc::store_corrupt, "the ended sessions do not parse");
    const std::lock_guard lock(mutex_);
    issued_after_s_ = *issued_after_s;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto words = split(lines[i], ' ');
        const auto expires_s = words.size() == 2 ? parse_i64(words[1]) : std::nullopt;
        if (!expires_s) return fail(Errc::store_corrupt, "an ended session does not parse");
        ended_.emplace(words[0], *expires_s);
    }
    return {};
}

std::string WebSessions::make_link(std::string_view policy, WebAccess access, WallTime now,
                                   std::int64_t expires_s_max) {
    const std::string code = random_hex();
    const std::lock_guard lock(mutex_);
    if (links_.size() >= links_max) {
        links_.erase(std::min_element(links_.begin(), links_.end(), [](const auto& a, const auto& b) {
            return a.second.made_s < b.second.made_s;
        }));
    }
    links_.emplace(hmac_sha256(secret(), "link\n" + code),
                   Link{std::string(policy), access, now.unix_s(), expires_s_max});
    return code;
}

std::optional<std::string> WebSessions::open_link(std::string_view code, WallTime now) {
    Link link;
    {
        const std::lock_guard lock(mutex_);
        const auto found = links_.find(hmac_sha256(secret(), "link\n" + std::string(code)));
        if (found == links_.end()) return std::nullopt;
        link = std::move(found->second);
        links_.erase(found);
    }
    const auto policy = policies_.find(link.policy);
    if (policy == nullptr || now.unix_s() > link.made_s + link_lifetime_s) return std::nullopt;
    return open(*policy, link.access, now, link.expires_s_max);
}

}  // namespace carillon::rest
