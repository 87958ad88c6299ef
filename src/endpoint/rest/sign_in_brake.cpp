#include "endpoint/rest/sign_in_brake.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <algorithm>

namespace carillon::rest {

namespace {

constexpr std::chrono::seconds forgiveness{SignInBrake::seconds_a_failure};

}  // namespace

std::string SignInBrake::address_of(std::string_view peer) {
    std::string host(peer.substr(0, peer.rfind(':')));
    if (!host.starts_with('[')) return host;
    host = host.substr(1, host.find(']') - 1);
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
    // An IPv4 address in IPv6 clothes is one host, not a /64 of them.
    if (IN6_IS_ADDR_V4MAPPED(&address)) return host;
    return {reinterpret_cast<const char*>(address.s6_addr), 8};  // The network's half.
}

SignInBrake::Account SignInBrake::forgiven(Account account, TimePoint now) {
    if (account.failures == 0) account.forgiven = now;
    const auto due = (now - account.forgiven) / forgiveness;
    account.failures = static_cast<int>(std::max<std::int64_t>(0, account.failures - due));
    account.forgiven += due * forgiveness;
    return account;
}

SignInBrake::Account* SignInBrake::find_account(const std::string& address) {
    const auto found = accounts_.find(address);
    if (found != accounts_.end()) return &found->second;
    return accounts_.size() < addresses_max ? nullptr : &others_;
}

Duration SignInBrake::wait(std::string_view peer, TimePoint now) {
    const std::lock_guard lock(mutex_);
    Account* account = find_account(address_of(peer));
    if (account == nullptr) return Duration::zero();
    *account = forgiven(*account, now);
    if (account->failures < failures_max) return Duration::zero();
    return account->forgiven + forgiveness - now;
}

void SignInBrake::failed(std::string_view peer, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (accounts_.size() >= addresses_max) {
        std::erase_if(accounts_,
                      [now](const auto& entry) { return forgiven(entry.second, now).failures == 0; });
    }
    const std::string address = address_of(peer);
    Account* account = find_account(address);
    if (account == nullptr) account = &accounts_[address];
    *account = forgiven(*account, now);
    if (account->failures < failures_max) ++account->failures;
}

}  // namespace carillon::rest
