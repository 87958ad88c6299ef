#include "endpoint/rest/registry/list_source.hpp"

#include <utility>

namespace carillon::rest {

Task<std::string> ListSource::next() {
    std::string piece;
    if (!std::exchange(has_begun_, true)) piece = '[';
    while (at_ < ids_.size() && piece.size() < piece_bytes) {
        auto finding = find_(std::move(ids_[at_++]));
        const auto element = co_await std::move(finding);
        if (!element) continue;
        if (std::exchange(has_elements_, true)) piece += ',';
        piece += *element;
    }
    if (at_ == ids_.size() && !std::exchange(has_ended_, true)) piece += ']';
    co_return piece;
}

HttpResponse ok_list(std::vector<std::string> ids, ListSource::Find find) {
    HttpResponse response;
    response.source = std::make_shared<ListSource>(std::move(ids), std::move(find));
    return response;
}

}  // namespace carillon::rest
