#include "query/parser.hpp"

#include "base/text.hpp"

#include <utility>

namespace carillon::query {
namespace {

/// What a faulty token shows of itself in a message.
constexpr std::size_t excerpt_bytes_max = 40;

std::string excerpt(std::string_view text) {
    if (text.size() <= excerpt_bytes_max) return std::string(text);
    std::size_t length = excerpt_bytes_max;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    return std::string(text.substr(0, length)) + "...";
}

bool names_something(const Token& token) {
    return token.kind == Token::Kind::escaped || token.kind == Token::Kind::word;
}

std::string name_of(const Token& token) {
    return token.kind == Token::Kind::escaped ? token.value : std::string(token.text);
}

/// A whole number as TOP and indexes want it: digits only.
std::optional<std::uint64_t> whole_number(const Token& token) {
    if (token.kind != Token::Kind::number) return std::nullopt;
    return parse_u64(token.text);
}

}  // namespace

Aggregate aggregate_of(std::string_view name) {
    constexpr std::pair<std::string_view, Aggregate> rows[] = {{"count", Aggregate::count},
                                                               {"sum", Aggregate::sum},
                                                               {"avg", Aggregate::avg},
                                                               {"min", Aggregate::min},
                                                               {"max", Aggregate::max}};
    for (const auto& [text, aggregate] : rows) {
        if (equals_ignoring_case(name, text)) return aggregate;
    }
    return Aggregate::none;
}

// --- tokens ------------------------------------------------------------------------------------

std::optional<Fault> Parser::fault() const {
    // What the lexer met comes first: it is what made the parser stumble, unless that was earlier.
    if (lexer_.fault() && (!fault_ || lexer_.fault()->offset <= fault_->offset)) return lexer_.fault();
    return fault_;
}

void Parser::fault_at(std::size_t offset, std::string reason) {
    if (!fault_) fault_ = Fault{.offset = offset, .reason = std::move(reason)};
}

void Parser::unexpected(std::string_view expected) {
    std::string reason = "Unexpected ";
    switch (token_.kind) {
        case Token::Kind::bad:
            return;
        case Token::Kind::end:
            reason += "end of input";
            break;
        case Token::Kind::string:
            reason += "string";
            break;
        case Token::Kind::number:
            reason += "number";
            break;
        case Token::Kind::escaped:
        case Token::Kind::word:
            reason += token_.is(Keyword::none) ? "identifier" : "keyword";
            break;
        case Token::Kind::symbol:
            reason += "symbol";
            break;
    }
    if (token_.kind != Token::Kind::end) reason += " at input '" + excerpt(token_.text) + "'";
    if (!expected.empty()) reason += ", expected " + std::string(expected);
    fault_at(token_.offset, std::move(reason));
}

bool Parser::take(Keyword keyword) {
    if (!ok() || !token_.is(keyword)) return false;
    advance();
    return true;
}

bool Parser::take(Symbol symbol) {
    if (!ok() || !token_.is(symbol)) return false;
    advance();
    return true;
}

void Parser::expect(Keyword keyword, std::string_view name) {
    if (ok() && !take(keyword)) unexpected(name);
}

void Parser::expect(Symbol symbol, std::string_view name) {
    if (ok() && !take(symbol)) unexpected(name);
}

void Parser::expect_end() {
    if (ok() && token_.kind != Token::Kind::end) unexpected();
}

bool Parser::enter(std::size_t offset) {
    if (++depth_ > QueryLimits::depth_max) fault_at(offset, "Expression is nested too deeply");
    return ok();
}

// --- statements --------------------------------------------------------------------------------

Statement Parser::parse_statement() {
    Statement statement;
    expect(Keyword::select_, "SELECT");
    if (take(Keyword::top)) statement.top = parse_top();
    if (!take(Symbol::star)) parse_select_list(statement);
    expect(Keyword::from, "FROM");
    if (ok()) statement.from = parse_from();
    if (take(Keyword::where)) statement.where = parse_or();
    if (take(Keyword::group)) {
        expect(Keyword::by, "BY");
        do {
            const std::size_t offset = token_.offset;
            statement.group_by.push_back(PathSyntax{.segments = parse_path(), .offset = offset});
        } while (take(Symbol::comma));
    }
    expect_end();
    return statement;
}

Statement Parser::parse_job_condition() {
    Statement statement;
    if (take(Symbol::star)) {
        // every device
    } else if (ok() && token_.is(Keyword::from)) {
        const std::size_t offset = token_.offset;
        advance();
        statement.from = parse_from();
        if (ok() && statement.from.collection == Collection::jobs) {
            fault_at(offset, "Device jobs cannot be the target of a job");
        }
        if (take(Keyword::where)) statement.where = parse_or();
    } else {
        statement.where = parse_or();
    }
    expect_end();
    return statement;
}

std::optional<std::uint64_t> Parser::parse_top() {
    const auto count = whole_number(token_);
    if (!count || *count == 0) {
        unexpected("a number of rows of at least 1");
        return std::nullopt;
    }
    advance();
    return count;
}

void Parser::parse_select_list(Statement& statement) {
    do {
        SelectItem item = parse_item();
        if (!ok()) return;
        statement.items.push_back(std::move(item));
    } while (take(Symbol::comma));
}

SelectItem Parser::parse_item() {
    SelectItem item;
    item.offset = token_.offset;
    if (ok() && token_.kind == Token::Kind::word && token_.is(Keyword::none)) {
        const Token first = token_;
        advance();
        if (ok() && token_.is(Symbol::open_paren)) {
            item.aggregate = aggregate_of(first.text);
            if (item.aggregate == Aggregate::none) {
                fault_at(first.offset, "Function '" + excerpt(first.text) + "' cannot be selected");
            }
            parse_aggregate(item);
        } else {
            item.path.push_back(Segment{.name = name_of(first)});
            parse_path_rest(item.path);
        }
    } else {
        item.path = parse_path();
    }
    if (take(Keyword::as)) {
        if (ok() && token_.kind != Token::Kind::word) unexpected("an alias");
        item.alias = std::string(token_.text);
        if (ok()) advance();
    } else if (ok() && token_.kind == Token::Kind::word && token_.is(Keyword::none)) {
        item.alias = std::string(token_.text);
        advance();
    }
    return item;
}

void Parser::parse_aggregate(SelectItem& item) {
    expect(Symbol::open_paren, "'('");
    if (item.aggregate == Aggregate::count &&
        (take(Symbol::star) || (ok() && token_.is(Symbol::close_paren)))) {
        // COUNT() and COUNT(*) count rows
    } else {
        item.path = parse_path();
    }
    expect(Symbol::close_paren, "')'");
}

FromClause Parser::parse_from() {
    FromClause from;
    const Token first = token_;
    if (first.kind != Token::Kind::word || !first.is(Keyword::none)) {
        unexpected("a collection");
        return from;
    }
    std::string name(first.text);
    advance();
    while (ok() && token_.is(Symbol::dot)) {
        advance();
        if (token_.kind != Token::Kind::word) {
            unexpected("a collection");
            return from;
        }
        name += '.';
        name += token_.text;
        advance();
    }
    name = to_lower(name);
    from.is_c = name == "c";
    if (name == "devices.modules") {
        from.collection = Collection::modules;
    } else if (name == "devices.jobs") {
        from.collection = Collection::jobs;
    } else if (name != "devices" && !from.is_c) {
        fault_at(first.offset, "Unknown collection '" + excerpt(name) + "'");
    }
    return from;
}

// --- paths -------------------------------------------------------------------------------------

std::vector<Segment> Parser::parse_path() {
    std::vector<Segment> path;
    if (!ok()) return path;
    if (lexer_.begins_escaped(token_)) token_ = lexer_.read_escaped(token_.offset);
    if (!names_something(token_) || !token_.is(Keyword::none)) {
        unexpected("a path");
        return path;
    }
    path.push_back(Segment{.name = name_of(token_)});
    advance();
    parse_path_rest(path);
    return path;
}

void Parser::parse_path_rest(std::vector<Segment>& path) {
    while (ok()) {
        if (lexer_.begins_escaped(token_)) {  // the dot before it may be left out
            token_ = lexer_.read_escaped(token_.offset);
        } else if (token_.is(Symbol::open_bracket)) {
            if (!parse_index(path)) return;
            continue;
        } else if (token_.is(Symbol::dot)) {
            advance();
            if (ok() && lexer_.begins_escaped(token_)) token_ = lexer_.read_escaped(token_.offset);
        } else {
            return;
        }
        if (!ok()) return;
        if (!names_something(token_)) return unexpected("a name");  // a reserved word will do
        path.push_back(Segment{.name = name_of(token_)});
        advance();
    }
}

bool Parser::parse_index(std::vector<Segment>& path) {
    advance();
    if (!ok()) return false;
    if (token_.kind == Token::Kind::string) {
        path.push_back(Segment{.name = token_.value});
    } else {
        const auto index = whole_number(token_);
        if (!index) {
            unexpected("an index");
            return false;
        }
        const auto largest = std::uint64_t{UINT32_MAX};
        path.push_back(Segment{.index = static_cast<std::uint32_t>(std::min(*index, largest))});
    }
    advance();
    expect(Symbol::close_bracket, "']'");
    return ok();
}

}  // namespace carillon::query
