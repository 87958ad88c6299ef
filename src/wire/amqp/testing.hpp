#pragma once

// Bytes written short; no part of the product.

#include "wire/amqp/performatives.hpp"

#include <string>
#include <string_view>

namespace carillon::amqp::testing {

/// `"A1 02 6869"` as bytes; blanks are ignored.
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

/// An attach of a link called `name` to `address`, as the side that is to be its sender or receiver says it.
inline Attach attach_of(std::string_view name, LinkRole role, std::string_view address) {
    Attach attach;
    attach.name = name;
    attach.role = role;
    (role == LinkRole::sender ? attach.target : attach.source).is_present = true;
    (role == LinkRole::sender ? attach.target : attach.source).address = address;
    return attach;
}

}  // namespace carillon::amqp::testing
