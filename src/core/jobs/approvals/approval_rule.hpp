#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/jobs/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Which jobs need somebody's approval before they begin. All that is given must hold for a job.
/// Source: docs/rollout-reference.md, approval.
struct ApprovalRule {
    static constexpr std::size_t count_max = 64;
    static constexpr std::size_t name_chars_max = 64;
    static constexpr std::size_t bytes_max = 16 * 1024;
    static constexpr std::size_t entries_max = 64;  ///< Of each list.
    static constexpr std::uint32_t approvals_max = 3;

    std::string name;
    std::optional<std::uint64_t> devices_above;
    std::vector<std::string> touches;  ///< Paths of twins.
    std::vector<std::string> methods;  ///< Names, in which `*` stands for anything.
    bool lacks_waves = false;
    bool lacks_stop = false;
    std::uint32_t approvals = 1;
    std::vector<std::string> by;  ///< Policies; none: any that has the right.
    std::string text;             ///< As it was sent.

    /// Reads `{"when":{…},"approvals":…,"by":[…]}`. Fails with `argument_invalid`, which names the member.
    static Result<ApprovalRule> parse(std::string_view name, std::string_view text);
    bool matches(const JobDefinition& definition, std::uint64_t devices) const;
    /// Whether an approval by this policy counts for it.
    bool takes(std::string_view policy) const;
};

/// True for a text that the pattern describes; `*` stands for anything, also nothing.
bool matches_pattern(std::string_view pattern, std::string_view text);

/// What somebody has to agree to before a job begins, and who has. A value.
struct JobApproval {
    std::string hash;     ///< Of the job and its devices, in hex.
    std::string creator;  ///< The policy that made the job, which does not approve it.
    std::uint64_t devices = 0;
    std::vector<ApprovalRule> rules;
    std::vector<JobActor>
        given;  ///< Bound: ApprovalRule::count_max times approvals_max; a policy is there once.

    bool is_complete() const;
    /// How many more are needed, of the rule that needs most.
    std::uint32_t missing() const;
    bool has(std::string_view policy) const;
};

}  // namespace carillon
