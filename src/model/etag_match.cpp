#include "model/etag_match.hpp"

#include "base/text.hpp"

namespace carillon {

EtagMatch EtagMatch::parse(std::optional<std::string_view> header, Unquoted unquoted) {
    if (!header) return {};
    std::string_view text = trimmed(*header);
    if (text == "*" || text == "\"*\"") return {.kind = Kind::any, .etag = {}};
    if (text.substr(0, 2) == "W/") text.remove_prefix(2);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        return {.kind = Kind::exact, .etag = std::string(text.substr(1, text.size() - 2))};
    if (unquoted == Unquoted::ignore) return {};
    return {.kind = Kind::exact, .etag = std::string(text)};
}

}  // namespace carillon
