#include "store/removed_ranges.hpp"

#include <algorithm>
#include <iterator>

namespace carillon {

void RemovedRanges::add(std::string_view from, std::string_view to) {
    auto first = ends_.upper_bound(from);
    if (first != ends_.begin() && std::prev(first)->second >= from) --first;
    std::string begin(from);
    std::string end(to);
    auto last = first;
    for (; last != ends_.end() && last->first <= end; ++last) {
        begin = std::min(begin, last->first);
        end = std::max(end, last->second);
    }
    ends_.erase(first, last);
    ends_.emplace(std::move(begin), std::move(end));
    if (ends_.size() > count_max) ends_.erase(ends_.begin());
}

}  // namespace carillon
