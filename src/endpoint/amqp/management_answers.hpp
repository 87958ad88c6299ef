#pragma once

#include "wire/amqp/connection.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::amqp {

/// The links of one connection on which answers of `$management` go out.
class ManagementAnswers {
public:
    struct Line {
        LinkId link = 0;
        std::string name;
        std::string target;
    };
    void add(Line line) { lines_.push_back(std::move(line)); }
    void remove(LinkId link);
    /// The link that a request names by its name or its target; else the newest. 0 if there is none.
    LinkId find(std::string_view reply_to) const;

private:
    std::vector<Line> lines_;  ///< Bound: ConnectionLimits::links_max.
};

}  // namespace carillon::amqp
