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
    const bool has_new_test = orders.tested_wave != orders_.tested_wave;
    const bool is_first = !has_orders();
    orders_ = std::move(orders);
    if (has_new_test) {
        tested_.clear();
        tested_places_.clear();
    }
    if (is_first) {
        for (const auto index : std::exchange(begun_before_, {})) {
            begun(index);
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

void PartGate::begun(std::uint32_t index) {
    if (!orders_.tested_wave || wave_of(index) != *orders_.tested_wave || tested_.size() >= tested_max)
        return;
    if (tested_places_.emplace(index, tested_.size()).second) tested_ += '0';
}

void PartGate::note_tested(std::uint32_t index, const PartState& state) {
    const auto found = tested_places_.find(index);
    if (found == tested_places_.end()) return;
    auto& now = tested_[found->second];
    switch (state.at(index)) {
        case TargetState::succeeded:
            now = 's';
            break;
        case TargetState::failed:
            now = 'f';
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
    return report;
}

}  // namespace carillon
