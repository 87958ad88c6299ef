#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Appends the words stored records are made of; `Unpacker` reads them back.
class Packer {
public:
    explicit Packer(std::string& out) : out_(out) {}

    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    /// LEB128: seven bits a byte, least significant first.
    void number(std::uint64_t value) {
        std::array<char, 10> bytes;
        std::size_t count = 0;
        while (value >= 0x80) {
            bytes[count++] = static_cast<char>(value | 0x80);
            value >>= 7;
        }
        bytes[count++] = static_cast<char>(value);
        out_.append(bytes.data(), count);
    }
    /// Zigzag, so that small negative numbers are short too.
    void signed_number(std::int64_t value) {
        number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
    }
    /// Eight bytes, big-endian.
    void time(WallTime value) {
        std::array<char, 8> bytes;
        auto left = static_cast<std::uint64_t>(value.ticks);
        for (auto at = bytes.rbegin(); at != bytes.rend(); ++at, left >>= 8) *at = static_cast<char>(left);
        out_.append(bytes.data(), bytes.size());
    }
    /// Length as a number, then the bytes.
    void text(std::string_view value) {
        number(value.size());
        out_ += value;
    }

private:
    std::string& out_;
};

/// Reads what `Packer` wrote. Goes bad at the first short or illegal word and stays bad, giving
/// zeros and empty texts, so that one look at `ok()` at the end covers all.
class Unpacker {
public:
    explicit Unpacker(Bytes in) : rest_(as_text(in)) {}

    std::uint8_t u8() {
        if (rest_.empty()) return bad<std::uint8_t>();
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t byte = u8();
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) return value;
        }
        return bad<std::uint64_t>();
    }
    std::int64_t signed_number() {
        const auto value = number();
        return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
    }
    WallTime time() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = value << 8 | u8();
        return {static_cast<std::int64_t>(value)};
    }
    /// Views the input.
    std::string_view text() {
        const auto size = number();
        if (size > rest_.size()) return bad<std::string_view>();
        const auto value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }
    /// A number of items to follow, each at least a byte; anything larger is bad, so that a
    /// damaged count cannot cost memory.
    std::size_t count() {
        const auto value = number();
        return value <= rest_.size() ? value : bad<std::size_t>();
    }
    /// All that is left.
    std::string_view rest() {
        const auto value = rest_;
        rest_ = {};
        return value;
    }

    std::size_t left() const { return rest_.size(); }
    bool ok() const { return is_ok_; }
    bool at_end() const { return is_ok_ && rest_.empty(); }

private:
    template <class T>
    T bad() {
        is_ok_ = false;
        rest_ = {};
        return T{};
    }
    std::string_view rest_;
    bool is_ok_ = true;
};

}  // namespace carillon
