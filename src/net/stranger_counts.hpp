#pragma once

#include "base/clock.hpp"
#include "base/log_rate.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace carillon {

/// The open connections from each address that have not proved who they are, and whether the handshakes that
/// it began were of any use lately. Any thread.
///
/// Addresses share a fixed number of accounts, by a hash that a peer cannot foresee; a network of IPv6 (/64)
/// is one address, as its owner has all of it.
class StrangerCounts {
public:
    static constexpr std::size_t accounts_max = 4096;
    using Account = std::uint16_t;
    /// For so long an address is doubted by the last handshake that it did not finish.
    static constexpr std::chrono::seconds doubted_for{60};
    /// Handshakes that it has to finish at most, until it is doubted no more.
    static constexpr std::uint32_t doubts_max = 64;

    /// Beyond it, new connections from the address are closed at once. Ours: far more than a fleet behind one
    /// address has on their way in at a time, as `HandshakeGate` lets few of them in at once.
    std::size_t per_address_max = 1024;
    std::atomic<std::size_t> refused{0};
    LogRate log_rate{std::chrono::seconds(10)};

    /// `address` has 4 or 16 bytes.
    Account account_of(std::span<const std::uint8_t> address) const {
        constexpr std::size_t network_bytes = 8;
        std::uint64_t hash = seed_;
        for (const std::uint8_t byte : address.first(std::min(address.size(), network_bytes))) {
            hash = (hash ^ byte) * 0x100000001b3U;  // FNV-1a
        }
        hash ^= hash >> 32U;
        return static_cast<Account>(hash * 0x9e3779b97f4a7c15U >> 52U);
    }
    /// A place for one more; false if there is none.
    bool take(Account account) {
        if (open_[account].fetch_add(1, std::memory_order_relaxed) < per_address_max) return true;
        give_back(account);
        return false;
    }
    void give_back(Account account) { open_[account].fetch_sub(1, std::memory_order_relaxed); }
    std::size_t open(Account account) const { return open_[account].load(std::memory_order_relaxed); }

    /// A handshake from there that we had answered came to nothing.
    void abandoned(Account account, TimePoint now) {
        std::atomic<std::uint32_t>& doubts = doubts_[account];
        if (!is_doubted(account, now)) doubts.store(0, std::memory_order_relaxed);
        if (doubts.load(std::memory_order_relaxed) < doubts_max)
            doubts.fetch_add(1, std::memory_order_relaxed);
        abandoned_[account].store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }
    /// One was finished, which outweighs one that was not.
    void finished(Account account) {
        std::atomic<std::uint32_t>& doubts = doubts_[account];
        std::uint32_t now = doubts.load(std::memory_order_relaxed);
        while (now > 0 && !doubts.compare_exchange_weak(now, now - 1, std::memory_order_relaxed)) {
        }
    }
    /// Of its handshakes of late, more were abandoned than finished.
    bool is_doubted(Account account, TimePoint now) const {
        const TimePoint last{Duration{abandoned_[account].load(std::memory_order_relaxed)}};
        return doubts_[account].load(std::memory_order_relaxed) > 0 && now - last < doubted_for;
    }

private:
    static_assert(accounts_max == std::size_t{1} << (64 - 52));

    std::uint64_t seed_ = std::random_device()();
    std::array<std::atomic<std::uint32_t>, accounts_max> open_{};
    std::array<std::atomic<std::uint32_t>, accounts_max> doubts_{};
    std::array<std::atomic<Duration::rep>, accounts_max> abandoned_{};  ///< When one was, last.
};

}  // namespace carillon
