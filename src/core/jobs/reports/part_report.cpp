#include "core/jobs/reports/part_report.hpp"

#include <algorithm>

namespace carillon {

bool PartReport::apply(std::uint64_t sequence, const JobEvent& event) {
    // What an event says of a device that has ended changes nothing.
    const auto has_ended = [this](std::uint32_t index) {
        return index >= fold_.size() || is_terminal(fold_.state().at(index));
    };
    const auto time = time_of(event);
    if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : intent->devices) {
            if (!has_ended(device.index)) begin(device.index, time);
        }
    } else if (const auto* dispatched = std::get_if<DispatchedEvent>(&event)) {
        for (const auto index : dispatched->indexes) {
            if (!has_ended(index)) begin(index, time);
        }
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (has_ended(device.index)) continue;
            begin(device.index, time);
            note_text(device.index, device.failure);
        }
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices) {
            if (!has_ended(device.index)) note_text(device.index, device.failure);
        }
    } else if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) {
        for (auto index = chunk->from; index < chunk->to; ++index) {
            if (!has_ended(index)) begin(index, time);
        }
        for (const auto& failed : chunk->failures) note_text(failed.index, failed.failure);
    } else if (const auto* canceled = std::get_if<CanceledEvent>(&event)) {
        for (const auto index : canceled->indexes) {
            const bool is_begun = canceled->spares_begun() && !has_ended(index) &&
                                  fold_.state().at(index) == TargetState::running;
            if (!has_ended(index) && !is_begun)
                canceled_.emplace(index, Cancel{canceled->reason, canceled->by});
        }
    } else if (const auto* targets = std::get_if<TargetsEvent>(&event)) {
        started_ += targets->ordinals.size();
    } else if (const auto* order = std::get_if<OrderEvent>(&event)) {
        places_.insert(places_.end(), order->places.begin(), order->places.end());
    } else {
        const auto note_all = [&](const std::vector<Outcome>& outcomes) {
            for (const auto& outcome : outcomes) {
                if (outcome.kind == OutcomeKind::failed && !has_ended(outcome.index))
                    note_text(outcome.index, outcome.failure);
            }
        };
        if (const auto* outcomes = std::get_if<OutcomesEvent>(&event)) note_all(outcomes->outcomes);
        if (const auto* known = std::get_if<Outcomes2Event>(&event)) note_all(known->outcomes);
    }
    return fold_.apply(sequence, event);
}

void PartReport::begin(std::uint32_t index, WallTime time) {
    if (begun_.size() < fold_.size()) begun_.resize(fold_.size());
    begun_[index] = time;
}

void PartReport::note_text(std::uint32_t index, const Failure& failure) {
    if (failure.text.empty() || texts_.size() >= texts_max) return;
    texts_.insert_or_assign(index, failure);
}

DeviceReport PartReport::at(std::uint32_t index, const std::vector<std::uint64_t>& wave_ends) const {
    DeviceReport report;
    const auto& state = fold_.state();
    const auto key = fold_.key(index);
    const auto nul = key.find('\0');
    report.device_id = key.substr(0, nul);
    if (nul != std::string::npos) report.module_id = key.substr(nul + 1);
    report.state = state.at(index);
    const bool has_failed = report.state == TargetState::failed;
    if (has_failed || report.state == TargetState::again) {
        Failure failure;
        failure.reason = state.reason(index);
        if (const auto found = texts_.find(index);
            found != texts_.end() && found->second.reason == failure.reason)
            failure = found->second;
        report.kind = kind_of(failure.reason);
        if (has_failed) {
            report.error_code = failure.code_name();
            report.error_description = failure.description();
        }
    } else if (report.state == TargetState::canceled) {
        const auto found = canceled_.find(index);
        const auto cancel = found == canceled_.end() ? Cancel{CancelReason::cancelled, 0} : found->second;
        report.canceled = cancel.reason;
        report.canceled_by = cancel.by;
    }
    report.status = fold_.answer_status(index);
    report.attempts = state.attempts(index);
    if (index < begun_.size()) report.begun = begun_[index];
    if (report.attempts == 0 && report.begun.ticks != 0) report.attempts = 1;
    if (is_terminal(report.state)) report.ended = fold_.last_event(index).time;
    if (!wave_ends.empty()) {
        const std::uint64_t place = index < places_.size() ? places_[index] : index;
        const auto wave = std::upper_bound(wave_ends.begin(), wave_ends.end(), place) - wave_ends.begin();
        report.wave = static_cast<std::uint32_t>(wave);
        // Who joined later is in the last.
        if (index >= started_) report.wave = static_cast<std::uint32_t>(wave_ends.size() - 1);
    }
    return report;
}

}  // namespace carillon
