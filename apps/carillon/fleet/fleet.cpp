#include "fleet/fleet.hpp"

#include "fleet/simulated_device.hpp"

#include <algorithm>
#include <utility>

namespace carillon::fleet {
namespace {

/// How far attempts may lag behind the rate and catch up, which timers make them do.
constexpr std::chrono::milliseconds rate_slack{50};
constexpr std::uint32_t first_source = 0x7F000101;  // 127.0.1.1

}  // namespace

Fleet::Fleet(IoThread& thread, const Connector& connector, const Credentials& credentials,
             const Behaviour& behaviour, FleetOptions options, Script* script)
    : thread_(thread),
      connector_(connector),
      credentials_(credentials),
      behaviour_(behaviour),
      options_(std::move(options)),
      script_(script) {}

Fleet::~Fleet() = default;

Result<> Fleet::make_devices() {
    if (!options_.only.empty()) {
        auto id = DeviceId::parse(options_.only);
        if (!id) return fail(Errc::config_invalid, id.error().detail);
        devices_.push_back(std::make_unique<SimulatedDevice>(*this, 0, IdentityKey(*std::move(id))));
        statistics_.devices = 1;
        return {};
    }
    devices_.reserve(options_.devices);
    for (std::uint64_t i = 0; i < options_.devices; ++i) {
        const std::uint64_t number = options_.first + i;
        auto id = DeviceId::parse(device_id(options_.prefix, number));
        if (!id) return fail(Errc::config_invalid, "the prefix makes no device ids: " + id.error().detail);
        devices_.push_back(std::make_unique<SimulatedDevice>(*this, number, IdentityKey(*std::move(id))));
    }
    statistics_.devices = options_.devices;
    return {};
}

void Fleet::start() {
    for (const auto& device : devices_) device->start();
}

void Fleet::cut() {
    for (const auto& device : devices_) device->cut();
}

void Fleet::leave(UniqueFunction<void()> left) {
    is_leaving_ = true;
    left_ = std::move(left);
    queue_.clear();
    thread_.timers().cancel(fill_timer_);
    leaving_ = 1;  // Us, until all have been told.
    for (const auto& device : devices_) leaving_ += device->leave() ? 1 : 0;
    has_left();
}

void Fleet::has_left() {
    if (--leaving_ == 0) left_();
}

std::optional<std::uint32_t> Fleet::source_of(std::uint64_t number) const {
    if (options_.source_addresses == 0) return std::nullopt;
    return first_source + static_cast<std::uint32_t>(number % options_.source_addresses);
}

void Fleet::wait_for_place(SimulatedDevice& device) {
    queue_.push_back(&device);
    fill();
}

void Fleet::place_is_free() {
    --connecting_;
    fill();
}

void Fleet::fill() {
    // Opening may fail at once, which frees the place and comes here again.
    if (is_filling_ || is_leaving_) return;
    is_filling_ = true;
    while (connecting_ < options_.connecting_max && !queue_.empty() && may_connect_now()) {
        SimulatedDevice* const device = queue_.front();
        queue_.pop_front();
        ++connecting_;
        device->open();
    }
    is_filling_ = false;
}

/// Keeps to the rate: true, and an attempt is counted, or a timer will look again.
bool Fleet::may_connect_now() {
    if (options_.connect_rate <= 0) return true;
    const TimePoint at = now();
    if (next_connect_ > at) {
        if (!fill_timer_) {
            fill_timer_ = thread_.timers().at(next_connect_, [this] {
                fill_timer_ = {};
                fill();
            });
        }
        return false;
    }
    const auto interval =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / options_.connect_rate));
    next_connect_ = std::max(next_connect_, at - rate_slack) + interval;
    return true;
}

}  // namespace carillon::fleet
