#include "core/rollouts/confirm/awaited_devices.hpp"

namespace carillon {

void AwaitedDevices::add(Ordinal ordinal, const Device& device) {
    devices_.insert_or_assign(ordinal, device);
    (device.is_reached ? reached_order_ : order_).devices.push_back(ordinal);
}

const AwaitedDevices::Device* AwaitedDevices::find(Ordinal ordinal) const {
    const auto found = devices_.find(ordinal);
    return found == devices_.end() ? nullptr : &found->second;
}

void AwaitedDevices::erase(Ordinal ordinal) {
    const auto found = devices_.find(ordinal);
    if (found == devices_.end()) return;
    if (found->second.is_reached) --reached_;
    devices_.erase(found);
}

void AwaitedDevices::reach(Ordinal ordinal, TimePoint now) {
    const auto found = devices_.find(ordinal);
    if (found == devices_.end() || found->second.is_reached) return;
    found->second.is_reached = true;
    ++reached_;
    due_.emplace_back(now + within_, ordinal);
    reached_order_.devices.push_back(ordinal);
}

/// Those at the front that have confirmed meanwhile.
void AwaitedDevices::drop_ended() {
    while (!due_.empty() && !devices_.contains(due_.front().second)) due_.pop_front();
}

std::optional<TimePoint> AwaitedDevices::next_due() {
    drop_ended();
    if (due_.empty()) return std::nullopt;
    return due_.front().first;
}

std::optional<Ordinal> AwaitedDevices::take_due(TimePoint now) {
    const auto next = next_due();
    if (!next || *next > now) return std::nullopt;
    const auto ordinal = due_.front().second;
    due_.pop_front();
    return ordinal;
}

std::vector<Ordinal> AwaitedDevices::all() const {
    std::vector<Ordinal> ordinals;
    ordinals.reserve(devices_.size());
    for (const auto& [ordinal, device] : devices_) ordinals.push_back(ordinal);
    return ordinals;
}

}  // namespace carillon
