#pragma once

#include <cstddef>

namespace carillon {

/// Length of the well-formed UTF-8 sequence (RFC 3629: shortest form, no surrogates, at most
/// U+10FFFF) at `text`, of which `available` bytes may be read; 0 if there is none.
inline std::size_t utf8_sequence_length(const char* text, std::size_t available) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto is_tail = [&byte](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    if (available == 0) return 0;
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    if (first < 0xC2) return 0;
    if (first < 0xE0) return available >= 2 && is_tail(1) ? 2 : 0;
    if (first < 0xF0) {
        if (available < 3 || !is_tail(1) || !is_tail(2)) return 0;
        if (first == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
        if (first == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
        return 3;
    }
    if (first > 0xF4 || available < 4 || !is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;   // overlong
    if (first == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
}

/// The code point of a well-formed sequence of `length` bytes.
inline char32_t utf8_code_point(const char* text, std::size_t length) {
    const auto byte = [text](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
    };
    switch (length) {
        case 1:
            return byte(0);
        case 2:
            return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
        case 3:
            return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
        default:
            return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    }
}

}  // namespace carillon
