#include "base/random.hpp"

#include "base/result.hpp"
#include "base/text.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace carillon {

namespace {

std::string_view text_of(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::uint64_t Random::u64() {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
}

std::string Random::base64_key(std::size_t count) {
    std::string bytes(count, '\0');
    fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    return base64_encode(bytes);
}

std::string Random::hex32() {
    std::array<std::uint8_t, 16> bytes{};
    fill(bytes);
    std::string hex = hex_encode(text_of(bytes));
    for (char& c : hex) {
        if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    }
    return hex;
}

std::string Random::uuid() {
    std::array<std::uint8_t, 16> bytes{};
    fill(bytes);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);  // RFC 4122 §4.4: version 4
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);  // and its variant
    std::string hex = hex_encode(text_of(bytes));
    for (std::size_t at : {20U, 16U, 12U, 8U}) hex.insert(at, 1, '-');
    return hex;
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const std::size_t count = std::min<std::size_t>(out.size(), 1 << 20);
        // A machine without randomness must not go on: keys would be guessable.
        CARILLON_ASSERT(RAND_bytes(out.data(), static_cast<int>(count)) == 1);
        out = out.subspan(count);
    }
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        constexpr std::uint64_t step = 0x9E3779B97F4A7C15;
        std::uint64_t z = state_.fetch_add(step, std::memory_order_relaxed) + step;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        const std::size_t count = std::min<std::size_t>(out.size(), sizeof z);
        std::memcpy(out.data(), &z, count);
        out = out.subspan(count);
    }
}

}  // namespace carillon
