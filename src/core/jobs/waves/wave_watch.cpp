#include "core/jobs/waves/wave_watch.hpp"

#include <algorithm>

namespace carillon {

void WaveWatch::add(Ordinal ordinal, std::uint32_t index, bool is_of_wave) {
    if (ordinal == no_ordinal) return;
    Device device{};
    device.ordinal = ordinal;
    device.index = index & 0x1fff'ffff;
    device.is_of_wave = is_of_wave ? 1 : 0;
    device.state = is_of_wave ? idle : away;
    devices_.push_back(device);
}

void WaveWatch::close(const std::vector<LostEvent::Device>& lost) {
    std::vector<std::uint32_t> before;
    for (const auto& device : lost) {
        before.push_back(device.index);
        lost_ += device.is_of_wave ? 'w' : 'k';
        if (!device.is_of_wave) ++control_arm_.seen;
    }
    std::sort(before.begin(), before.end());
    std::sort(devices_.begin(), devices_.end(),
              [](const Device& a, const Device& b) { return a.ordinal < b.ordinal; });
    for (auto& device : devices_) {
        if (std::binary_search(before.begin(), before.end(), device.index)) device.state = over;
    }
}

WaveWatch::Device* WaveWatch::find(Ordinal ordinal) {
    const auto found =
        std::partition_point(devices_.begin(), devices_.end(),
                             [ordinal](const Device& device) { return device.ordinal < ordinal; });
    return found != devices_.end() && found->ordinal == ordinal ? &*found : nullptr;
}

void WaveWatch::watch(Device& device, Connection connection) {
    auto& arm = arm_of(device);
    device.connection = connection;
    device.state = watched;
    ++arm.watched;
    ++arm.seen;
}

void WaveWatch::leave(Device& device) {
    if (device.state == watched) --arm_of(device).watched;
    device.state = over;
}

void WaveWatch::begun(Ordinal ordinal, WallTime at, WallTime now, Connection connection) {
    auto* const device = find(ordinal);
    if (device == nullptr || !device->is_of_wave || device->state != idle) return;
    expire(now);
    if (at.ticks + watch_ms_ * WallTime::ticks_per_ms <= now.ticks) {
        device->state = over;
        return;
    }
    if (begins_.empty() || begins_.back().first != at) begins_.emplace_back(at, 0);
    ++begins_.back().second;
    begun_.push_back(static_cast<std::uint32_t>(device - devices_.data()));
    device->state = away;
    if (connection != 0) watch(*device, connection);
}

bool WaveWatch::look_at(Device& device, std::optional<Connection> connection) {
    if (!connection) {
        leave(device);
        return false;
    }
    if (device.state == away) {
        if (*connection != 0) watch(device, *connection);
        return *connection != 0;
    }
    if (*connection == device.connection) return false;
    leave(device);
    if (lost_.size() + wave_arm_.unsettled + control_arm_.unsettled >= lost_max) return false;
    ++arm_of(device).unsettled;
    fresh_.push_back({device.index, device.is_of_wave != 0});
    return true;
}

void WaveWatch::expire(WallTime now) {
    while (!begins_.empty() &&
           begins_.front().first.ticks + watch_ms_ * WallTime::ticks_per_ms <= now.ticks) {
        for (; begins_.front().second > 0; --begins_.front().second) {
            leave(devices_[begun_.front()]);
            begun_.pop_front();
        }
        begins_.pop_front();
    }
}

void WaveWatch::settled(const std::vector<LostEvent::Device>& devices, bool is_durable) {
    if (!is_durable) {
        fresh_.insert(fresh_.begin(), devices.begin(), devices.end());
        return;
    }
    for (const auto& device : devices) {
        --(device.is_of_wave ? wave_arm_ : control_arm_).unsettled;
        lost_ += device.is_of_wave ? 'w' : 'k';
    }
}

}  // namespace carillon
