#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// One wave of a rollout. Texts are as in docs/rollout-reference.md; an empty one is the hub's default.
struct WavePlan {
    std::string size{};                 ///< `25`, `2.5%`, or `rest` in the last one.
    std::optional<std::string> grow{};  ///< `3`: the last wave is repeated, each three times larger.
    std::string pass_succeeded{};       ///< `95%` of those that ended.
    std::string pass_ended{};           ///< `95%` of its size.
    std::string soak{};                 ///< `2h`
    bool waits_for_promotion = false;   ///< `gate: manual`
    std::string within{};               ///< `1d`
    std::string otherwise{};            ///< `pause`, `cancel` or `go`.
};

/// When a rollout stops.
struct StopPlan {
    std::string failed{};                 ///< `5%`: more than that; `5`: so many.
    std::vector<std::string> kinds{};     ///< `timeout`, `rejected` …; none: all.
    std::optional<std::int64_t> after{};  ///< With a share: how many must have ended.
    bool cancels = false;                 ///< Else the job is paused.
};

/// When a method is sent again.
struct RetryPlan {
    int attempts = 2;               ///< In all, 2 to 10.
    std::vector<std::string> on{};  ///< `rejected`, `status:503` …; none: `rejected`.
    std::string backoff_from{};     ///< `5s`
    std::string backoff_to{};       ///< `5m`
    bool is_repeatable = false;     ///< Also to a device that may have acted.
};

/// The devices of another job.
struct FromPlan {
    std::string job{};
    std::vector<std::string> in{};     ///< `succeeded`, `failed`, `canceled`, `pending`.
    std::vector<std::string> kinds{};  ///< Of the failed ones.
};

/// How a job goes over its devices; only Carillon knows it. Members and their defaults:
/// docs/rollout-reference.md.
struct RolloutPlan {
    std::string max_in_flight{};        ///< `256` or `2%`.
    std::string rate{};                 ///< `500/s` or `30/m`.
    std::string order{};                ///< `asStored` or `random`.
    std::vector<std::string> spread{};  ///< Paths such as `tags.site`, in place of `order`.
    std::optional<std::int64_t> seed{};
    std::vector<WavePlan> waves{};
    std::vector<StopPlan> stop{};
    std::string success{};                 ///< `99%`
    std::string success_all{};             ///< A condition.
    std::vector<std::string> ok_status{};  ///< `200-299`, or `*` alone.
    std::optional<RetryPlan> retry{};
    std::string offline{};      ///< `wait`, `skip` or `write`.
    std::string offline_ttl{};  ///< `2h`
    std::string deadline{};     ///< `14d`; in place of `JobPlan::time_max`.
    std::optional<FromPlan> from{};
    std::string keep{};  ///< `90d`
    std::string note{};
};

/// The `rollout` object of a JobRequest. What the texts say is checked by the hub.
std::string rollout_json(const RolloutPlan& plan);

}  // namespace carillon
