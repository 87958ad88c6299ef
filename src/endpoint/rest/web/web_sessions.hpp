#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "core/hub/policies.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::rest {

/// What a person may do who is signed in to the dashboard, besides what the policy allows.
enum class WebAccess : std::uint8_t { read, change };

/// A person who is signed in to the dashboard.
struct WebSession {
    std::string id;  ///< 32 hex digits; no secret.
    std::string policy;
    AccessRights rights = AccessRights::none;  ///< Those of the policy, now.
    WebAccess access = WebAccess::read;
    std::int64_t issued_s = 0;   ///< Since 1970.
    std::int64_t expires_s = 0;  ///< Since 1970.
    KeyTag key = KeyTag::none;   ///< Of the policy's two keys, on which it stands.
};

/// The sessions of the dashboard, and the links that open one. A session is a signed text that the browser
/// keeps in a cookie; the hub remembers only which were ended early, so sessions outlive a restart. The
/// signature covers the keys of the policy: a new key ends the policy's sessions. Any thread.
class WebSessions {
public:
    static constexpr std::int64_t lifetime_s = 12 * 3600;
    static constexpr std::int64_t link_lifetime_s = 120;
    /// Links that wait to be opened; a further one takes the place of the oldest.
    static constexpr std::size_t links_max = 64;
    /// Ended sessions that are remembered; one more ends all sessions there are.
    static constexpr std::size_t ended_max = 4096;
    static constexpr std::size_t cookie_bytes_max = 1024;

    /// `secret` is the hub's and survives restarts. `policies` and `random` outlive this.
    WebSessions(const Policies& policies, std::string_view secret, Random& random);
    WebSessions(const WebSessions&) = delete;
    WebSessions& operator=(const WebSessions&) = delete;

    /// From here on sessions and links are made under `secret`; older ones are over.
    void renew(std::string_view secret);

    /// Takes over what `end` gave before the hub stopped. Fails with `store_corrupt`.
    Result<> restore(std::string_view stored);

    /// The text of a new session. It ends after `lifetime_s`, or at `expires_s_max` if that is earlier.
    std::string open(const SharedAccessPolicy& policy, WebAccess access, WallTime now,
                     std::int64_t expires_s_max) const;
    /// The session that the text stands for, unless it is malformed, forged, over or ended.
    std::optional<WebSession> find(std::string_view text, WallTime now) const;
    /// What every writing request of the session must bring along.
    std::string csrf_token(const WebSession& session) const;
    /// Ends it; gives the text to store for `restore`.
    std::string end(const WebSession& session, WallTime now);

    /// A code that opens one session within `link_lifetime_s`, for a policy that the hub has.
    std::string make_link(std::string_view policy, WebAccess access, WallTime now,
                          std::int64_t expires_s_max);
    /// The text of the session that the code opens; nothing for a code that is unknown, used or too old.
    std::optional<std::string> open_link(std::string_view code, WallTime now);

private:
    struct Link {
        std::string policy;
        WebAccess access = WebAccess::read;
        std::int64_t made_s = 0;
        std::int64_t expires_s_max = 0;
    };
    std::string sign(std::string_view body, const SharedAccessPolicy& policy) const;
    std::string random_hex() const;
    std::string stored() const;

    const Policies& policies_;
    std::string secret() const;

    mutable std::mutex secret_mutex_;  ///< Guards `secret_`; held for a copy.
    std::string secret_;               ///< Bound: fixed
    Random& random_;
    mutable std::mutex mutex_;                   ///< Guards what follows; held for no longer than a look-up.
    std::map<std::string, std::int64_t> ended_;  ///< When each would have ended by itself. Bound: ended_max.
    std::int64_t issued_after_s_ = 0;            ///< Sessions issued at this second or before are over.
    /// By the code under the secret, so that no look-up leaks it. Bound: links_max.
    std::map<std::string, Link> links_;
};

}  // namespace carillon::rest
