#pragma once

#include "query/ast.hpp"
#include "query/lexer.hpp"

#include <optional>
#include <string_view>

namespace carillon::query {

/// The aggregate of that name, any case; `none` if there is none.
Aggregate aggregate_of(std::string_view name);

/// A statement by recursive descent; the grammar is in docs/query-language.md. Both functions return
/// what they read up to the first fault: look at `fault()` before using it.
class Parser {
public:
    explicit Parser(std::string_view source) : lexer_(source), token_(lexer_.next()) {}

    /// `SELECT … FROM … [WHERE …] [GROUP BY …]`
    Statement parse_statement();
    /// `*`, a bare expression, or `FROM … [WHERE …]`
    Statement parse_job_condition();

    std::optional<Fault> fault() const;

private:
    using Node = std::unique_ptr<Syntax>;

    bool ok() const { return !fault_ && token_.kind != Token::Kind::bad; }
    void fault_at(std::size_t offset, std::string reason);
    void unexpected(std::string_view expected = {});
    void advance() { token_ = lexer_.next(); }
    bool take(Keyword keyword);
    bool take(Symbol symbol);
    void expect(Keyword keyword, std::string_view name);
    void expect(Symbol symbol, std::string_view name);
    void expect_end();
    bool enter(std::size_t offset);
    void leave() { --depth_; }

    std::optional<std::uint64_t> parse_top();
    void parse_select_list(Statement& statement);
    SelectItem parse_item();
    void parse_aggregate(SelectItem& item);
    FromClause parse_from();

    Node make(Syntax::Kind kind) const;
    Node parse_or();
    Node parse_and();
    Node parse_not();
    Node parse_comparison();
    Node parse_list(Node left, bool is_negated);
    Node parse_additive();
    Node parse_multiplicative();
    Node parse_unary();
    Node parse_primary();
    Node parse_word();
    Node parse_array();
    Node parse_call(Token name);
    std::vector<Segment> parse_path();
    void parse_path_rest(std::vector<Segment>& path);
    bool parse_index(std::vector<Segment>& path);

    Lexer lexer_;
    Token token_;
    std::optional<Fault> fault_;
    std::size_t depth_ = 0;
};

}  // namespace carillon::query
