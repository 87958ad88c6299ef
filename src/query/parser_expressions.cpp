// The part of the parser that reads expressions, one function for each level of precedence.

#include "query/parser.hpp"

#include <utility>

namespace carillon::query {
namespace {

std::optional<Compare> comparison_of(Symbol symbol) {
    switch (symbol) {
        case Symbol::equal:
            return Compare::equal;
        case Symbol::not_equal:
            return Compare::not_equal;
        case Symbol::less:
            return Compare::less;
        case Symbol::less_equal:
            return Compare::less_equal;
        case Symbol::greater:
            return Compare::greater;
        case Symbol::greater_equal:
            return Compare::greater_equal;
        default:
            return std::nullopt;
    }
}

}  // namespace

Parser::Node Parser::make(Syntax::Kind kind) const {
    auto node = std::make_unique<Syntax>();
    node->kind = kind;
    node->offset = token_.offset;
    return node;
}

Parser::Node Parser::parse_or() {
    Node left = parse_and();
    if (!ok() || !token_.is(Keyword::or_)) return left;
    Node node = make(Syntax::Kind::or_);
    node->children.push_back(std::move(left));
    while (take(Keyword::or_)) node->children.push_back(parse_and());
    return node;
}

Parser::Node Parser::parse_and() {
    Node left = parse_not();
    if (!ok() || !token_.is(Keyword::and_)) return left;
    Node node = make(Syntax::Kind::and_);
    node->children.push_back(std::move(left));
    while (take(Keyword::and_)) node->children.push_back(parse_not());
    return node;
}

Parser::Node Parser::parse_not() {
    if (!ok() || !token_.is(Keyword::not_)) return parse_comparison();
    Node node = make(Syntax::Kind::not_);
    advance();
    if (enter(node->offset)) node->children.push_back(parse_not());
    leave();
    return node;
}

Parser::Node Parser::parse_comparison() {
    Node left = parse_additive();
    if (!ok()) return left;
    if (const auto compare = comparison_of(token_.symbol)) {
        Node node = make(Syntax::Kind::compare);
        node->compare = *compare;
        advance();
        node->children.push_back(std::move(left));
        node->children.push_back(parse_additive());
        return node;
    }
    if (take(Keyword::not_)) {
        expect(Keyword::in, "IN");
        return parse_list(std::move(left), true);
    }
    if (take(Keyword::nin)) return parse_list(std::move(left), true);
    if (take(Keyword::in)) return parse_list(std::move(left), false);
    return left;
}

Parser::Node Parser::parse_list(Node left, bool is_negated) {
    Node node = make(Syntax::Kind::in);
    node->is_negated = is_negated;
    node->children.push_back(std::move(left));
    const bool in_brackets = ok() && token_.is(Symbol::open_bracket);
    if (!in_brackets && !(ok() && token_.is(Symbol::open_paren))) {
        unexpected("a list");
        return node;
    }
    const Symbol close = in_brackets ? Symbol::close_bracket : Symbol::close_paren;
    advance();
    if (in_brackets && take(close)) return node;
    if (enter(node->offset)) {
        do {
            Node element = parse_or();
            if (!ok()) break;
            // Literals are kept apart and flat: a list may hold tens of thousands.
            if (element->kind == Syntax::Kind::constant) {
                node->constants.push_back(std::move(element->constants.front()));
            } else {
                node->children.push_back(std::move(element));
            }
        } while (take(Symbol::comma));
    }
    leave();
    expect(close, in_brackets ? "']'" : "')'");
    return node;
}

Parser::Node Parser::parse_additive() {
    Node left = parse_multiplicative();
    Node chain;
    while (ok() && (token_.is(Symbol::plus) || token_.is(Symbol::minus))) {
        if (!chain) {
            chain = make(Syntax::Kind::chain);
            chain->children.push_back(std::move(left));
        }
        chain->operators.push_back(token_.is(Symbol::plus) ? '+' : '-');
        advance();
        chain->children.push_back(parse_multiplicative());
    }
    return chain ? std::move(chain) : std::move(left);
}

Parser::Node Parser::parse_multiplicative() {
    Node left = parse_unary();
    Node chain;
    while (ok() && (token_.is(Symbol::star) || token_.is(Symbol::slash) || token_.is(Symbol::percent))) {
        if (!chain) {
            chain = make(Syntax::Kind::chain);
            chain->children.push_back(std::move(left));
        }
        chain->operators.push_back(token_.text.front());
        advance();
        chain->children.push_back(parse_unary());
    }
    return chain ? std::move(chain) : std::move(left);
}

Parser::Node Parser::parse_unary() {
    if (!ok() || !(token_.is(Symbol::plus) || token_.is(Symbol::minus))) return parse_primary();
    Node node = make(Syntax::Kind::sign);
    node->operators = token_.text;
    advance();
    Node operand = parse_primary();
    if (!ok()) return node;
    if (operand->kind == Syntax::Kind::constant &&
        operand->constants.front().kind == Constant::Kind::number) {
        Constant& constant = operand->constants.front();
        if (node->operators == "-") constant.number = -constant.number;
        return operand;
    }
    node->children.push_back(std::move(operand));
    return node;
}

Parser::Node Parser::parse_primary() {
    if (!ok()) return make(Syntax::Kind::constant);
    Node node = make(Syntax::Kind::constant);
    switch (token_.kind) {
        case Token::Kind::number:
            node->constants.push_back(Constant{.kind = Constant::Kind::number, .number = token_.number});
            advance();
            return node;
        case Token::Kind::string:
            node->constants.push_back(
                Constant{.kind = Constant::Kind::string, .text = std::move(token_.value)});
            advance();
            return node;
        case Token::Kind::word:
            return parse_word();
        default:
            break;
    }
    if (lexer_.begins_escaped(token_)) {
        node->kind = Syntax::Kind::path;
        node->segments = parse_path();
        return node;
    }
    if (token_.is(Symbol::open_bracket)) return parse_array();
    if (token_.is(Symbol::open_paren)) {
        const std::size_t offset = token_.offset;
        advance();
        if (enter(offset)) node = parse_or();
        leave();
        expect(Symbol::close_paren, "')'");
        return node;
    }
    unexpected();
    return node;
}

/// A literal spelled as a word, a call, or a path.
Parser::Node Parser::parse_word() {
    Node node = make(Syntax::Kind::constant);
    using Kind = Constant::Kind;
    switch (token_.keyword) {
        case Keyword::none:
            break;
        case Keyword::undefined:
            node->constants.push_back(Constant{});
            break;
        case Keyword::null:
            node->constants.push_back(Constant{.kind = Kind::null});
            break;
        case Keyword::true_:
        case Keyword::false_:
            node->constants.push_back(Constant{.kind = Kind::boolean, .boolean = token_.is(Keyword::true_)});
            break;
        default:
            unexpected();
            return node;
    }
    Token word = std::move(token_);
    advance();
    if (!node->constants.empty()) return node;
    if (ok() && token_.is(Symbol::open_paren)) return parse_call(std::move(word));
    node->kind = Syntax::Kind::path;
    node->segments.push_back(Segment{.name = std::string(word.text)});
    parse_path_rest(node->segments);
    return node;
}

Parser::Node Parser::parse_call(Token name) {
    Node node = make(Syntax::Kind::call);
    node->offset = name.offset;
    node->name = std::string(name.text);
    if (aggregate_of(name.text) != Aggregate::none) {
        fault_at(name.offset, "Aggregate '" + node->name + "' is not allowed here");
        return node;
    }
    advance();
    if (take(Symbol::close_paren)) return node;
    if (enter(node->offset)) {
        do {
            node->children.push_back(parse_or());
        } while (take(Symbol::comma));
    }
    leave();
    expect(Symbol::close_paren, "')'");
    return node;
}

Parser::Node Parser::parse_array() {
    Node node = make(Syntax::Kind::array);
    advance();
    if (take(Symbol::close_bracket)) return node;
    do {
        const std::size_t offset = token_.offset;
        Node element = parse_unary();
        if (!ok()) return node;
        if (element->kind != Syntax::Kind::constant) {
            fault_at(offset, "Only literals may stand in an array");
            return node;
        }
        node->constants.push_back(std::move(element->constants.front()));
    } while (take(Symbol::comma));
    expect(Symbol::close_bracket, "']'");
    return node;
}

}  // namespace carillon::query
