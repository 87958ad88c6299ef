#include "core/hub/login_brake.hpp"

#include "base/log.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <algorithm>
#include <functional>
#include <utility>

namespace carillon {

LoginBrake::LoginBrake()
    : identities_(std::make_unique<Accounts>()), addresses_(std::make_unique<Accounts>()) {}

std::string LoginBrake::address_of(std::string_view peer) {
    std::string host(peer.substr(0, peer.rfind(':')));
    if (!host.starts_with('[')) return host;
    host = host.substr(1, host.find(']') - 1);
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
    // An IPv4 address in IPv6 clothes is one host, not a /64 of them.
    if (IN6_IS_ADDR_V4MAPPED(&address)) return host;
    return {reinterpret_cast<const char*>(address.s6_addr), 8};  // The network's half.
}

/// A bucket that leaks at the pace and answers late what is over its rim; what would wait for longer than
/// `wait_max` is forgotten, so that who stops failing is soon free.
Duration LoginBrake::charge(Account& account, const Pace& pace, TimePoint now) {
    const Duration rim = pace.at_once * pace.each;
    account.paid_until = std::max(account.paid_until, now) + pace.each;
    account.paid_until = std::min(account.paid_until, now + rim + Duration(wait_max));
    ++account.unlogged;
    return std::max(Duration::zero(), account.paid_until - now - rim);
}

/// What a peer can cause at will is logged at a limited rate: for each account, and in all.
bool LoginBrake::may_log(Account& account, TimePoint Account::*next, TimePoint now) {
    if (now < account.*next) return false;
    if (now >= second_ + std::chrono::seconds(1)) {
        second_ = now;
        lines_ = 0;
    }
    if (lines_ == lines_a_second_max) return false;
    ++lines_;
    account.*next = now + between_lines;
    return true;
}

void LoginBrake::count_cause(const Failure& failure) {
    const auto find = [this](std::string_view protocol, std::string_view why) {
        return std::find_if(causes_.begin(), causes_.end(), [&](const Cause& cause) {
            return cause.protocol == protocol && cause.why == why;
        });
    };
    auto found = find(failure.protocol, failure.why);
    if (found == causes_.end() && causes_.size() + 1 >= causes_max) found = find("other", "other");
    if (found == causes_.end()) {
        const bool is_last = causes_.size() + 1 == causes_max;
        causes_.push_back({is_last ? "other" : std::string(failure.protocol),
                           is_last ? "other" : std::string(failure.why), 0});
        found = causes_.end() - 1;
    }
    ++found->count;
}

std::vector<LoginBrake::Cause> LoginBrake::causes() const {
    const std::lock_guard lock(mutex_);
    return causes_;
}

Duration LoginBrake::failed(const Failure& failure, TimePoint now) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    const std::string address = address_of(failure.peer);
    const std::hash<std::string_view> hash;
    const std::lock_guard lock(mutex_);
    count_cause(failure);
    Account& host = (*addresses_)[hash(address) % accounts_max];
    // An unknown name is counted by its address alone.
    const bool is_known = !failure.identity.empty();
    Account& identity = is_known ? (*identities_)[hash(failure.identity) % accounts_max] : host;
    const Duration identity_wait = is_known ? charge(identity, identity_pace, now) : Duration::zero();
    const Duration host_wait = charge(host, address_pace, now);
    if (may_log(identity, &Account::next_line, now)) {
        log.info("login refused protocol={} identity={} peer={} why=\"{}\" count={}", failure.protocol,
                 is_known ? failure.identity : "unknown", failure.peer, failure.why,
                 std::exchange(identity.unlogged, 0));
    }
    if (identity_wait > Duration::zero() && may_log(identity, &Account::next_warning, now)) {
        log.warn("failed logins slowed identity={} peer={}", failure.identity, failure.peer);
    }
    if (host_wait > Duration::zero() && may_log(host, &Account::next_warning, now)) {
        log.warn("failed logins slowed peer={} logins_failed={}", failure.peer, failures());
    }
    if (std::max(identity_wait, host_wait) > Duration::zero()) ++slowed_;
    return std::max(identity_wait, host_wait);
}

}  // namespace carillon
