#include "base/json.hpp"
#include "base/utf8.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace carillon {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_unicode_escape(std::string& out, std::uint32_t unit) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex_digits[unit >> shift & 15];
}

/// The escape of an ASCII character that must not stand in a string as it is.
void append_ascii_escape(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            append_unicode_escape(out, static_cast<unsigned char>(c));
    }
}

template <class Number>
void append_number(std::string& out, Number number) {
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

/// Where the first byte lies from `at` on that does not stand in a string as it is: eight bytes at a time, as
/// most text has none.
std::size_t find_special(std::string_view text, std::size_t at, bool ascii) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = ones * 0x80;
    // Whether a byte below `limit` (up to 0x80) is among them.
    const auto has_below = [](std::uint64_t bytes, std::uint64_t limit) {
        return (bytes - ones * limit) & ~bytes & highs;
    };
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        const std::uint64_t special = has_below(bytes, 0x20) | has_below(bytes ^ (ones * '"'), 1) |
                                      has_below(bytes ^ (ones * '\\'), 1) | (ascii ? bytes & highs : 0);
        if (special != 0) break;
    }
    for (; at < text.size(); ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x20 || c == '"' || c == '\\' || (ascii && c >= 0x80)) break;
    }
    return at;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, bool ascii) {
    out += '"';
    std::size_t run = 0;
    std::size_t at = find_special(text, 0, ascii);
    while (at < text.size()) {
        out.append(text, run, at - run);
        if (static_cast<unsigned char>(text[at]) < 0x80) {
            append_ascii_escape(out, text[at]);
            ++at;
        } else {
            const std::size_t length = utf8_sequence_length(text.data() + at, text.size() - at);
            if (length == 0) {  // not UTF-8; what we hold was checked, so only a caller's slip leads here
                out += "\\ufffd";
                ++at;
            } else {
                const auto code = static_cast<std::uint32_t>(utf8_code_point(text.data() + at, length));
                if (code >= 0x10000) {
                    append_unicode_escape(out, 0xD800 + ((code - 0x10000) >> 10));
                    append_unicode_escape(out, 0xDC00 + (code & 0x3FF));
                } else {
                    append_unicode_escape(out, code);
                }
                at += length;
            }
        }
        run = at;
        at = find_special(text, at, ascii);
    }
    out.append(text, run, at - run);
    out += '"';
}

void JsonWriter::separate() {
    if (need_comma_) out_ += ',';
    need_comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
    separate();
    out_ += '{';
    need_comma_ = false;
    return *this;
}
JsonWriter& JsonWriter::end_object() {
    out_ += '}';
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::begin_array() {
    separate();
    out_ += '[';
    need_comma_ = false;
    return *this;
}
JsonWriter& JsonWriter::end_array() {
    out_ += ']';
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    need_comma_ = false;
    return *this;
}
JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    append_json_string(out_, text);
    return *this;
}
JsonWriter& JsonWriter::value(bool flag) {
    return raw(flag ? "true" : "false");
}
JsonWriter& JsonWriter::value(std::int64_t number) {
    separate();
    append_number(out_, number);
    return *this;
}
JsonWriter& JsonWriter::value(std::uint64_t number) {
    separate();
    append_number(out_, number);
    return *this;
}
JsonWriter& JsonWriter::value(double number) {
    if (!std::isfinite(number)) return null();
    separate();
    append_number(out_, number);
    return *this;
}
JsonWriter& JsonWriter::member_or_null(std::string_view name, std::string_view text) {
    key(name);
    return text.empty() ? null() : value(text);
}

JsonWriter& JsonWriter::null() {
    return raw("null");
}
JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace carillon
