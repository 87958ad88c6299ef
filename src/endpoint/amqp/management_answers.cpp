#include "endpoint/amqp/management_answers.hpp"

#include <algorithm>

namespace carillon::amqp {

void ManagementAnswers::remove(LinkId link) {
    std::erase_if(lines_, [link](const Line& line) { return line.link == link; });
}

LinkId ManagementAnswers::find(std::string_view reply_to) const {
    const auto found = std::find_if(lines_.begin(), lines_.end(), [reply_to](const Line& line) {
        return line.name == reply_to || line.target == reply_to;
    });
    if (found != lines_.end()) return found->link;
    return lines_.empty() ? 0 : lines_.back().link;
}

}  // namespace carillon::amqp
