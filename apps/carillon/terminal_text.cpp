#include "terminal_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace carillon {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

/// Characters that are drawn on the one before. Source: Unicode 15, general categories Mn and Me, and the
/// joiners; the scripts that people put into ids and tags.
constexpr std::array<Range, 13> without_width{{{0x300, 0x36F},
                                               {0x483, 0x489},
                                               {0x591, 0x5BD},
                                               {0x610, 0x61A},
                                               {0x64B, 0x65F},
                                               {0x93A, 0x94D},
                                               {0xE31, 0xE3A},
                                               {0x1AB0, 0x1AFF},
                                               {0x200B, 0x200F},
                                               {0x20D0, 0x20F0},
                                               {0xFE00, 0xFE0F},
                                               {0xFE20, 0xFE2F},
                                               {0xE0100, 0xE01EF}}};
/// Source: Unicode 15, UAX #11, East Asian Width W and F.
constexpr std::array<Range, 13> double_width{{{0x1100, 0x115F},
                                              {0x231A, 0x231B},
                                              {0x2E80, 0x303E},
                                              {0x3041, 0x33FF},
                                              {0x3400, 0x4DBF},
                                              {0x4E00, 0x9FFF},
                                              {0xA000, 0xA4CF},
                                              {0xAC00, 0xD7A3},
                                              {0xF900, 0xFAFF},
                                              {0xFE30, 0xFE6F},
                                              {0xFF00, 0xFF60},
                                              {0x1F300, 0x1FAFF},
                                              {0x20000, 0x3FFFD}}};

template <std::size_t n>
bool is_in(const std::array<Range, n>& ranges, std::uint32_t character) {
    return std::any_of(ranges.begin(), ranges.end(), [character](const Range& range) {
        return character >= range.first && character <= range.last;
    });
}

/// The bytes of the character at the front, and how many cells it takes. A byte that is not UTF-8 is one.
struct Character {
    std::size_t bytes = 1;
    std::size_t cells = 1;
};

Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t bytes = lead < 0xC0 ? 1U : lead < 0xE0 ? 2U : lead < 0xF0 ? 3U : 4U;
    if (bytes == 1 || bytes > text.size()) return {};
    std::uint32_t character = lead & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) character = character << 6 | (byte(i) & 0x3FU);
    if (is_in(without_width, character)) return {bytes, 0};
    return {bytes, is_in(double_width, character) ? std::size_t{2} : std::size_t{1}};
}

/// The longest beginning that fits.
std::string_view beginning(std::string_view text, std::size_t cells_max) {
    std::size_t end = 0;
    std::size_t cells = 0;
    while (end < text.size()) {
        const Character next = first_character(text.substr(end));
        if (cells + next.cells > cells_max) break;
        cells += next.cells;
        end += next.bytes;
    }
    return text.substr(0, end);
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& lines) {
    const std::size_t text_at = std::min(line.find_first_not_of(' '), line.size());
    const std::string indent(line.substr(0, text_at));
    std::string made = indent;
    bool is_begun = false;
    for (std::size_t at = text_at; at < line.size();) {
        const std::size_t end = std::min(line.find(' ', at), line.size());
        const std::string_view word = line.substr(at, end - at);
        if (is_begun && cells_of(made) + 1 + cells_of(word) > width) {
            lines.push_back(std::move(made));
            made = indent;
            is_begun = false;
        }
        if (is_begun) made += ' ';
        made += word;
        is_begun = true;
        at = std::min(line.find_first_not_of(' ', end), line.size());
    }
    lines.push_back(std::move(made));
}

}  // namespace

std::size_t cells_of(std::string_view text) {
    std::size_t cells = 0;
    while (!text.empty()) {
        const Character next = first_character(text);
        cells += next.cells;
        text.remove_prefix(next.bytes);
    }
    return cells;
}

std::string cut_to_cells(std::string_view text, std::size_t cells_max) {
    if (cells_of(text) <= cells_max) return std::string(text);
    if (cells_max == 0) return {};
    return std::string(beginning(text, cells_max - 1)) + "…";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    for (;;) {
        const std::size_t end = text.find('\n');
        wrap_line(text.substr(0, end), width, lines);
        if (end == text.npos) return lines;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string> packed(const std::vector<std::string>& parts, std::string_view gap,
                                std::size_t width) {
    std::vector<std::string> lines;
    std::size_t taken = 0;
    for (const std::string& part : parts) {
        if (part.empty()) continue;
        const std::size_t cells = cells_of(part);
        if (lines.empty() || taken + cells_of(gap) + cells > width) {
            lines.push_back(cut_to_cells(part, width));
            taken = std::min(cells, width);
            continue;
        }
        lines.back() += std::string(gap) + part;
        taken += cells_of(gap) + cells;
    }
    return lines;
}

std::string grouped_by_three(std::string digits) {
    for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
        digits.insert(static_cast<std::size_t>(i), ",");
    }
    return digits;
}

std::string on_one_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return text;
}

}  // namespace carillon
