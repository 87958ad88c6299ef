#include "running_fleet.hpp"

#include <future>
#include <memory>

namespace carillon {

RunningFleet::~RunningFleet() {
    thread_.stop();
    thread_.join();
}

Result<> RunningFleet::start() {
    if (auto made = fleet_.make_devices(); !made) return made;
    thread_.start();
    thread_.post([this] { fleet_.start(); });
    return {};
}

void RunningFleet::cut() {
    thread_.post([this] { fleet_.cut(); });
}

std::pair<fleet::Statistics, std::optional<Errc>> RunningFleet::look() {
    std::promise<std::pair<fleet::Statistics, std::optional<Errc>>> told;
    thread_.post([&] { told.set_value({fleet_.statistics(), fleet_.last_failure()}); });
    return told.get_future().get();
}

void RunningFleet::leave() {
    // Shared, as the answer may come when nobody waits any more.
    auto left = std::make_shared<std::promise<void>>();
    auto over = left->get_future();
    thread_.post([this, left] { fleet_.leave([left] { left->set_value(); }); });
    over.wait_for(leave_max);
}

}  // namespace carillon
