#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// The sequential test of a wave; shares such as `2%`.
struct TestPlan {
    std::string tolerate{};     ///< Of the devices may fail.
    std::string refuse{};       ///< Too many.
    std::string false_alarm{};  ///< How likely a good wave fails, at most,
    std::string false_pass{};   ///< and a bad one passes.
    /// What else says that the wave is bad: `slow` answers, `disconnects`.
    std::vector<std::string> signals{};
    std::string slower_than{};  ///< `2s`; with `slow` only.
    std::string control{};      ///< `500` or `1%`; with `disconnects` only, as is `watch`.
    std::string watch{};        ///< `1h`
};

/// One wave of a rollout. Texts are as in docs/rollout-reference.md; an empty one is the hub's default.
struct WavePlan {
    std::string size{};                 ///< `25`, `2.5%`, or `rest` in the last one.
    std::optional<std::string> grow{};  ///< `3`: the last wave is repeated, each three times larger.
    std::string pass_succeeded{};       ///< `95%` of those that ended.
    std::string pass_ended{};           ///< `95%` of its size.
    std::string soak{};                 ///< `2h`
    bool waits_for_promotion = false;   ///< `gate: manual`
    std::string within{};               ///< `1d`
    std::string otherwise{};            ///< `pause`, `cancel`, `undo` or `go`.
    std::optional<TestPlan> test{};
};

/// When a rollout stops.
struct StopPlan {
    std::string failed{};                 ///< `5%`: more than that; `5`: so many.
    std::vector<std::string> kinds{};     ///< `timeout`, `rejected` …; none: all.
    std::optional<std::int64_t> after{};  ///< With a share: how many must have ended.
    bool cancels = false;                 ///< Else the job is paused.
    bool undoes = false;                  ///< Cancels, and takes back what was written. Twin jobs only.
};

/// When a method is sent again.
struct RetryPlan {
    int attempts = 2;               ///< In all, 2 to 10.
    std::vector<std::string> on{};  ///< `rejected`, `status:503` …; none: `rejected`.
    std::string backoff_from{};     ///< `5s`
    std::string backoff_to{};       ///< `5m`
    bool is_repeatable = false;     ///< Also to a device that may have acted.
};

/// When a device of a twin job has done what was written to it.
struct ConfirmPlan {
    std::string by{};         ///< `reported`, `acknowledged` or `condition`.
    std::string condition{};  ///< With `condition`.
    /// Desired paths, each with the reported one that follows it; none: all that is written, at the same
    /// paths.
    std::vector<std::pair<std::string, std::string>> map{};
    std::string within{};  ///< `30m`, from when the device was reached.
};

/// A stretch of local time in which devices may begin.
struct OpenPlan {
    std::vector<std::string> days{};  ///< `mon` … `sun`; none: every day.
    std::string from{};               ///< `02:00`
    std::string lasts{};              ///< `2h`
};

/// When devices may begin, each by its own clock.
struct WindowPlan {
    std::string zone{};      ///< `Europe/Berlin`, or a path such as `tags.tz`.
    std::string fallback{};  ///< With a path: a zone, or `skip`.
    std::vector<OpenPlan> open{};
    std::vector<std::string> except{};  ///< Local dates: `2026-12-24`, `2026-12-24..2026-12-26`.
    std::string closing{};              ///< `10m`: nothing begins so long before the end.
};

/// The job after whose success a job starts.
struct AfterPlan {
    std::string job{};
    std::string succeeded{};  ///< `95%` of the devices that have ended.
    std::string ended{};      ///< `100%` of its devices.
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
    std::optional<WindowPlan> windows{};
    std::string deadline{};  ///< `14d`; in place of `JobPlan::time_max`.
    std::optional<FromPlan> from{};
    std::optional<ConfirmPlan> confirm{};
    bool keeps_no_undo = false;  ///< Twin jobs: what is overwritten is not kept.
    std::string undo_of{};       ///< A job: takes back what that wrote. The job's patch is then `{}`.
    std::optional<AfterPlan> start_after{};
    bool is_continuous = false;              ///< Goes on taking devices that come to match.
    bool cancels_on_leave = false;           ///< The same: who stops matching before its turn is canceled.
    std::optional<std::string> supersede{};  ///< A key, or empty: takes over what earlier jobs left undone.
    std::vector<std::string> notify{};       ///< Endpoints that hear only of jobs that name them.
    std::string keep{};                      ///< `90d`
    std::string note{};
};

/// The `rollout` object of a JobRequest. What the texts say is checked by the hub.
std::string rollout_json(const RolloutPlan& plan);

}  // namespace carillon
