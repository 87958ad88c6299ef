#include "store/log_end.hpp"

#include "store/crc32c.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace carillon {
namespace {

constexpr std::uint64_t block_bytes = 32 * 1024;
constexpr std::uint64_t header_bytes = 7;  ///< Checksum u32, size u16, type u8.
enum class Part : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };

struct Fragment {
    Part part;
    std::uint64_t bytes;  ///< With the header.
};

std::uint32_t unmasked(std::uint32_t crc) {
    const std::uint32_t rotated = crc - 0xA282EAD8U;
    return (rotated >> 17) | (rotated << 15);
}

/// The fragment that begins at `at`, if a good one does. It ends within its block.
std::optional<Fragment> find_fragment(std::string_view tail, std::uint64_t at, std::uint64_t block_left) {
    if (tail.size() - at < header_bytes) return std::nullopt;
    const auto byte = [&](std::uint64_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(tail[at + i]));
    };
    const std::uint32_t crc = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
    const std::uint64_t size = byte(4) | byte(5) << 8;
    const std::uint32_t type = byte(6);
    if (type < 1 || type > 4 || header_bytes + size > std::min<std::uint64_t>(block_left, tail.size() - at)) {
        return std::nullopt;
    }
    if (crc32c(0, tail.substr(at + 6, size + 1)) != unmasked(crc)) return std::nullopt;
    return Fragment{static_cast<Part>(type), header_bytes + size};
}

/// Whether a record begins behind the bad one at `at`. What the bad one says of its size leads to the
/// next; where it leads nowhere, the next block begins afresh. Bytes inside a record are never taken
/// for one, as a device may have chosen them.
bool has_later_record(std::string_view tail, std::uint64_t from, std::uint64_t at) {
    const auto byte = [&tail](std::uint64_t i) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(tail[i]));
    };
    if (tail.size() - at >= header_bytes) at += header_bytes + (byte(at + 4) | byte(at + 5) << 8);
    while (at < tail.size()) {
        const std::uint64_t block_left = block_bytes - (from + at) % block_bytes;
        const auto fragment = block_left < header_bytes ? std::nullopt : find_fragment(tail, at, block_left);
        if (fragment && (fragment->part == Part::full || fragment->part == Part::first)) return true;
        at += fragment ? fragment->bytes : block_left;
    }
    return false;
}

}  // namespace

LogReading read_log_end(std::string_view tail, std::uint64_t from) {
    LogReading reading{.bytes = from};
    bool is_within_record = false;
    for (std::uint64_t at = 0; at < tail.size();) {
        const std::uint64_t block_left = block_bytes - (from + at) % block_bytes;
        if (block_left < header_bytes) {  // Filled with zeros.
            at += block_left;
            if (!is_within_record) reading.bytes = std::min<std::uint64_t>(from + at, from + tail.size());
            continue;
        }
        const auto fragment = find_fragment(tail, at, block_left);
        const bool begins = fragment && (fragment->part == Part::full || fragment->part == Part::first);
        if (!fragment || begins == is_within_record) {
            const bool is_damaged = begins || has_later_record(tail, from, at);
            reading.end = is_damaged ? LogEnd::damaged : LogEnd::torn;
            return reading;
        }
        at += fragment->bytes;
        is_within_record = fragment->part == Part::first || fragment->part == Part::middle;
        if (!is_within_record) reading.bytes = from + at;
    }
    if (is_within_record) reading.end = LogEnd::torn;
    return reading;
}

}  // namespace carillon
