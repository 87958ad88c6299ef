#include "base/timers.hpp"

namespace carillon {

Timers::Id Timers::at(TimePoint at, UniqueFunction<void()> fire) {
    const Id id{at, ++last_number_};
    const auto [place, added] = timers_.emplace(std::pair(at, id.number), std::move(fire));
    if (added && place == timers_.begin() && wake_) wake_();
    return id;
}

void Timers::cancel(Id& id) {
    if (id) timers_.erase({id.at, id.number});
    id = {};
}

void Timers::run_due(TimePoint now) {
    const auto last = last_number_;
    while (!timers_.empty()) {
        // The first timer that is due and is not younger than this call.
        auto due = timers_.begin();
        while (due != timers_.end() && due->first.first <= now && due->first.second > last) ++due;
        if (due == timers_.end() || due->first.first > now) return;
        auto fire = std::move(due->second);
        timers_.erase(due);
        fire();
    }
}

}  // namespace carillon
