#pragma once

#include "base/result.hpp"
#include "model/jobs/job_type.hpp"

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// What the flags of `carillon job create` and `job set` say about how a job goes over its devices. Empty
/// means not given. Members: docs/rollout-reference.md.
struct RolloutFlags {
    std::string object;  ///< `--rollout`, JSON; each other flag sets one member on top of it.
    std::string max_in_flight;
    std::string rate;
    bool is_not_adaptive = false;
    std::string order;
    std::optional<std::int64_t> seed;
    std::string waves;   ///< `1%,9%,rest` or `1%x3`
    std::string canary;  ///< `1% tolerate 2% refuse 5%`
    std::string soak;
    std::string gate;
    std::string pass;  ///< `95%` or `95%/90%`: succeeded, ended.
    std::string wave_within;
    std::string wave_else;
    std::vector<std::string> stop;  ///< `failed>5% after 100 of timeout,rejected then cancel`
    std::string success;
    std::string success_all;
    std::string ok_status;
    std::optional<std::int64_t> attempts;
    std::string retry_on;
    std::string backoff;  ///< `5s..2m`
    bool is_repeatable = false;
    std::string offline;
    std::string offline_ttl;
    std::string confirm;  ///< `reported`, `acknowledged` or a condition.
    std::string confirm_within;
    std::vector<std::string> windows;  ///< `mon-fri 02:00+2h`, `02:00+90m`
    std::vector<std::string> except;   ///< `2026-12-24..2026-12-26`
    std::string zone;                  ///< `Europe/Berlin` or `tags.tz`
    std::string zone_fallback;
    std::string closing;
    std::string deadline;
    std::string keep;
    std::string from;  ///< `JOB:failed,canceled`
    std::string from_kinds;
    std::string after;                     ///< `JOB`, `JOB:95%` or `JOB:95%/100%`: succeeded, ended.
    std::optional<std::string> supersede;  ///< A key, or empty.
    bool is_continuous = false;
    std::string on_leave;
    bool keeps_no_undo = false;
    std::string undo_of;
    std::string notify;  ///< `ops,audit`
    std::string note;
};

/// The flags of pace, waves and rules.
void add_rollout_rule_flags(CLI::App& verb, RolloutFlags& flags);
/// Those, and the others that a running job takes too.
void add_rollout_change_flags(CLI::App& verb, RolloutFlags& flags);
/// All of them.
void add_rollout_flags(CLI::App& verb, RolloutFlags& flags);

/// The object that the flags make, or an empty text if none is given; `base` is the object they are put on
/// top of, besides `--rollout`. Fails with `config_invalid`, in words of the flags.
Result<std::string> rollout_of_flags(const RolloutFlags& flags, std::string_view base = {});
/// The same, and checked as the hub would check it.
Result<std::string> checked_rollout(const RolloutFlags& flags, JobType type, std::string_view base = {});

}  // namespace carillon
