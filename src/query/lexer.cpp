#include "query/lexer.hpp"

#include "base/text.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace carillon::query {
namespace {

constexpr std::pair<std::string_view, Keyword> keywords[] = {
    {"select", Keyword::select_},
    {"top", Keyword::top},
    {"from", Keyword::from},
    {"where", Keyword::where},
    {"group", Keyword::group},
    {"by", Keyword::by},
    {"as", Keyword::as},
    {"and", Keyword::and_},
    {"or", Keyword::or_},
    {"not", Keyword::not_},
    {"in", Keyword::in},
    {"nin", Keyword::nin},
    {"undefined", Keyword::undefined},
    {"null", Keyword::null},
    {"true", Keyword::true_},
    {"false", Keyword::false_},
    {"join", Keyword::join},
    {"order", Keyword::order},
    {"having", Keyword::having},
    {"distinct", Keyword::distinct},
    {"like", Keyword::like},
    {"between", Keyword::between},
    {"offset", Keyword::offset},
    {"limit", Keyword::limit},
    {"exists", Keyword::exists},
    {"case", Keyword::case_},
    {"value", Keyword::value},
    {"union", Keyword::union_},
};

Keyword keyword_of(std::string_view word) {
    if (word.size() < 2 || word.size() > 9) return Keyword::none;
    for (const auto& [text, keyword] : keywords) {
        if (equals_ignoring_case(word, text)) return keyword;
    }
    return Keyword::none;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool begins_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool continues_word(char c) {
    return begins_word(c) || is_digit(c);
}
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
    auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | (c >> 6));
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3F));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

}  // namespace

Lexer::Lexer(std::string_view source) : source_(source) {
    if (!is_utf8(source_)) fault_ = Fault{.offset = 0, .reason = "Statement is not valid UTF-8"};
}

Token Lexer::bad(std::size_t offset, std::string reason) {
    if (!fault_) fault_ = Fault{.offset = offset, .reason = std::move(reason)};
    return Token{.kind = Token::Kind::bad, .offset = fault_->offset};
}

bool Lexer::skip_space() {
    while (at_ < source_.size()) {
        if (is_space(source_[at_])) {
            ++at_;
        } else if (source_.substr(at_, 2) == "--") {
            at_ = std::min(source_.find('\n', at_), source_.size());
        } else if (source_.substr(at_, 2) == "/*") {
            const std::size_t end = source_.find("*/", at_ + 2);
            if (end == std::string_view::npos) {
                bad(at_, "Comment without end");
                return false;
            }
            at_ = end + 2;
        } else {
            break;
        }
    }
    return true;
}

Token Lexer::next() {
    if (fault_ || !skip_space()) return bad(at_, {});
    const std::size_t offset = at_;
    if (at_ == source_.size()) {
        return Token{.kind = Token::Kind::end, .offset = offset};
    }
    const char c = source_[at_];
    if (begins_word(c)) return read_word(offset);
    if (is_digit(c)) return read_number(offset);
    if (c == '\'' || c == '"') return read_string(offset);
    return read_symbol(offset);
}

Token Lexer::read_word(std::size_t offset) {
    const auto skip = [this] {
        while (at_ < source_.size() && continues_word(source_[at_])) ++at_;
    };
    skip();
    // `$dt-subject` and `$dt-dataschema` are names. Source: IoT Hub docs, "IoT Hub message routing query
    // syntax".
    if (source_.substr(offset, at_ - offset) == "$dt" && source_.substr(at_, 1) == "-") {
        ++at_;
        skip();
    }
    const std::string_view text = source_.substr(offset, at_ - offset);
    return Token{.kind = Token::Kind::word, .keyword = keyword_of(text), .offset = offset, .text = text};
}

Token Lexer::read_number(std::size_t offset) {
    double number = 0;
    if (source_[at_] == '0' && at_ + 1 < source_.size() && (source_[at_ + 1] | 0x20) == 'x') {
        at_ += 2;
        const std::size_t first = at_;
        for (int digit; at_ < source_.size() && (digit = hex_digit(source_[at_])) >= 0; ++at_) {
            number = number * 16 + digit;
        }
        if (at_ == first) return bad(offset, "Malformed number");
    } else {
        auto digits = [this] {
            const std::size_t first = at_;
            while (at_ < source_.size() && is_digit(source_[at_])) ++at_;
            return at_ > first;
        };
        digits();
        if (at_ < source_.size() && source_[at_] == '.') {
            ++at_;
            if (!digits()) return bad(offset, "Malformed number");
        }
        if (at_ < source_.size() && (source_[at_] | 0x20) == 'e') {
            ++at_;
            if (at_ < source_.size() && (source_[at_] == '+' || source_[at_] == '-')) ++at_;
            if (!digits()) return bad(offset, "Malformed number");
        }
        const char* const end = source_.data() + at_;
        const auto [stop, status] = std::from_chars(source_.data() + offset, end, number);
        if (status == std::errc::result_out_of_range) return bad(offset, "Number out of range");
        if (status != std::errc{} || stop != end) return bad(offset, "Malformed number");
    }
    if (!std::isfinite(number)) return bad(offset, "Number out of range");
    if (at_ < source_.size() && continues_word(source_[at_])) return bad(offset, "Malformed number");
    return Token{.kind = Token::Kind::number,
                 .offset = offset,
                 .text = source_.substr(offset, at_ - offset),
                 .number = number};
}

Token Lexer::read_string(std::size_t offset) {
    const char quote = source_[at_++];
    std::string value;
    for (;;) {
        if (at_ == source_.size()) return bad(offset, "String without end");
        const char c = source_[at_];
        if (c == quote) break;
        if (c == '\\') {
            const std::size_t escape = at_++;
            if (!read_escape(value)) return bad(escape, "Malformed escape in a string");
        } else {
            value.push_back(c);
            ++at_;
        }
    }
    ++at_;
    return Token{.kind = Token::Kind::string,
                 .offset = offset,
                 .text = source_.substr(offset, at_ - offset),
                 .value = std::move(value)};
}

bool Lexer::read_escape(std::string& out) {
    if (at_ == source_.size()) return false;
    const char c = source_[at_++];
    constexpr std::string_view names = "'\"\\/bfnrt";
    constexpr std::string_view means = "'\"\\/\b\f\n\r\t";
    if (const std::size_t i = names.find(c); i != std::string_view::npos) {
        out.push_back(means[i]);
        return true;
    }
    if (c != 'u') return false;
    auto unit = read_code_unit();
    if (!unit) return false;
    std::uint32_t code = *unit;
    if (code >= 0xDC00 && code < 0xE000) return false;
    if (code >= 0xD800 && code < 0xDC00) {  // a pair of surrogates, or nothing
        if (source_.substr(at_, 2) != "\\u") return false;
        at_ += 2;
        auto low = read_code_unit();
        if (!low || *low < 0xDC00 || *low >= 0xE000) return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
    }
    append_utf8(out, code);
    return true;
}

std::optional<std::uint32_t> Lexer::read_code_unit() {
    std::uint32_t unit = 0;
    if (source_.size() - at_ < 4) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_digit(source_[at_++]);
        if (digit < 0) return std::nullopt;
        unit = unit * 16 + static_cast<std::uint32_t>(digit);
    }
    return unit;
}

Token Lexer::read_symbol(std::size_t offset) {
    auto make = [&](Symbol symbol, std::size_t length) {
        at_ = offset + length;
        return Token{.kind = Token::Kind::symbol,
                     .symbol = symbol,
                     .offset = offset,
                     .text = source_.substr(offset, length)};
    };
    const char second = offset + 1 < source_.size() ? source_[offset + 1] : '\0';
    switch (source_[offset]) {
        case '*':
            return make(Symbol::star, 1);
        case '.':
            return make(Symbol::dot, 1);
        case ',':
            return make(Symbol::comma, 1);
        case '(':
            return make(Symbol::open_paren, 1);
        case ')':
            return make(Symbol::close_paren, 1);
        case '[':
            return make(Symbol::open_bracket, 1);
        case ']':
            return make(Symbol::close_bracket, 1);
        case '=':
            return make(Symbol::equal, 1);
        case '+':
            return make(Symbol::plus, 1);
        case '-':
            return make(Symbol::minus, 1);
        case '/':
            return make(Symbol::slash, 1);
        case '%':
            return make(Symbol::percent, 1);
        case '<':
            if (second == '=') return make(Symbol::less_equal, 2);
            if (second == '>') return make(Symbol::not_equal, 2);
            return make(Symbol::less, 1);
        case '>':
            if (second == '=') return make(Symbol::greater_equal, 2);
            return make(Symbol::greater, 1);
        case '!':
            if (second == '=') return make(Symbol::not_equal, 2);
            break;
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(source_[offset]);
    if (byte < 0x20 || byte == 0x7F) return bad(offset, "Unexpected control character");
    return bad(offset, "Unexpected character at input '" + std::string(1, source_[offset]) + "'");
}

bool Lexer::begins_escaped(const Token& bracket) const {
    return bracket.is(Symbol::open_bracket) && source_.substr(bracket.offset, 2) == "[[";
}

Token Lexer::read_escaped(std::size_t offset) {
    const std::size_t first = offset + 2;
    const std::size_t end = source_.find("]]", first);
    if (end == std::string_view::npos) return bad(offset, "Escaped name without ']]'");
    if (end == first) return bad(offset, "Escaped name is empty");
    at_ = end + 2;
    return Token{.kind = Token::Kind::escaped,
                 .offset = offset,
                 .text = source_.substr(offset, at_ - offset),
                 .value = std::string(source_.substr(first, end - first))};
}

}  // namespace carillon::query
