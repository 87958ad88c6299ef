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

HttpResponse begin_page(const Request& request, const ItemType& type, std::string_view continuation,
                        PageFrame& frame) {
    HttpResponse response;
    const bool is_preview = request.flavour == Flavour::preview;
    JsonWriter before(frame.before);
    if (is_preview) before.begin_object().member("type", type.envelope).key("items");
    before.begin_array();
    JsonWriter behind(frame.behind);
    behind.end_array();
    if (is_preview) {
        behind.key("continuationToken");
        continuation.empty() ? behind.null() : behind.value(continuation);
        behind.end_object();
    } else if (!continuation.empty()) {
        response.add("x-ms-continuation", continuation);
    }
    response.add("x-ms-item-type", type.header);
    return response;
}

HttpResponse page_response(const Request& request, const ItemType& type, std::span<const std::string> items,
                           std::string_view continuation) {
    PageFrame frame;
    HttpResponse response = begin_page(request, type, continuation, frame);
    std::size_t bytes = frame.before.size() + frame.behind.size();
    for (const std::string& item : items) bytes += item.size() + 1;
    response.body.reserve(bytes);
    response.body += frame.before;
    for (const std::string& item : items) {
        if (response.body.size() > frame.before.size()) response.body += ',';
        response.body += item;
    }
    response.body += frame.behind;
    return response;
}

}  // namespace carillon::rest
