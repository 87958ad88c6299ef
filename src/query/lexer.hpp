#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::query {

/// Where a statement first goes wrong, as a byte offset into its text, and how.
struct Fault {
    std::size_t offset = 0;
    std::string reason{};
};

/// Words with a meaning of their own. Those from `join` on belong to larger dialects of SQL and
/// are reserved so that a statement which uses them is refused, not misread.
enum class Keyword : std::uint8_t {
    none,
    select_,
    top,
    from,
    where,
    group,
    by,
    as,
    and_,
    or_,
    not_,
    in,
    nin,
    undefined,
    null,
    true_,
    false_,
    join,
    order,
    having,
    distinct,
    like,
    between,
    offset,
    limit,
    exists,
    case_,
    value,
    union_,
};

enum class Symbol : std::uint8_t {
    none,
    star,
    dot,
    comma,
    open_paren,
    close_paren,
    open_bracket,
    close_bracket,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    plus,
    minus,
    slash,
    percent,
};

struct Token {
    enum class Kind : std::uint8_t { end, bad, word, escaped, number, string, symbol };
    Kind kind = Kind::end;
    Keyword keyword = Keyword::none;  ///< Words only.
    Symbol symbol = Symbol::none;
    std::size_t offset = 0;
    std::string_view text{};  ///< As written; views the statement.
    std::string value{};      ///< A string's or an escaped segment's content.
    double number = 0;

    bool is(Keyword k) const { return keyword == k; }
    bool is(Symbol s) const { return symbol == s; }
};

/// Cuts a statement into tokens, white space and comments (`--` to the end of the line, `/* … */`)
/// left out. Views the statement. After a fault every further token is `bad`.
class Lexer {
public:
    explicit Lexer(std::string_view source);

    Token next();
    /// Reads the escaped segment `[[name]]` that begins at `offset`, where a plain `[` was read before;
    /// the next token is the one behind it. Only the parser knows where a name may stand, and that
    /// `[[` is not the beginning of a list in a list.
    Token read_escaped(std::size_t offset);
    bool begins_escaped(const Token& bracket) const;

    const std::optional<Fault>& fault() const { return fault_; }

private:
    Token bad(std::size_t offset, std::string reason);
    bool skip_space();
    Token read_word(std::size_t offset);
    Token read_number(std::size_t offset);
    Token read_string(std::size_t offset);
    Token read_symbol(std::size_t offset);
    bool read_escape(std::string& out);
    std::optional<std::uint32_t> read_code_unit();

    std::string_view source_;
    std::size_t at_ = 0;
    std::optional<Fault> fault_;
};

}  // namespace carillon::query
