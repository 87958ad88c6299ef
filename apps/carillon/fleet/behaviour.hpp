#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "fleet/distribution.hpp"
#include "fleet/follow.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace carillon::fleet {

/// How the devices of a fleet behave.
struct BehaviourOptions {
    std::uint64_t seed = 1;
    Distribution method_latency;
    double fail_percent = 0;     ///< Methods answered with `fail_status`.
    double timeout_percent = 0;  ///< Methods never answered.
    /// Devices with a faulty firmware, always the same ones: of those of one tenth, or of all.
    double faulty_percent = 0;
    std::optional<unsigned> faulty_tenth = std::nullopt;
    int faulty_status = 500;                                    ///< What they answer each method with,
    std::optional<Distribution> faulty_latency = std::nullopt;  ///< and how late; else as late as others.
    /// Devices that are away at any moment; without `absence` the same ones for good.
    double offline_percent = 0;
    std::optional<Distribution> absence = std::nullopt;
    std::optional<Distribution> reported_every = std::nullopt;
    std::optional<Distribution> telemetry_every = std::nullopt;
    /// Report what desired properties say, so long after the device was told. Without: never.
    std::optional<Distribution> follow = std::nullopt;
    double wrong_percent = 0;          ///< Changes of which they report something else. Faulty devices: all.
    double ignore_percent = 0;         ///< Changes of which they report nothing.
    bool acknowledges = false;         ///< As IoT Plug and Play has it.
    std::string firmware = {};         ///< Reported as `firmware.version` at the first connection, if given;
    std::string faulty_firmware = {};  ///< and what faulty devices report there. Empty: the same.
    Duration ramp{};                   ///< Within which devices begin, evenly.
    Duration backoff_first = std::chrono::seconds(1);
    Duration backoff_max = std::chrono::seconds(30);
};

/// Devices carry `tags.tenth`, their number modulo this.
inline constexpr std::uint64_t tag_groups = 10;
inline constexpr int method_ok_status = 200;
inline constexpr int method_fail_status = 500;

/// What a device makes of one direct method.
struct MethodDecision {
    std::optional<int> status;  ///< Nothing: it never answers.
    Duration latency{};
};

/// What a device makes of one version of its desired properties.
struct FollowDecision {
    Following how = Following::never;
    Duration latency{};
};

/// What every device of a fleet decides. All are pure functions of the seed, the device's number, and
/// for the how manieth time it decides, so a run can be repeated and divided among processes.
class Behaviour {
public:
    /// Fails with `config_invalid` for percentages that are none.
    static Result<Behaviour> make(const BehaviourOptions& options);

    const BehaviourOptions& options() const { return options_; }

    bool is_faulty(std::uint64_t device) const;
    MethodDecision on_method(std::uint64_t device, std::uint64_t nth) const;
    FollowDecision on_desired(std::uint64_t device, std::int64_t version) const;
    /// What the device says that it runs; empty: it says nothing.
    const std::string& firmware(std::uint64_t device) const;
    /// When the device begins, from the fleet's start.
    Duration begins_after(std::uint64_t device) const;
    bool begins_away(std::uint64_t device) const;
    /// How long the `nth` absence or presence lasts; nothing: for good.
    std::optional<Duration> absence(std::uint64_t device, std::uint64_t nth) const;
    std::optional<Duration> presence(std::uint64_t device, std::uint64_t nth) const;
    /// How long after a failure the device tries again, when `failures` came one after another (1 or
    /// more): half to all of a time that doubles up to `backoff_max`.
    /// Source: azure-iot-sdk-csharp: ExponentialBackoff.cs, the same with other numbers.
    Duration backoff(std::uint64_t device, std::uint64_t nth, unsigned failures) const;
    /// Until the `nth` reported patch or telemetry; the first comes anywhere within its period, so
    /// that devices that begin together do not speak together. Only where the option is given.
    Duration until_reported(std::uint64_t device, std::uint64_t nth) const;
    Duration until_telemetry(std::uint64_t device, std::uint64_t nth) const;
    /// A number to report, such as a temperature: 15 to 30, two decimals.
    double reading(std::uint64_t device, std::uint64_t nth) const;

private:
    explicit Behaviour(const BehaviourOptions& options) : options_(options) {}
    Chance chance(std::uint64_t device, Purpose purpose, std::uint64_t nth) const {
        return {options_.seed, device, purpose, nth};
    }
    Duration period(const Distribution& every, Chance chance, std::uint64_t nth) const;

    BehaviourOptions options_;
    Distribution presence_;
};

}  // namespace carillon::fleet
