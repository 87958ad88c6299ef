#pragma once

#include "base/json.hpp"
#include "core/queries/queries.hpp"
#include "endpoint/rest/request.hpp"

#include <span>
#include <string>
#include <string_view>

namespace carillon {
class MemberReader;
}

namespace carillon::rest {

/// How both generations of clients ask for a page: today's by `x-ms-max-item-count` and
/// `x-ms-continuation`, the preview's by `pageSize` and `continuationToken` in the URL or, for
/// queries, in the body. Either is accepted from either. Source: azure-iothub: query.js,
/// of 1.16 and of 2.0.0-dtpreview; azure-iot-sdk-csharp: QueryResult.cs.
struct PageRequest {
    static constexpr std::int64_t size_default = 100;
    static constexpr std::int64_t ga_size_max = 100;
    static constexpr std::int64_t preview_size_max = 1000;

    std::size_t size = 100;
    std::string continuation;  ///< Empty for the first page.
};
/// `body` is the query's, or null; it learns of what is bad there. Sizes below one count as not given, as do
/// those of a header or parameter that are no number.
PageRequest read_page_request(const Request& request, MemberReader* body = nullptr);

/// The words for what a page holds: `Twin` in the header, `twin` in the preview's envelope.
struct ItemType {
    std::string_view header;
    std::string_view envelope;
};

/// What stands before and behind the items of a page, which are divided by commas.
struct PageFrame {
    std::string before;
    std::string behind;
};
/// A page whose body is still missing.
HttpResponse begin_page(const Request& request, const ItemType& type, std::string_view continuation,
                        PageFrame& frame);
/// A page: today a bare array, with `x-ms-continuation` only if more follows (an empty one makes
/// Node clients loop); in the preview an object whose `continuationToken` is null at the end (an
/// absent one makes its clients loop).
HttpResponse page_response(const Request& request, const ItemType& type, std::span<const std::string> items,
                           std::string_view continuation);

}  // namespace carillon::rest
