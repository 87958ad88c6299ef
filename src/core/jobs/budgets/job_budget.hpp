#pragma once

#include "base/result.hpp"
#include "model/jobs/job_type.hpp"
#include "model/rollouts/rollout.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// How many devices all jobs of the hub may have at risk together. A value. Source:
/// docs/rollout-reference.md, budgets.
struct JobBudget {
    static constexpr std::size_t count_max = 16;
    static constexpr std::size_t name_chars_max = 64;
    static constexpr std::size_t bytes_max = 4096;

    std::string name;
    std::string devices = "*";         ///< A condition, as a job's.
    std::string per;                   ///< A path; empty: all devices together.
    std::optional<RolloutAmount> max;  ///< None: 0, and nothing of such devices begins.
    bool holds_methods = true;
    bool holds_twins = true;
    RolloutDuration soak;
    std::string text;           ///< As it was sent.
    std::uint64_t at_risk = 0;  ///< As `JobBudgets::all` has found it.

    bool is_about(JobType type) const { return type == JobType::device_method ? holds_methods : holds_twins; }
    /// True if it counts nothing, as nothing of these jobs begins.
    bool is_freeze() const { return !max && devices == "*"; }

    /// Reads `{"max":5,"per":"tags.site"}`. Fails with `argument_invalid`, which names the member; whether
    /// `devices` is a condition is not looked at.
    static Result<JobBudget> parse(std::string_view name, std::string_view text);
};

}  // namespace carillon
