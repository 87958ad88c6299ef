#include "query/fault_text.hpp"

#include <algorithm>
#include <cstddef>

namespace carillon::query {

std::string describe_fault(std::string_view text, const Fault& fault, std::string_view prefix) {
    const std::string_view before = text.substr(0, fault.offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_begin = line == 1 ? 0 : before.rfind('\n') + 1;
    auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    auto column = 1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                                    begins_character);
    if (line == 1) column += static_cast<std::ptrdiff_t>(prefix.size());
    return "Line " + std::to_string(line) + ":" + std::to_string(column) + " " + fault.reason;
}

}  // namespace carillon::query
