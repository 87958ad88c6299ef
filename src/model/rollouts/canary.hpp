#pragma once

#include "model/rollouts/rollout.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class RolloutReader;

/// A wave that is judged by a sequential test: `test` of an entry of `waves`. Source:
/// docs/rollout-reference.md, a wave with a test.
struct WaveTest {
    RolloutShare tolerate{200};     ///< Of the devices may fail.
    RolloutShare refuse{500};       ///< Too many.
    RolloutShare false_alarm{100};  ///< How likely a wave of which `tolerate` fail is refused, at most.
    RolloutShare false_pass{500};   ///< The same of one that passes though `refuse` fail.
    // Signals beside the failures, which share `false_alarm` evenly:
    std::optional<RolloutDuration> slower_than;  ///< `slow`: how many answers come later than this.
    bool has_disconnects = false;                ///< `disconnects`: who loses its connection.
    std::optional<RolloutAmount> control;        ///< The group it is compared with; none: as the wave.
    RolloutDuration watch{3'600'000};            ///< For how long each device is watched for that.
    bool operator==(const WaveTest&) const = default;

    /// The failures among them.
    std::uint32_t signals() const { return 1U + (slower_than ? 1U : 0U) + (has_disconnects ? 1U : 0U); }
    /// Devices of the control group of a wave of so many, in a job of so many.
    std::uint64_t control_of(std::uint64_t wave, std::uint64_t targets) const;

    /// Evidence that more fail than `tolerate`, and that fewer fail than `refuse`, after so many devices in
    /// the order in which they began: non-negative supermartingales if that is not so, so they may be looked
    /// at after each device. Sources: Ville's inequality; Robbins 1970, mixtures of likelihood ratios.
    double bad_evidence(std::uint64_t failed, std::uint64_t succeeded) const;
    double good_evidence(std::uint64_t failed, std::uint64_t succeeded) const;
    /// What they need, the first of each signal.
    double bad_needed() const { return 10'000.0 * signals() / false_alarm.hundredths; }
    double good_needed() const { return 10'000.0 / false_pass.hundredths; }
    /// The fewest devices that can pass.
    std::uint64_t size_min() const;
};

/// Who lost its connection first, the devices of a wave or those of its control group: the product of what
/// each of them says, for rates in the wave that are so many times those in the group. Folded from the same
/// events in the same order it is the same to the bit. A value.
/// Source: Lindon, Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022, of two arms.
struct LostConnections {
    static constexpr std::array<double, 5> ratios{1.5, 2, 3, 5, 10};
    /// With fewer in the control group nothing is said.
    static constexpr std::uint64_t control_min = 50;

    std::uint64_t in_wave = 0;
    std::uint64_t in_control = 0;
    std::uint64_t control = 0;  ///< Devices of the group that have been watched.
    std::array<double, ratios.size()> products{1, 1, 1, 1, 1};
    bool operator==(const LostConnections&) const = default;

    /// One more device has lost its connection, for the first time; with it so many were watched.
    void add(bool is_of_wave, std::uint64_t watched_in_wave, std::uint64_t watched_in_control);
    std::uint64_t count() const { return in_wave + in_control; }
    /// A non-negative supermartingale if both lose them at the same rate.
    double evidence() const;
    bool is_off() const { return control < control_min; }
};

/// What a test says of the devices that count so far. A value.
struct WaveTestState {
    enum What : std::uint8_t { open = 0, good = 1, bad = 2, undecided = 3 };
    std::uint32_t wave = 0;
    What what = open;
    std::uint64_t failed = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t slow = 0;  ///< Of `answered`: later than the test says.
    std::uint64_t answered = 0;
    LostConnections lost;
    bool operator==(const WaveTestState&) const = default;

    /// One more device has ended; `is_slow` if it has answered. What is decided stays, but that another
    /// signal may still be bad.
    void add(const WaveTest& test, bool is_success, std::optional<bool> is_slow = {});
    void add_lost(const WaveTest& test, bool is_of_wave, std::uint64_t watched_in_wave,
                  std::uint64_t watched_in_control);
    /// Looks at the signals beside the failures.
    void judge(const WaveTest& test);
    // Of each signal, whether it has said that the wave is bad:
    bool is_failing(const WaveTest& test) const;
    bool is_slow(const WaveTest& test) const;
    bool is_losing(const WaveTest& test) const;
};

std::string_view wave_test_text(WaveTestState::What what);

// What a signal says, as a sentence with its numbers.
std::string failures_sentence(const WaveTest& test, const WaveTestState& state);
std::string slow_sentence(const WaveTest& test, const WaveTestState& state);
std::string disconnects_sentence(const WaveTest& test, const WaveTestState& state);

std::optional<WaveTest> read_wave_test(RolloutReader& in, JsonValue value, const std::string& path,
                                       const RolloutWave& wave);
/// Those of a rollout, which is checked, by entry of `waves`.
std::vector<std::optional<WaveTest>> wave_tests_of(const Rollout& rollout);

}  // namespace carillon
