#include "endpoint/rest/request.hpp"

#include "base/text.hpp"

namespace carillon::rest {

std::optional<std::string> find_parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        if (!equals_ignoring_case(pair.substr(0, equals), name)) continue;
        if (equals == std::string_view::npos) return std::string();
        const std::string_view value = pair.substr(equals + 1);
        if (value.find('%') == std::string_view::npos) return std::string(value);
        return percent_decode(value);
    }
    return std::nullopt;
}

std::optional<std::string> Request::parameter(std::string_view name) const {
    return find_parameter(query, name);
}

Result<IdentityKey> Request::module_key() const {
    // An empty module would name the device; the router lets no empty segment through.
    return IdentityKey::parse(ids[0], ids[1]);
}

EtagMatch Request::identity_match() const {
    return EtagMatch::parse(header("if-match"), EtagMatch::Unquoted::compare);
}

EtagMatch Request::twin_match() const {
    const auto unquoted =
        flavour == Flavour::preview ? EtagMatch::Unquoted::compare : EtagMatch::Unquoted::ignore;
    return EtagMatch::parse(header("if-match"), unquoted);
}

HttpResponse ok(std::string body, std::string_view etag) {
    HttpResponse response;
    response.body = std::move(body);
    if (!etag.empty()) response.fields.append("ETag: \"").append(etag).append("\"\r\n");
    return response;
}

HttpResponse no_content() {
    HttpResponse response;
    response.status = 204;
    return response;
}

}  // namespace carillon::rest
