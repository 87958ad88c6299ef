#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Numbers within stored keys are big-endian, so that byte order is numeric order.
template <class T>
void append_be(std::string& out, T number) {
    std::array<char, sizeof(T)> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * (bytes.size() - 1 - i)));
    out.append(bytes.data(), bytes.size());
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
