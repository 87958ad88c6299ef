#include "query/with_from.hpp"

#include "query/lexer.hpp"

namespace carillon::query {

std::string with_from(std::string_view statement, Collection collection) {
    Lexer lexer(statement);
    std::size_t end = statement.size();
    using Kind = Token::Kind;
    for (auto token = lexer.next(); token.kind != Kind::end && token.kind != Kind::bad;
         token = lexer.next()) {
        if (token.keyword == Keyword::from) return std::string(statement);
        const bool is_behind = token.keyword == Keyword::where || token.keyword == Keyword::group;
        if (is_behind && end == statement.size()) end = token.offset;
    }
    std::string whole(statement.substr(0, end));
    whole += collection == Collection::devices ? " FROM devices " : " FROM devices.modules ";
    return whole.append(statement.substr(end));
}

}  // namespace carillon::query
