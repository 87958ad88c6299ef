#pragma once

// Bytes written short, for the tests of all protocols; no part of the product.

#include <string>
#include <string_view>

namespace carillon::testing {

/// `"82 02 000A"` as bytes; blanks are ignored.
inline std::string from_hex(std::string_view text) {
    auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
    std::string bytes;
    int high = -1;
    for (char c : text) {
        if (c == ' ') continue;
        if (high < 0) {
            high = digit(c);
        } else {
            bytes.push_back(static_cast<char>(high * 16 + digit(c)));
            high = -1;
        }
    }
    return bytes;
}

inline std::string to_hex(std::string_view bytes) {
    std::string text;
    for (char c : bytes) {
        constexpr std::string_view digits = "0123456789abcdef";
        text.push_back(digits[static_cast<unsigned char>(c) >> 4]);
        text.push_back(digits[static_cast<unsigned char>(c) & 0xF]);
    }
    return text;
}

}  // namespace carillon::testing
