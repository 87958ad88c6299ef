#include "core/jobs/part_gate.hpp"

#include <algorithm>
#include <numeric>

namespace carillon {

PartGate::PartGate(std::uint32_t part, bool is_ordered, std::vector<std::uint32_t> places,
                   std::vector<std::uint32_t> order, const PartState& state)
    : part_(part),
      is_ordered_(is_ordered),
      places_(std::move(places)),
      started_(places_.size()),
      size_(static_cast<std::uint32_t>(state.size())),
      order_(std::move(order)) {
    if (has_order() && order_.empty()) {
        order_.resize(started_);
        std::iota(order_.begin(), order_.end(), 0);
        std::sort(order_.begin(), order_.end(),
                  [this](std::uint32_t a, std::uint32_t b) { return places_[a] < places_[b]; });
    }
    add_joined(size_);
    count_all(state);
}

/// Those that joined stand behind all others, in the order in which they came.
void PartGate::add_joined(std::size_t size) {
    if (!has_order()) return;
    for (auto index = places_.size(); index < size; ++index) {
        places_.push_back(joined_place + static_cast<std::uint32_t>(index - started_));
        order_.push_back(static_cast<std::uint32_t>(index));
    }
}

void PartGate::grow(std::size_t size) {
    size_ = static_cast<std::uint32_t>(size);
    add_joined(size);
    open_up();
}

void PartGate::obey(PartOrders orders, const PartState& state) {
    if (orders.number <= orders_.number) return;
    const bool has_new_waves = orders.wave_ends != orders_.wave_ends;
    const bool has_new_test =
        orders.tested_wave != orders_.tested_wave || orders.slower_than_ms != orders_.slower_than_ms;
    const bool is_first = !has_orders();
    orders_ = std::move(orders);
    if (has_new_test) {
        tested_.clear();
        tested_took_.clear();
        tested_places_.clear();
        last_begun_ = {};
    }
    if (is_first) {
        for (const auto index : begun_before_) {
            const auto times = index < times_before_.size() ? times_before_[index] : BegunTimes();
            begun(index, times.begun);
            if (times.answered.ticks != 0) answered(index, times.answered);
            note_tested(index, state);
        }
    }
    open_up();
    if (has_new_waves) count_all(state);
}

void PartGate::open_up() {
    if (!has_order()) {
        open_end_ = std::min(orders_.open_to, size_);
        return;
    }
    const auto end = std::partition_point(order_.begin(), order_.end(), [this](std::uint32_t index) {
        return places_[index] < orders_.open_to;
    });
    open_end_ = static_cast<std::uint32_t>(end - order_.begin());
}

std::size_t PartGate::wave_of(std::uint32_t index) const {
    const auto& ends = orders_.wave_ends;
    const auto found = std::upper_bound(ends.begin(), ends.end(), place(index));
    if (found == ends.end()) return ends.empty() ? 0 : ends.size() - 1;
    return static_cast<std::size_t>(found - ends.begin());
}

// --- a wave with a test ----------------------------------------------------------------------------

void PartGate::remember_begun(std::vector<std::uint32_t> indexes, std::vector<BegunTimes> times) {
    begun_before_ = std::move(indexes);
    times_before_ = std::move(times);
}

std::vector<std::pair<std::uint32_t, WallTime>> PartGate::take_begun() {
    std::vector<std::pair<std::uint32_t, WallTime>> taken;
    const auto indexes = std::exchange(begun_before_, {});
    const auto times = std::exchange(times_before_, {});
    if (times.empty()) return taken;
    for (const auto index : indexes) taken.emplace_back(index, times[index].begun);
    return taken;
}

std::pair<std::uint32_t, std::uint32_t> PartGate::positions_of(std::uint32_t wave) const {
    const auto& ends = orders_.wave_ends;
    const auto at = [this](std::uint32_t place_end) {
        const auto found = std::partition_point(
            order_.begin(), order_.end(),
            [this, place_end](std::uint32_t index) { return places_[index] < place_end; });
        return static_cast<std::uint32_t>(found - order_.begin());
    };
    return {wave == 0 ? 0 : at(ends[wave - 1]), at(ends[wave])};
}

std::pair<std::uint32_t, std::uint32_t> PartGate::last_positions(std::uint32_t count) const {
    const auto end = static_cast<std::uint32_t>(started_);
    return {std::min(end, std::max(open_end_, end - std::min(end, count))), end};
}

void PartGate::follow(const JobEvent& event, const PartState& state) {
    if (!orders_.tested_wave) return;
    const auto is_over = [&](std::uint32_t index) { return is_terminal(state.at(index)); };
    if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : intent->devices) {
            if (is_over(device.index)) continue;
            if (device.attempt == 1) begun(device.index, intent->time);
            if (device.attempt > 1) begun_again(device.index, intent->time);
        }
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            const bool is_written = device.failure.reason == FailReason::none;
            if (is_written && !is_over(device.index)) begun(device.index, written->time);
        }
    } else if (const auto* known = std::get_if<Outcomes2Event>(&event)) {
        for (const auto& outcome : known->outcomes) {
            const auto at = answered_at(outcome, known->time);
            if (at && !is_over(outcome.index)) answered(outcome.index, *at);
        }
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices) {
            if (is_answer(device.failure) && !is_over(device.index)) answered(device.index, confirmed->time);
        }
    }
}

void PartGate::begun(std::uint32_t index, WallTime at) {
    if (!orders_.tested_wave || wave_of(index) != *orders_.tested_wave) return;
    last_begun_ = std::max(last_begun_, at);
    if (tested_.size() >= tested_max) return;
    if (!tested_places_.emplace(index, tested_.size()).second) return;
    tested_ += '0';
    if (orders_.slower_than_ms > 0) tested_took_.push_back(-at.ticks);
}

void PartGate::begun_again(std::uint32_t index, WallTime at) {
    const auto found = tested_places_.find(index);
    if (found != tested_places_.end() && !tested_took_.empty()) tested_took_[found->second] = -at.ticks;
}

void PartGate::answered(std::uint32_t index, WallTime at) {
    const auto found = tested_places_.find(index);
    if (found == tested_places_.end() || tested_took_.empty()) return;
    auto& took = tested_took_[found->second];
    if (took < 0) took = std::max<std::int64_t>(0, at.ticks + took);
}

void PartGate::note_tested(std::uint32_t index, const PartState& state) {
    const auto found = tested_places_.find(index);
    if (found == tested_places_.end()) return;
    auto& now = tested_[found->second];
    const auto took = tested_took_.empty() ? std::int64_t{-1} : tested_took_[found->second];
    const bool is_slow = took > orders_.slower_than_ms * WallTime::ticks_per_ms;
    switch (state.at(index)) {
        case TargetState::succeeded:
            now = is_slow ? 'S' : 's';
            break;
        case TargetState::failed:
            now = is_slow ? 'F' : took >= 0 ? 'r' : 'f';
            break;
        case TargetState::canceled:
            now = 'x';
            break;
        case TargetState::pending:
        case TargetState::attempted:
            // It was not begun after all; if it is once more, it stands behind the others.
            now = 'x';
            tested_places_.erase(found);
            break;
        case TargetState::again:
        case TargetState::running:
            break;
    }
}

void PartGate::note(std::uint32_t index, const PartState& state) {
    if (!tested_places_.empty()) note_tested(index, state);
    auto& wave = waves_[wave_of(index)];
    switch (state.at(index)) {
        case TargetState::succeeded:
            ++wave.succeeded;
            break;
        case TargetState::failed:
            ++wave.failed;
            ++kinds_[static_cast<std::size_t>(kind_of(state.reason(index)))];
            break;
        case TargetState::canceled:
            ++wave.canceled;
            break;
        case TargetState::pending:
        case TargetState::attempted:
        case TargetState::again:
        case TargetState::running:
            break;
    }
}

void PartGate::count_all(const PartState& state) {
    waves_.assign(std::max<std::size_t>(1, orders_.wave_ends.size()), {});
    kinds_ = {};
    for (std::uint32_t i = 0; i < size_; ++i) note(i, state);
}

GateReport PartGate::report() const {
    GateReport report;
    report.part = part_;
    report.devices = size_;
    report.used = used_;
    report.returned = returned_;
    report.waves = waves_;
    report.kinds = kinds_;
    report.tested_wave = orders_.tested_wave;
    report.tested = tested_;
    report.last_begun = last_begun_;
    if (!has_orders()) {
        // All of it had ended before the restart.
        for (const auto& times : times_before_) report.last_begun = std::max(report.last_begun, times.begun);
    }
    return report;
}

}  // namespace carillon
