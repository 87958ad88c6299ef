#pragma once

#include "model/rollouts/rollout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

// Kinds of failure of jobs that wait for confirmations; their numbers go on behind those of `FailureKind`.
inline constexpr FailureKind failure_diverged{10};     ///< Reported something else.
inline constexpr FailureKind failure_silent{11};       ///< Reported nothing of it.
inline constexpr FailureKind failure_undelivered{12};  ///< Was not reached.
inline constexpr std::size_t all_failure_kinds = 13;

enum class ConfirmBy : std::uint8_t { reported, acknowledged, condition };
/// When a device of a twin job has done what was written to it: `confirm` of a rollout.
/// Source: docs/rollout-reference.md.
struct RolloutConfirm {
    static constexpr std::size_t paths_max = 64;

    ConfirmBy by = ConfirmBy::reported;
    std::string condition;  ///< Of `condition`.
    /// Desired paths that are watched, each with the reported one; none: all that the job writes, and the
    /// same paths.
    std::vector<std::pair<std::string, std::string>> map;
    RolloutDuration within{3'600'000};  ///< From when the device was reached.
    bool operator==(const RolloutConfirm&) const = default;

    /// That of a rollout, which is checked; nothing if it has none.
    static std::optional<RolloutConfirm> of(const Rollout& rollout);
};

}  // namespace carillon
