#include "store/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace carillon {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78;  // Bits reversed.

/// Row r holds the checksum of each byte followed by r zeros, so that eight bytes cost eight look-ups
/// that do not wait for each other.
constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
        tables[0][byte] = crc;
    }
    for (std::size_t row = 1; row < tables.size(); ++row) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[row - 1][byte];
            tables[row][byte] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    }
    return tables;
}
constexpr auto crc_tables = make_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc, std::string_view bytes) {
    std::uint64_t state = ~crc;
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    for (; end - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        state = __builtin_ia32_crc32di(state, word);
    }
    auto narrow = static_cast<std::uint32_t>(state);
    for (; at != end; ++at) narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*at));
    return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t crc, std::string_view bytes) {
    crc = ~crc;
    std::size_t at = 0;
    const auto byte = [&bytes](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    for (; at + 8 <= bytes.size(); at += 8) {
        crc ^= byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
        crc = crc_tables[7][crc & 0xFF] ^ crc_tables[6][(crc >> 8) & 0xFF] ^
              crc_tables[5][(crc >> 16) & 0xFF] ^ crc_tables[4][crc >> 24] ^ crc_tables[3][byte(at + 4)] ^
              crc_tables[2][byte(at + 5)] ^ crc_tables[1][byte(at + 6)] ^ crc_tables[0][byte(at + 7)];
    }
    for (; at < bytes.size(); ++at) crc = (crc >> 8) ^ crc_tables[0][(crc ^ byte(at)) & 0xFF];
    return ~crc;
}

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
    static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
    if (has_instruction) return by_instruction(crc, bytes);
#endif
    return crc32c_by_table(crc, bytes);
}

}  // namespace carillon
