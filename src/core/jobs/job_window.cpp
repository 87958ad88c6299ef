#include "core/jobs/job_window.hpp"

#include <algorithm>

namespace carillon {

MethodWindow::MethodWindow(std::size_t most)
    : most_(std::max<std::size_t>(1, most)), size_(std::min(most_, start)) {}

std::size_t MethodWindow::round_size() const {
    return std::max<std::size_t>(least, size_ / 4);
}

void MethodWindow::answered(Duration round_trip, std::size_t in_flight) {
    quickest_ = std::min(quickest_, round_trip);
    if (in_flight * 4 >= size_ * 3) was_full_ = true;
    if (++answers_ < round_size()) return;
    quickest_ever_ = std::min(quickest_ever_, quickest_);
    if (quickest_ > std::max<Duration>(quick, quickest_ever_ * slow_factor)) {
        shrink();
    } else if (was_full_) {
        size_ = std::min(most_, size_ + size_ / 2 + 1);
    }
    quickest_ = Duration::max();
    answers_ = 0;
    losses_ = 0;
    was_full_ = false;
}

void MethodWindow::congested() {
    shrink();
}

void MethodWindow::lost() {
    if (++losses_ <= std::max(losses_tolerated, answers_)) return;
    losses_ = 0;
    answers_ = 0;
    shrink();
}

void MethodWindow::shrink() {
    size_ = std::min(most_, std::max(least, size_ * 3 / 4));
}

}  // namespace carillon
