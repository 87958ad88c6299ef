#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <string>
#include <vector>

namespace carillon::rest {

/// A JSON array of what has ids, each looked up and written when there is room for it, so that a slow reader
/// keeps the hub to the ids and one piece. What has gone since the ids were listed is left out.
class ListSource final : public BodySource {
public:
    /// A piece ends behind the element that reaches this.
    static constexpr std::size_t piece_bytes = 32 * 1024;
    /// The JSON of one element, or any failure if there is none by this id.
    using Find = UniqueFunction<Task<Result<std::string>>(std::string id)>;

    ListSource(std::vector<std::string> ids, Find find) : ids_(std::move(ids)), find_(std::move(find)) {}
    Task<std::string> next() override;

private:
    std::vector<std::string> ids_;  ///< Bound: fixed.
    Find find_;
    std::size_t at_ = 0;
    bool has_elements_ = false;
    bool has_begun_ = false;
    bool has_ended_ = false;
};

/// An answer of 200 with such a list.
HttpResponse ok_list(std::vector<std::string> ids, ListSource::Find find);

}  // namespace carillon::rest
