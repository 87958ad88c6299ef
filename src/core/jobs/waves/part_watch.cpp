// What a part does for a wave that is watched for lost connections. Rules: docs/rollout-reference.md.

#include "core/jobs/job_part.hpp"

#include <utility>

namespace carillon {
namespace {

/// Ours: connections are looked at so often, so many in one go, and those that are lost are written.
constexpr std::chrono::milliseconds watch_delay{1000};
constexpr std::size_t watch_looks_max = 50'000;

/// Of a device that is gone, nothing.
std::optional<WaveWatch::Connection> connection_of(const Directory& directory, Ordinal ordinal) {
    const Record* record = directory.find(ordinal);
    if (record == nullptr || record->newest() == nullptr) return std::nullopt;
    if (record->link == nullptr) return 0;
    return static_cast<WaveWatch::Connection>(record->connection_updated.ticks) | 1U;
}

}  // namespace

/// The orders may be of another wave.
void JobPart::renew_watch() {
    const auto begun = gate_->take_begun();
    const auto& orders = gate_->orders();
    if (orders.watch_ms == 0 || !orders.tested_wave) {
        watch_.reset();
        return;
    }
    if (watch_ && watch_->wave() == *orders.tested_wave) return;
    watch_ = std::make_unique<WaveWatch>(*orders.tested_wave, orders.watch_ms);
    const auto add = [this](std::pair<std::uint32_t, std::uint32_t> positions, bool is_of_wave) {
        for (auto at = positions.first; at < positions.second; ++at)
            watch_->add(ordinals_[gate_->at(at)], gate_->at(at), is_of_wave);
    };
    const auto group = gate_->last_positions(orders.control);
    add(gate_->positions_of(*orders.tested_wave), true);
    add(group, false);
    const auto before = std::exchange(lost_before_, {});
    const bool is_same = before.wave == *orders.tested_wave;
    watch_->close(is_same ? before.devices : std::vector<LostEvent::Device>());
    const auto now = shard().clock().wall_now();
    for (const auto& [index, time] : begun) {
        if (status_of(state_.at(index)) != DeviceJobStatus::pending)
            watch_->begun(ordinals_[index], time, now, 0);
    }
    watch_->look_at_next(watch_looks_max, now,
                         [this](Ordinal ordinal) { return connection_of(shard().directory(), ordinal); });
    watch_on();
}

/// Devices that begin by this event, which is durable, are watched.
void JobPart::watch_begun(const JobEvent& event) {
    if (!watch_) return;
    const auto now = shard().clock().wall_now();
    const auto begin = [&](std::uint32_t index, WallTime at) {
        const auto ordinal = ordinals_[index];
        if (ordinal == no_ordinal) return;
        watch_->begun(ordinal, at, now, connection_of(shard().directory(), ordinal).value_or(0));
    };
    if (const auto* intent = std::get_if<BegunEvent>(&event)) {
        for (const auto& device : intent->devices) begin(device.index, intent->time);
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (device.failure.reason == FailReason::none) begin(device.index, written->time);
        }
    }
}

/// Looks at the connections of a slice of the devices, again and again.
void JobPart::watch_on() {
    if (std::exchange(is_watch_armed_, true)) return;
    after(watch_delay, [this] {
        is_watch_armed_ = false;
        if (!watch_ || is_stopped_ || is_finished_ || is_closed_) return;
        const auto now = shard().clock().wall_now();
        const bool has_news = watch_->look_at_next(watch_looks_max, now, [this](Ordinal ordinal) {
            return connection_of(shard().directory(), ordinal);
        });
        LostEvent event;
        event.time = now;
        event.wave = watch_->wave();
        if (!is_paused_) event.devices = watch_->take_fresh();
        if (!event.devices.empty()) append(std::move(event));
        if (has_news) report_soon();
        watch_on();
    });
}

void JobPart::settle_lost(const LostEvent& event, bool is_durable) {
    if (!watch_ || watch_->wave() != event.wave) return;
    watch_->settled(event.devices, is_durable);
}

/// Adds the watched connections to the report for the coordinator.
void JobPart::add_watched(GateReport& report) {
    if (!watch_) return;
    watch_->expire(shard().clock().wall_now());
    report.lost = watch_->lost();
    // A part of which all devices have ended looks at them no more.
    if (is_finished_) return;
    report.watched_in_wave = watch_->watched_in_wave();
    report.watched_in_control = watch_->watched_in_control();
    report.control = watch_->control();
}

}  // namespace carillon
