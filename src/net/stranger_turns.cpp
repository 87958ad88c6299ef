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

void StrangerTurns::ask_for_step(Stranger& stranger, Step step) {
    if (step == Step::later) return later_.push_back(&stranger);
    if (step == Step::first) return first_.push_back(&stranger);
    if (doubted_.size() >= doubted_max) take(doubted_)->time_is_up();
    doubted_.push_back(&stranger);
}

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
    for (std::deque<Stranger*>* queue : {&first_, &doubted_, &later_, &ends_}) std::erase(*queue, &stranger);
}

void StrangerTurns::work(bool is_busy) {
    if (Stranger* const next = take(later_)) next->take_step();
    if (Stranger* const next = take(first_)) {
        next->take_step();
    } else if (!doubted_.empty() && (!is_busy || busy_turns_++ >= busy_turns_max)) {
        busy_turns_ = 0;
        take(doubted_)->take_step();
    }
    for (std::size_t i = std::min(ends_.size(), ends_max); i > 0; --i) {
        if (Stranger* const next = take(ends_)) next->time_is_up();
    }
}

}  // namespace carillon
