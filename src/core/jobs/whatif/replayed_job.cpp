#include "core/jobs/whatif/replayed_job.hpp"

#include <algorithm>

namespace carillon {

ReplayedJob::ReplayedJob(const JobDefinition& definition, const std::vector<std::uint64_t>& sizes,
                         std::vector<std::vector<std::uint32_t>> places, WallTime started)
    : run_(definition, sizes.size()), parts_(sizes.size()), started_(started), touched_(sizes.size()) {
    const bool has_order = !places.empty();
    run_.set_parts(sizes, has_order);
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
        TargetsEvent targets;
        targets.ordinals.resize(sizes[i]);
        touched_[i].resize(sizes[i]);
        CARILLON_ASSERT(parts_[i].state.apply(targets));
        auto own = has_order ? std::move(places[i]) : std::vector<std::uint32_t>();
        parts_[i].gate = std::make_unique<PartGate>(i, has_order, std::move(own),
                                                    std::vector<std::uint32_t>(), parts_[i].state);
    }
    renew_orders();
    for (std::size_t i = 0; i < parts_.size(); ++i) report(i);
}

void ReplayedJob::renew_orders() {
    run_.renew_orders();
    for (std::size_t i = 0; i < parts_.size(); ++i)
        parts_[i].gate->obey(run_.orders_for(i, started_, WallTime{INT64_MAX}), parts_[i].state);
}

void ReplayedJob::report(std::size_t part) {
    report(part, 0, 0, 0);
}

void ReplayedJob::report(std::size_t part, std::uint64_t wanted, std::uint64_t in_flight,
                         std::uint64_t used) {
    auto report = parts_[part].gate->report();
    report.number = ++reports_;
    report.wanted = wanted;
    report.in_flight = in_flight;
    report.used = used;
    run_.report(report);
}

void ReplayedJob::apply(std::size_t part, const JobEvent& event) {
    auto& state = parts_[part].state;
    auto& gate = parts_[part].gate;
    gate->follow(event, state);
    const auto begin = [&](std::uint32_t index) {
        if (!is_terminal(state.at(index))) touched_[part][index] = true;
    };
    if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : intent->devices) begin(device.index);
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (device.failure.reason == FailReason::none) begin(device.index);
        }
    }
    CARILLON_ASSERT(state.apply(event, [&](std::uint32_t index) { gate->note(index, state); }));
}

void ReplayedJob::apply(const JobLogEvent& event) {
    const auto* directed = std::get_if<DirectedEvent>(&event);
    if (directed != nullptr && directed->what == DirectedEvent::cancelling) is_cancelled_ = true;
    run_.control.apply(event);
    renew_orders();
    for (std::size_t i = 0; i < parts_.size(); ++i) report(i);
}

void ReplayedJob::decide(WallTime now, std::vector<JobLogEvent>& decisions) {
    while (!is_cancelled_) {
        auto events = run_.control.decide(run_.counts(), now);
        if (events.empty()) return;
        for (auto& event : events) {
            apply(event);
            decisions.push_back(std::move(event));
        }
    }
}

void ReplayedJob::end(JobStatus status, std::uint64_t must_missed, WallTime now,
                      std::vector<JobLogEvent>& decisions) {
    const auto& control = run_.control;
    if (status == JobStatus::completed) {
        for (auto& judged : control.judge_open(run_.counts(), now)) decisions.emplace_back(std::move(judged));
    }
    const auto& success = control.rollout().success;
    if (success.succeeded || success.all)
        decisions.emplace_back(control.judge(counts(), must_missed, status != JobStatus::completed, now));
    JobEndedEvent ended{now, status, {}};
    for (const auto& part : parts_) {
        const auto& some = part.state.counts();
        ended.counts.device += some.device;
        ended.counts.pending += some.pending;
        ended.counts.running += some.running;
        ended.counts.succeeded += some.succeeded;
        ended.counts.failed += some.failed;
        ended.counts.canceled += some.canceled;
    }
    decisions.emplace_back(ended);
}

std::uint64_t ReplayedJob::touched() const {
    std::uint64_t count = 0;
    for (const auto& part : touched_)
        count += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), true));
    return count;
}

}  // namespace carillon
