// What a part does for budgets that count devices. Rules: docs/rollout-reference.md.

#include "core/jobs/budgets/shard_budgets.hpp"
#include "core/jobs/job_part.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

namespace {

/// Ours: how often devices ask again that nobody called.
constexpr std::chrono::seconds parked_delay{1};

/// Calls `f(index)` for each device that the event lets begin.
template <class F>
void for_each_begun(const JobEvent& event, F f) {
    if (const auto* dispatched = std::get_if<DispatchedEvent>(&event)) {
        for (const auto index : dispatched->indexes) f(index);
    } else if (const auto* begun = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : begun->devices) f(device.index);
    } else if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) {
        for (auto index = chunk->from; index < chunk->to; ++index) f(index);
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) f(device.index);
    }
}

bool is_write(const JobEvent& event) {
    return std::holds_alternative<TwinChunkEvent>(event) || std::holds_alternative<WrittenEvent>(event);
}

}  // namespace

void JobPart::tell_budgets() {
    const auto type = definition().type;
    if (auto lines = std::exchange(parked_lines_, {}); !lines.empty()) {
        // What they lacked is no budget any more, or another one.
        auto& all = parked_lines_[BudgetToken::stale()];
        for (auto& [token, devices] : lines) all.insert(all.end(), devices.begin(), devices.end());
        arm_parked();
    }
    for (std::uint32_t i = 0; i < size(); ++i) {
        const auto now = state_.at(i);
        const bool is_begun = now == TargetState::running || now == TargetState::again;
        state_.set_at_risk(i, is_begun && site_.budgets.is_about(type));
        if (is_begun && site_.budgets.is_about(type)) site_.budgets.hold(ordinals_[i], type);
    }
}

std::optional<BudgetToken> JobPart::ask_budgets(std::uint32_t index) {
    const auto type = definition().type;
    if (!site_.budgets.is_about(type) || state_.is_at_risk(index)) return std::nullopt;
    const auto ordinal = ordinals_[index];
    if (ordinal == no_ordinal) return std::nullopt;
    const auto refused = site_.budgets.begin(ordinal, type, {job(), shard().number()}, parked_lines_);
    if (!refused) state_.set_at_risk(index, true);
    return refused;
}

bool JobPart::take_budgets(std::uint32_t index) {
    const auto refused = ask_budgets(index);
    if (!refused) return true;
    state_.claim(index);
    auto& line = parked_lines_[*refused];
    const auto place = [this](std::uint32_t device) { return gate_ ? gate_->place(device) : device; };
    line.insert(std::upper_bound(line.begin(), line.end(), index,
                                 [&](std::uint32_t a, std::uint32_t b) { return place(a) < place(b); }),
                index);
    ++parked_;
    arm_parked();
    return false;
}

bool JobPart::take_budgets_in_order(std::uint32_t index) {
    is_at_head_ = ask_budgets(index).has_value();
    if (is_at_head_) arm_parked();
    return !is_at_head_;
}

void JobPart::arm_parked() {
    if (is_parked_armed_) return;
    is_parked_armed_ = true;
    after(parked_delay, [this] {
        is_parked_armed_ = false;
        budget_freed();
    });
}

void JobPart::budget_freed() {
    if (!has_begun_ || is_closed_ || is_stopped_) return;
    if (is_at_head_) {
        is_at_head_ = false;
        wake();
    }
    if (parked_ == 0) return;
    const BudgetLedger::Who who{job(), shard().number()};
    std::vector<std::uint32_t> again;
    for (auto line = parked_lines_.begin(); line != parked_lines_.end();) {
        auto& devices = line->second;
        const bool is_stale = line->first == BudgetToken::stale();
        auto free = is_stale ? std::uint64_t{Gate::outstanding_max} : site_.budgets.free(line->first, who);
        for (; free > 0 && !devices.empty() && again.size() < Gate::outstanding_max; --free) {
            again.push_back(devices.front());
            devices.pop_front();
        }
        line = devices.empty() ? parked_lines_.erase(line) : std::next(line);
    }
    parked_ -= again.size();
    for (const auto index : again) {
        state_.release(index);
        if (!is_terminal(state_.at(index))) unpark(index);
    }
    if (parked_lines_.contains(BudgetToken::stale())) after(Duration::zero(), [this] { budget_freed(); });
    if (parked_ > 0) arm_parked();
    if (again.empty()) return;
    if (gate_ && gate_->has_orders()) report_soon();
    wake();
}

void JobPart::give_back_budgets(std::uint32_t index) {
    if (!state_.is_at_risk(index)) return;
    state_.set_at_risk(index, false);
    site_.budgets.unbegin(ordinals_[index]);
}

/// The device's state has changed, durably.
void JobPart::note_risk(std::uint32_t index, const JobEvent& event) {
    if (!state_.is_at_risk(index)) return;
    switch (state_.at(index)) {
        case TargetState::succeeded:
            break;
        case TargetState::failed:
        case TargetState::canceled:
            if (!is_write(event)) break;
            [[fallthrough]];  // It was not written.
        case TargetState::pending:
        case TargetState::attempted:
            return give_back_budgets(index);
        case TargetState::again:
        case TargetState::running:
            return;
    }
    state_.set_at_risk(index, false);
    site_.budgets.end(ordinals_[index], state_.at(index) == TargetState::succeeded);
}

/// Puts into the event's batch what a restart has to know of devices that end by it.
void JobPart::put_risks(const JobEvent& event) {
    if (!site_.budgets.is_active()) return;
    const auto end = [this](std::uint32_t index, bool has_succeeded) {
        if (state_.is_at_risk(index)) site_.budgets.put_end(ordinals_[index], has_succeeded);
    };
    const auto take = [&](const std::vector<Outcome>& outcomes) {
        for (const auto& outcome : outcomes) {
            if (outcome.again_ms == 0 && outcome.kind != OutcomeKind::not_sent)
                end(outcome.index, outcome.kind == OutcomeKind::answered);
        }
    };
    if (const auto* known = std::get_if<OutcomesEvent>(&event)) {
        take(known->outcomes);
    } else if (const auto* of_attempts = std::get_if<Outcomes2Event>(&event)) {
        take(of_attempts->outcomes);
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices)
            end(device.index, device.failure.reason == FailReason::none);
    } else if (const auto* canceled = std::get_if<CanceledEvent>(&event)) {
        for (const auto index : canceled->indexes) end(index, false);
    } else if (std::holds_alternative<EndedEvent>(event)) {
        for (std::uint32_t i = 0; i < size(); ++i) {
            if (!is_terminal(state_.at(i))) end(i, false);
        }
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (!device.is_awaited && device.failure.reason == FailReason::none) end(device.index, true);
        }
    } else if (is_write(event)) {
        for_each_begun(event, [&](std::uint32_t index) { end(index, true); });
    }
}

/// The event is not durable: what begins by it has not begun.
void JobPart::take_back_risks(const JobEvent& event) {
    for_each_begun(event, [this](std::uint32_t index) {
        const auto now = state_.at(index);
        if (now != TargetState::running && now != TargetState::again) give_back_budgets(index);
    });
}

}  // namespace carillon
