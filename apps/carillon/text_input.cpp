#include "text_input.hpp"

#include "failure.hpp"

#include <algorithm>

namespace carillon {

Result<std::string_view> without_byte_order_mark(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) return text.substr(3);
    const bool is_marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    // Without a mark, every other byte of plain text is zero; JSON and lines of JSON begin with plain text.
    const bool is_alternating = text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0');
    if (!is_marked && !is_alternating) return text;
    return fail_usage(
        "the text is UTF-16, and UTF-8 is needed; in PowerShell: Set-Content -Encoding utf8, elsewhere: "
        "iconv "
        "-f UTF-16 -t UTF-8");
}

std::string place_in(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte, text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::string_view in_line = before.substr(before.find_last_of('\n') + 1);
    const auto column =
        std::count_if(in_line.begin(), in_line.end(), [](char c) { return (c & 0xC0) != 0x80; }) + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace carillon
