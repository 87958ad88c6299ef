#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

namespace carillon {

/// Chance, injected so that tests and simulation can replace it. Safe from any thread.
class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;

    std::uint64_t u64();
    /// `count` random bytes in base64, such as a shared access key (32 bytes).
    std::string base64_key(std::size_t count = 32);
    /// 32 upper-case hex digits, such as a tracking id.
    std::string hex32();
    /// A version 4 UUID in lower case.
    std::string uuid();
};

/// Cryptographic randomness of the operating system, by way of OpenSSL.
class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override;
};

/// A reproducible sequence (splitmix64) for tests; not for keys.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    void fill(std::span<std::uint8_t> out) override;

private:
    std::atomic<std::uint64_t> state_;
};

}  // namespace carillon
