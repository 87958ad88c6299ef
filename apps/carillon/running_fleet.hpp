#pragma once

#include "fleet/fleet.hpp"
#include "net/io_thread.hpp"

#include <chrono>
#include <optional>
#include <utility>

namespace carillon {

/// How long all devices may take to say goodbye.
inline constexpr std::chrono::seconds leave_max{10};

/// A fleet on a thread of its own, asked from outside. What it is made with outlives it.
class RunningFleet {
public:
    RunningFleet(const Connector& connector, const fleet::Credentials& credentials,
                 const fleet::Behaviour& behaviour, const fleet::FleetOptions& options,
                 fleet::Script* script = nullptr)
        : thread_(0, clock_), fleet_(thread_, connector, credentials, behaviour, options, script) {}
    ~RunningFleet();

    /// Fails with `config_invalid` if the options give no device ids.
    Result<> start();
    /// Drops every connection at once; the devices come back.
    void cut();
    /// What it knows at the end of a turn, and why the latest attempt to connect failed, if one did.
    std::pair<fleet::Statistics, std::optional<Errc>> look();
    /// Has all devices say goodbye; blocks for `leave_max` at most.
    void leave();

private:
    SystemClock clock_;
    IoThread thread_;
    fleet::Fleet fleet_;
};

}  // namespace carillon
