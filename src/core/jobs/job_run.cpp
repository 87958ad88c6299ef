#include "core/jobs/job_run.hpp"

#include <algorithm>

namespace carillon {

JobRun::JobRun(const JobDefinition& definition, std::size_t parts)
    : control(definition), gate(parts), parts_(parts) {
    counts_.waves.resize(1);
    start_after = RolloutStartAfter::of(*definition.rollout);
    plan = RolloutPlanRef::of(*definition.rollout);
}

void JobRun::set_parts(const std::vector<std::uint64_t>& sizes, bool has_order) {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) all += parts_[i].size = sizes[i];
    has_order_ = has_order;
    control.set_targets(all);
}

void JobRun::report(const GateReport& report) {
    if (report.number != 0 && report.number <= parts_[report.part].last.number) return;
    gate.report(report);
    parts_[report.part].last = report;
    parts_[report.part].last.places.clear();
    counts_ = {};
    counts_.waves.resize(std::max<std::size_t>(1, control.waves().size()));
    for (const auto& part : parts_) {
        for (std::size_t i = 0; i < part.last.waves.size() && i < counts_.waves.size(); ++i) {
            counts_.waves[i] += part.last.waves[i];
        }
        for (std::size_t i = 0; i < counts_.kinds.size(); ++i) counts_.kinds[i] += part.last.kinds[i];
    }
    parts_[report.part].last.tested.clear();
    parts_[report.part].last.lost.clear();
    if (control.is_continuous() && gate.has_heard_all()) {
        std::uint64_t members = 0;
        for (const auto& part : parts_) members += part.last.devices;
        control.set_members(members);
    }
    follow_test(report);
    if (!tested_) return;
    counts_.test = tested_->state;
    for (const auto& each : tested_->watched) counts_.lost.push_back(each.counted);
    for (const auto& part : parts_) {
        // One of which all devices had ended before a restart does not know the wave.
        const bool is_of_wave = part.last.tested_wave.value_or(tested_->state.wave) == tested_->state.wave;
        if (is_of_wave) counts_.last_begun = std::max(counts_.last_begun, part.last.last_begun);
    }
}

std::uint64_t JobRun::backing_off() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part.last.backing_off;
    return sum;
}

std::uint64_t JobRun::waits_offline() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part.last.waits_offline;
    return sum;
}

std::uint64_t JobRun::must_missed() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part.last.must_missed;
    return sum;
}

std::vector<LogHead> JobRun::log_heads() const {
    std::vector<LogHead> heads;
    for (const auto& part : parts_) heads.push_back(part.last.log);
    return heads;
}

std::uint64_t JobRun::events() const {
    auto sum = next_sequence;
    for (const auto& part : parts_) sum += part.last.log.sequence;
    return sum;
}

/// What the part is to look at for the test of a wave.
void JobRun::add_test(PartOrders& orders, std::size_t part) const {
    const auto& test = control.test_of(*orders.tested_wave);
    if (test->slower_than) orders.slower_than_ms = test->slower_than->ms;
    if (!test->has_disconnects) return;
    orders.watch_ms = test->watch.ms;
    std::vector<std::uint64_t> sizes;
    for (const auto& each : parts_) sizes.push_back(each.size);
    orders.control =
        static_cast<std::uint32_t>(share_out(control.control_of(*orders.tested_wave), sizes)[part]);
}

PartOrders JobRun::orders_for(std::size_t part, WallTime started, WallTime deadline) const {
    PartOrders orders;
    orders.number = orders_;
    orders.is_held = control.is_paused();
    orders.type = control.type();
    orders.rollout = control.shared_rollout();
    orders.deadline = deadline;
    orders.patient_until = patient_until;
    orders.tested_wave = control.tested_wave();
    if (orders.tested_wave) add_test(orders, part);
    const auto& waves = control.waves();
    orders.members = control.members();
    orders.sources = sources;
    const auto open = control.has_waves() ? control.open_waves() : waves.size();
    // Without an order each wave takes its share of what is left in each part.
    std::vector<std::uint64_t> left;
    for (const auto& each : parts_) left.push_back(each.size);
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < waves.size(); ++i) {
        if (has_order_) {
            end += waves[i].size;
        } else {
            const auto shares = share_out(waves[i].size, left);
            for (std::size_t p = 0; p < left.size(); ++p) left[p] -= shares[p];
            end += shares[part];
        }
        orders.wave_ends.push_back(static_cast<std::uint32_t>(end));
        if (i < open) {
            orders.open_to = static_cast<std::uint32_t>(end);
            orders.opened.push_back(control.has_waves() ? waves[i].opened : started);
        }
    }
    if (control.is_continuous()) {
        // Who joins is behind all others, in the last wave.
        orders.wave_ends.back() = UINT32_MAX;
        if (open == waves.size()) orders.open_to = UINT32_MAX;
    }
    return orders;
}

}  // namespace carillon
