#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/jobs/job_type.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Limits of the `rollout` object. Source: docs/rollout-reference.md.
struct RolloutLimits {
    static constexpr std::size_t bytes_max = 64 * 1024;  ///< As sent.
    static constexpr std::uint32_t count_max = 10'000'000;
    static constexpr std::size_t waves_max = 20;  ///< As written.
    static constexpr std::size_t waves_expanded_max = 500;
    static constexpr std::size_t stops_max = 8;
    static constexpr std::size_t status_ranges_max = 32;
    static constexpr std::size_t retry_reasons_max = 32;
    static constexpr std::size_t spread_paths_max = 3;
    static constexpr std::size_t path_chars_max = 512;
    static constexpr std::size_t condition_chars_max = 16 * 1024;
    static constexpr std::size_t note_bytes_max = 256;
    static constexpr std::int64_t day_s = 86'400;
    static constexpr std::int64_t duration_max_s = 366 * day_s;
    static constexpr std::int64_t deadline_short_s = 3600;         ///< As of a job without `rollout`.
    static constexpr std::int64_t deadline_default_s = 7 * day_s;  ///< Of what is long by nature.
    static constexpr std::int64_t keep_default_s = 30 * day_s;
    static constexpr std::int64_t start_distance_max_s = 366 * day_s;
};

/// A length of time as a document writes it: `"90s"`, `"2h"`; at most 366 days.
struct RolloutDuration {
    std::int64_t ms = 0;
    static std::optional<RolloutDuration> parse(std::string_view text);
    /// In the largest unit that shows it whole.
    std::string text() const;
    auto operator<=>(const RolloutDuration&) const = default;
};

/// A share of devices in hundredths of a percent, 1 to 10,000: `"2.5%"`.
struct RolloutShare {
    std::uint32_t hundredths = 10'000;
    static std::optional<RolloutShare> parse(std::string_view text);
    std::string text() const;
    /// True if `part` of `whole` is at least this share, exactly; of nothing it is.
    bool is_reached(std::uint64_t part, std::uint64_t whole) const;
    /// True if `part` of `whole` is more than this share, exactly.
    bool is_exceeded(std::uint64_t part, std::uint64_t whole) const;
    auto operator<=>(const RolloutShare&) const = default;
};

/// A number of devices: a count, or a share of all.
struct RolloutAmount {
    std::uint32_t count = 0;  ///< Unless `share` is there.
    std::optional<RolloutShare> share;
    /// As the size of something: a share rounds up. At least 1.
    std::uint64_t as_size(std::uint64_t whole) const;
    /// As the most of something: a share rounds down. At least 1.
    std::uint64_t as_cap(std::uint64_t whole) const;
    std::string text() const;  ///< `25` or `2.5%`.
    bool operator==(const RolloutAmount&) const = default;
};

/// Devices a second or a minute: `"500/s"`, `"30/m"`.
struct RolloutRate {
    std::uint32_t count = 1;
    bool is_per_minute = false;
    static std::optional<RolloutRate> parse(std::string_view text);
    std::string text() const;
    bool operator==(const RolloutRate&) const = default;
};

/// Why a device failed. Stored as an open number: 0 to 127 are ours, one not known here reads as `other`.
enum class FailureKind : std::uint8_t {
    other = 0,
    rejected = 1,  ///< Answered outside `okStatus`.
    timeout = 2,   ///< May have acted, as after the next two.
    disconnected = 3,
    unknown = 4,    ///< The hub restarted meanwhile.
    offline = 5,    ///< Never begun: `ttl` is over.
    deadline = 6,   ///< Never begun.
    gone = 7,       ///< Removed.
    too_large = 8,  ///< The twin would be over its size.
    conflict = 9,   ///< Of an undo: a value is no longer the one that the undone job wrote.
};
inline constexpr std::size_t failure_kinds = 10;
std::string_view failure_kind_text(FailureKind kind);
std::optional<FailureKind> find_failure_kind(std::string_view text);

/// A set of failure kinds.
class FailureKinds {
public:
    static FailureKinds all() { return FailureKinds(~std::uint32_t{0}); }
    FailureKinds() = default;
    void add(FailureKind kind) { bits_ |= bit(kind); }
    bool has(FailureKind kind) const { return (bits_ & bit(kind)) != 0; }
    bool is_all() const { return bits_ == ~std::uint32_t{0}; }
    bool is_empty() const { return bits_ == 0; }
    bool operator==(const FailureKinds&) const = default;

private:
    explicit FailureKinds(std::uint32_t bits) : bits_(bits) {}
    static std::uint32_t bit(FailureKind kind) { return 1U << static_cast<unsigned>(kind); }
    std::uint32_t bits_ = 0;
};

/// Ranges of a method's answer, `"200-299"`, or all of them, `"*"`.
struct StatusList {
    bool is_any = false;
    std::vector<std::pair<std::int32_t, std::int32_t>> ranges;  ///< Both ends are in it.
    bool contains(std::int32_t status) const;
    bool operator==(const StatusList&) const = default;
};

struct RolloutPace {
    std::optional<RolloutAmount> max_in_flight;  ///< Devices begun and not ended, over the whole hub.
    std::optional<RolloutRate> rate;             ///< Devices begun.
    bool adaptive = true;
    bool operator==(const RolloutPace&) const = default;
};

enum class RolloutOrderKind : std::uint8_t { as_stored, random, spread };
struct RolloutOrder {
    RolloutOrderKind kind = RolloutOrderKind::as_stored;
    std::vector<std::string> spread;  ///< Paths of a twin, `tags.site`.
    bool operator==(const RolloutOrder&) const = default;
};

/// What lets a wave pass: of its size, how many have ended, and of those, how many succeeded.
struct RolloutPass {
    RolloutShare succeeded{9'500};
    RolloutShare ended{9'500};
    bool operator==(const RolloutPass&) const = default;
};

enum class WaveElse : std::uint8_t { pause, cancel, go, undo };
/// One entry of `waves`, as written.
struct RolloutWave {
    std::optional<RolloutAmount> size;  ///< None: the rest.
    std::uint32_t grow_hundredths =
        0;  ///< 0: this entry stands once; 300: each next is three times as large.
    RolloutPass pass;
    RolloutDuration soak;
    bool is_manual = false;                 ///< `gate: manual`, waits for `promote`.
    std::optional<RolloutDuration> within;  ///< Since the wave opened.
    WaveElse otherwise = WaveElse::pause;   ///< `else`.
    bool operator==(const RolloutWave&) const = default;
};

/// The later, the stronger.
enum class StopAction : std::uint8_t { pause, cancel, undo };
struct RolloutStop {
    RolloutAmount failed;
    FailureKinds kinds = FailureKinds::all();
    std::optional<std::uint32_t> after;  ///< With a share only.
    StopAction action = StopAction::pause;
    /// After how many ended devices a share is looked at: as written, or a tenth of the targets, at least
    /// 10 and at most 100. 0 for a count.
    std::uint64_t after_of(std::uint64_t targets) const;
    bool operator==(const RolloutStop&) const = default;
};

struct RolloutSuccess {
    std::optional<RolloutShare> succeeded;  ///< Of all devices but the canceled ones.
    std::optional<std::string> all;         ///< A condition whose devices must all succeed.
    bool operator==(const RolloutSuccess&) const = default;
};

struct RolloutRetry {
    std::uint32_t attempts = 2;  ///< In all.
    FailureKinds on;             ///< Kinds; of `rejected`, every status.
    StatusList on_status;        ///< Statuses of answers outside `okStatus`.
    RolloutDuration from{5'000};
    RolloutDuration to{300'000};
    std::uint32_t factor_hundredths = 200;
    bool repeatable = false;
    bool operator==(const RolloutRetry&) const = default;
};

enum class OfflineThen : std::uint8_t { wait, skip, write };
struct RolloutOffline {
    OfflineThen then = OfflineThen::wait;
    std::optional<RolloutDuration> ttl;  ///< With `wait` only.
    bool operator==(const RolloutOffline&) const = default;
};

/// The devices of another job that stand in a state.
struct RolloutFrom {
    std::string job;
    bool succeeded = false;
    bool failed = false;
    bool canceled = false;
    bool pending = false;
    FailureKinds kinds = FailureKinds::all();  ///< Narrows the failed ones.
    bool operator==(const RolloutFrom&) const = default;
};

/// How a job goes over its devices: the `rollout` of a job, with its defaults filled in.
/// Source: docs/rollout-reference.md.
struct Rollout {
    std::string text;  ///< As sent.
    RolloutPace pace;
    RolloutOrder order;
    std::optional<std::uint64_t> seed;  ///< As sent; the job's own is always set.
    std::vector<RolloutWave> waves;
    std::vector<RolloutStop> stop;
    RolloutSuccess success;
    StatusList ok_status{false, {{200, 299}}};  ///< Empty of twin jobs.
    std::optional<RolloutRetry> retry;
    RolloutOffline offline;
    std::int64_t deadline_s = RolloutLimits::deadline_short_s;
    bool has_deadline = false;  ///< Written, not by default.
    bool keeps_undo = true;     ///< `undo`; false of method jobs.
    std::string undo_of;        ///< The job whose writes this one takes back; empty in most.
    std::optional<RolloutFrom> from;
    std::int64_t keep_s = RolloutLimits::keep_default_s;
    std::string note;

    /// Reads and checks the object; a null member counts as absent. `execution_time_s` is the request's
    /// `maxExecutionTimeInSeconds`, 0 if it has none. Fails with `argument_invalid`, whose text begins with
    /// the dotted path of the member.
    static Result<Rollout> parse(JsonValue object, JobType type, std::int64_t execution_time_s = 0);
    /// The same of a text, such as what was stored.
    static Result<Rollout> parse(std::string_view text, JobType type);
    /// This one after a PATCH with `changes`, a merge patch of `rollout` (RFC 7396). Only pace, stop, success
    /// (but not its `all`), retry, deadline and waves may change; null gives the default back. Order, and a
    /// deadline that nobody wrote, stay as they are. Fails with `argument_invalid`. What depends on the state
    /// of the job is the caller's.
    Result<Rollout> patched(JsonValue changes, JobType type) const;

    /// What is allowed but seldom meant, as fixed texts. `targets`: how many devices, if known.
    std::vector<std::string> warnings(JobType type, std::optional<std::uint64_t> targets) const;
    /// The effective object, defaults included.
    std::string effective_json() const;
    bool operator==(const Rollout&) const = default;
};

}  // namespace carillon
