#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace carillon::rest {

/// Slows whoever guesses keys at the dashboard's door: each address may fail `failures_max` times at
/// once, then once in `seconds_a_failure`. Ours. Any thread; no clock inside.
class SignInBrake {
public:
    static constexpr int failures_max = 5;
    static constexpr int seconds_a_failure = 10;
    /// Addresses that are told apart; those beyond share one bucket.
    static constexpr std::size_t addresses_max = 4096;

    /// How long an attempt from `peer` (`address:port`) has to wait; zero if it may be made.
    Duration wait(std::string_view peer, TimePoint now);
    /// Notes an attempt with a wrong key.
    void failed(std::string_view peer, TimePoint now);

    /// Who `peer` is taken for: an IPv4 address, or the /64 of an IPv6 one, which one host may own whole.
    static std::string address_of(std::string_view peer);

private:
    struct Account {
        int failures = 0;
        TimePoint forgiven{};  ///< Up to when failures have been forgiven.
    };
    static Account forgiven(Account account, TimePoint now);
    /// Null for an address that has not failed yet, and gets an account by that.
    Account* find_account(const std::string& address);

    std::mutex mutex_;  ///< Guards all that follows; held for no longer than a look-up.
    std::map<std::string, Account> accounts_;  ///< Bound: addresses_max.
    Account others_;
};

}  // namespace carillon::rest
