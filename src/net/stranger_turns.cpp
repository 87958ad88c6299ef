#include "net/stranger_turns.hpp"

#include <algorithm>

namespace carillon {
namespace {

/// Takes the first out of `queue`; null if there is none.
Stranger* take(std::deque<Stranger*>& queue) {
    if (queue.empty()) return nullptr;
    Stranger* const first = queue.front();
    queue.pop_front();
    return first;
}

}  // namespace

void StrangerTurns::answered(Stranger& stranger) {
    if (std::find(unfinished_.begin(), unfinished_.end(), &stranger) != unfinished_.end()) return;
    if (unfinished_.size() >= unfinished_max) {
        Stranger* const oldest = unfinished_.front();
        unfinished_.erase(unfinished_.begin());
        oldest->time_is_up();
    }
    unfinished_.push_back(&stranger);
}

void StrangerTurns::forget(const Stranger& stranger) {
    finished(stranger);
    for (std::deque<Stranger*>* queue : {&first_, &later_, &ends_}) std::erase(*queue, &stranger);
}

void StrangerTurns::work() {
    if (Stranger* const next = take(later_)) next->take_step();
    if (Stranger* const next = take(first_)) next->take_step();
    for (std::size_t i = std::min(ends_.size(), ends_max); i > 0; --i) {
        if (Stranger* const next = take(ends_)) next->time_is_up();
    }
}

}  // namespace carillon
