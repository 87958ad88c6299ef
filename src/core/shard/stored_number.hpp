#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Numbers within stored keys are big-endian, so that byte order is numeric order.
template <class T>
void append_be(std::string& out, T number) {
    for (int shift = (static_cast<int>(sizeof(T)) - 1) * 8; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift));
    }
}

/// The number in the first bytes of `text`; zero if it is too short.
template <class T>
T read_be(std::string_view text) {
    if (text.size() < sizeof(T)) return 0;
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) number = number << 8 | static_cast<unsigned char>(text[i]);
    return static_cast<T>(number);
}

}  // namespace carillon
