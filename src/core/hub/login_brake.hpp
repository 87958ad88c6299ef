#pragma once

#include "base/clock.hpp"
#include "base/metrics.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Slows whoever tries wrong credentials, at every door of the hub: the answer to a failed login waits, by
/// how often logins of this identity, and from this address, failed before. What is right never waits: a
/// fleet behind one address, or a device that somebody else claims to be, comes in as ever. Ours. Any
/// thread; no clock inside.
class LoginBrake {
public:
    /// So many failures are answered at once, then one in `each`.
    struct Pace {
        int at_once;
        Duration each;
    };
    static constexpr Pace identity_pace{20, std::chrono::seconds(1)};
    static constexpr Pace address_pace{100, std::chrono::milliseconds(100)};
    /// The longest wait, well within the time a peer has to authenticate.
    static constexpr std::chrono::seconds wait_max{5};
    /// Identities that are told apart, and addresses; some share an account, which slows no one but
    /// those who fail.
    static constexpr std::size_t accounts_max = 4096;
    /// An account is named in the log once in so long.
    static constexpr std::chrono::seconds between_lines{60};
    static constexpr int lines_a_second_max = 5;
    /// Pairs of protocol and cause that are counted apart; what is beyond counts as `other`.
    static constexpr std::size_t causes_max = 64;

    struct Failure {
        std::string_view protocol;  ///< For the log, as is `why`.
        std::string_view identity;  ///< The device, or the policy; empty if the hub has no such policy.
        std::string_view peer;      ///< `address:port`
        std::string_view why;
    };

    LoginBrake();

    /// Notes a failed login; gives how long its answer has to wait. Logs what is new of it.
    Duration failed(const Failure& failure, TimePoint now);
    /// Failed logins so far.
    std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }
    /// Of these, those whose answers were made to wait.
    std::uint64_t slowed() const { return slowed_; }
    /// Those of one protocol that have one cause, a text of the hub's own.
    struct Cause {
        std::string protocol;
        std::string why;
        std::uint64_t count = 0;
    };
    std::vector<Cause> causes() const;

    /// Who `peer` is taken for: an IPv4 address, or the /64 of an IPv6 one, which one host may own whole.
    static std::string address_of(std::string_view peer);

private:
    struct Account {
        TimePoint paid_until{};  ///< When as many failures as there were would have been due at its pace.
        TimePoint next_line{};
        TimePoint next_warning{};
        std::uint32_t unlogged = 0;
    };
    using Accounts = std::array<Account, accounts_max>;

    static Duration charge(Account& account, const Pace& pace, TimePoint now);
    void count_cause(const Failure& failure);
    bool may_log(Account& account, TimePoint Account::*next, TimePoint now);

    std::atomic<std::uint64_t> failures_{0};
    Counter slowed_;
    mutable std::mutex mutex_;  ///< Guards what follows; held for no longer than a look-up and a line.
    std::unique_ptr<Accounts> identities_;
    std::unique_ptr<Accounts> addresses_;
    TimePoint second_{};  ///< Since when `lines_` were written.
    int lines_ = 0;
    std::vector<Cause> causes_;  ///< Bound: causes_max.
};

}  // namespace carillon
