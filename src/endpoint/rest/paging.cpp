#include "endpoint/rest/paging.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <limits>

namespace carillon::rest {

PageRequest read_page_request(const Request& request, MemberReader* body) {
    std::optional<std::int64_t> size;
    if (const auto header = request.header("x-ms-max-item-count")) size = parse_i64(*header);
    if (!size) {
        if (const auto parameter = request.parameter("pageSize")) size = parse_i64(*parameter);
    }
    using Int = std::numeric_limits<std::int64_t>;
    if (!size && body != nullptr) size = body->integer("pageSize", Int::min(), Int::max());
    if (!size || *size < 1) size = PageRequest::size_default;
    const std::int64_t size_max =
        request.flavour == Flavour::preview ? PageRequest::preview_size_max : PageRequest::ga_size_max;

    PageRequest page;
    page.size = static_cast<std::size_t>(std::min(*size, size_max));
    if (const auto header = request.header("x-ms-continuation")) page.continuation = *header;
    if (page.continuation.empty()) {
        page.continuation = request.parameter("continuationToken").value_or(std::string());
    }
    if (page.continuation.empty() && body != nullptr) {
        page.continuation = body->text("continuationToken").value_or("");
    }
    return page;
}

HttpResponse page_response(const Request& request, const ItemType& type, std::span<const std::string> items,
                           std::string_view continuation) {
    HttpResponse response;
    std::size_t bytes = 128 + continuation.size();
    for (const std::string& item : items) bytes += item.size() + 1;
    response.body.reserve(bytes);
    JsonWriter json(response.body);
    const bool is_preview = request.flavour == Flavour::preview;
    if (is_preview) json.begin_object().member("type", type.envelope).key("items");
    json.begin_array();
    for (const std::string& item : items) json.raw(item);
    json.end_array();
    if (is_preview) {
        json.key("continuationToken");
        continuation.empty() ? json.null() : json.value(continuation);
        json.end_object();
    } else if (!continuation.empty()) {
        response.add("x-ms-continuation", continuation);
    }
    response.add("x-ms-item-type", type.header);
    return response;
}

}  // namespace carillon::rest
