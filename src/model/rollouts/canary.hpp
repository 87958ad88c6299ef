#pragma once

#include "model/rollouts/rollout.hpp"

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
    bool operator==(const WaveTest&) const = default;

    /// Evidence that more fail than `tolerate`, and that fewer fail than `refuse`, after so many devices in
    /// the order in which they began: non-negative supermartingales if that is not so, so they may be looked
    /// at after each device. Sources: Ville's inequality; Robbins 1970, mixtures of likelihood ratios.
    double bad_evidence(std::uint64_t failed, std::uint64_t succeeded) const;
    double good_evidence(std::uint64_t failed, std::uint64_t succeeded) const;
    /// What they need.
    double bad_needed() const { return 10'000.0 / false_alarm.hundredths; }
    double good_needed() const { return 10'000.0 / false_pass.hundredths; }
    /// The fewest devices that can pass.
    std::uint64_t size_min() const;
};

/// What a test says of the devices that count so far. A value.
struct WaveTestState {
    enum What : std::uint8_t { open = 0, good = 1, bad = 2, undecided = 3 };
    std::uint32_t wave = 0;
    What what = open;
    std::uint64_t failed = 0;
    std::uint64_t succeeded = 0;
    bool operator==(const WaveTestState&) const = default;

    /// One more device has ended; what is decided stays.
    void add(const WaveTest& test, bool is_success);
};

std::string_view wave_test_text(WaveTestState::What what);

std::optional<WaveTest> read_wave_test(RolloutReader& in, JsonValue value, const std::string& path,
                                       const RolloutWave& wave);
/// Those of a rollout, which is checked, by entry of `waves`.
std::vector<std::optional<WaveTest>> wave_tests_of(const Rollout& rollout);

}  // namespace carillon
