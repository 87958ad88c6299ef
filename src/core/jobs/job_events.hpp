#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/method.hpp"
#include "model/ordinal.hpp"
#include "model/reversal/twin_reversal.hpp"
#include "model/rollouts/rollout_confirm.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace carillon {

/// In a target list: an id that is not registered, whose device fails at once.
inline constexpr Ordinal no_ordinal = UINT32_MAX;

/// Why a device of a job failed. All but `other` stand for a fixed code and text. The numbers are stored.
enum class FailReason : std::uint8_t {
    none = 0,
    deadline = 1,
    not_online = 2,
    timeout = 3,
    restart = 4,
    device_not_found = 5,
    other = 6,
    // Of jobs with a rollout only:
    rejected = 7,      ///< Answered outside `okStatus`.
    disconnected = 8,  ///< The connection was lost while the method was out.
    too_large = 9,     ///< The twin would grow over its size.
    conflict = 10,     ///< Of an undo: a value is no longer the undone job's; the text says which.
    diverged = 11,     ///< Reported something else; the text says what.
    silent = 12,       ///< Reported nothing of what was written.
    undelivered = 13,  ///< Was not reached.
};
inline constexpr FailReason fail_reason_last = FailReason::undelivered;
/// True if a failure of this reason has a text of its own.
bool has_own_text(FailReason reason);
/// As rules and people name it.
FailureKind kind_of(FailReason reason);
struct Failure {
    FailReason reason = FailReason::none;
    Errc code = Errc::server_error;  ///< For `other`.
    std::string text;                ///< For `other`, `conflict` and `diverged`.

    /// What the device's error says: `code` as the service names it, and a description.
    std::string_view code_name() const;
    std::string_view description() const;
};
/// The shortest form of `error` as a device's failure.
Failure failure_of(const Error& error);
/// The same in a job with a rollout, where each kind of failure has a reason of its own.
Failure rollout_failure_of(const Error& error);

/// The numbers are stored.
enum class OutcomeKind : std::uint8_t { answered = 1, failed = 2, not_sent = 3, canceled = 4, rejected = 5 };
struct Outcome {
    std::uint32_t index = 0;
    OutcomeKind kind = OutcomeKind::answered;
    MethodAnswer answer;  ///< Answered and rejected only.
    Failure failure;      ///< Failed only.
    // Of jobs with a rollout only:
    std::uint32_t attempt = 0;   ///< Counted from 1; 0 for a device that was never begun.
    std::uint64_t age_ms = 0;    ///< How long before the event it was known.
    WallTime known_at;           ///< Not stored: what `age_ms` is told by.
    std::uint64_t again_ms = 0;  ///< How long until the next attempt, less 1; 0 if there is none.
};

/// When the device answered by this outcome, told by an event of `time`; nothing if it did not.
std::optional<WallTime> answered_at(const Outcome& outcome, WallTime time);
/// True if a device that has confirmed so, or failed so, has reported something.
bool is_answer(const Failure& failure);

/// The numbers are stored.
enum class EndKind : std::uint8_t { deadline = 1, cancel_pending = 2, cancel_rest = 3, restart = 4 };

/// When the next attempt after this one may begin, told by an event of `time`.
WallTime until_of(const Outcome& outcome, WallTime time);

/// The events of a part's log; `index` counts the part's devices from 0. Formats: docs/jobs.md.
struct TargetsEvent {
    static constexpr std::size_t devices_max = 4096;
    WallTime time;
    std::vector<Ordinal> ordinals;
    std::string keys;  ///< As `KeyList::bytes`.
};
struct TwinChunkEvent {
    struct Failed {
        std::uint32_t index = 0;
        Failure failure;
    };
    WallTime time;
    std::uint32_t from = 0;
    std::uint32_t to = 0;          ///< Exclusive.
    std::vector<Failed> failures;  ///< Ascending.
};
struct DispatchedEvent {
    WallTime time;
    std::vector<std::uint32_t> indexes;  ///< Ascending.
};
struct OutcomesEvent {
    WallTime time;
    std::vector<Outcome> outcomes;
};
struct EndedEvent {
    WallTime time;
    EndKind end = EndKind::deadline;
};

// --- of jobs with a rollout only ---
/// The places of devices in the order of the whole job, from 0; as many devices as places, in order of index.
struct OrderEvent {
    static constexpr std::size_t devices_max = 4096;
    WallTime time;
    std::vector<std::uint32_t> places;
};
/// A chunk of twins. Ascending by index.
struct WrittenEvent {
    struct Device {
        std::uint32_t index = 0;
        Failure failure;             ///< `none` if it was written.
        std::int64_t version = 0;    ///< The twin's desired `$version` after the write.
        std::uint32_t reversal = 0;  ///< Which of `reversals`, from 1; 0 if none was kept.
        bool is_awaited = false;     ///< Written, and to be confirmed by the device.
    };
    WallTime time;
    std::vector<Device> devices;
    std::vector<Reversal> reversals;
};
/// What became of devices that were to confirm what was written.
struct ConfirmedEvent {
    struct Device {
        std::uint32_t index = 0;
        Failure failure;  ///< `none` if it has confirmed.
    };
    WallTime time;
    std::vector<Device> devices;  ///< Ascending by index.
};
/// Of an undo: how the write to each device is taken back; as many devices as targets, in order of index.
struct ReversalsEvent {
    static constexpr std::size_t devices_max = TargetsEvent::devices_max;
    WallTime time;
    std::vector<std::uint32_t> devices;  ///< Which of `reversals`, from 1; 0 if none.
    std::vector<Reversal> reversals;
};
/// `OutcomesEvent` with attempts.
struct Outcomes2Event {
    WallTime time;
    std::vector<Outcome> outcomes;
};
/// The numbers are stored; those not known here read as `other`.
enum class CancelReason : std::uint8_t { other = 0, cancelled = 1, skipped = 2, superseded = 3, left = 4 };
/// Devices that end without having begun, or of which somebody else has taken what was written.
struct CanceledEvent {
    WallTime time;
    CancelReason reason = CancelReason::skipped;
    /// Of `superseded`: the job that began later and takes those of them that are pending; 0 where the
    /// devices' twins were written by somebody else.
    std::uint64_t by = 0;
    std::vector<std::uint32_t> indexes;  ///< Ascending.

    /// True if only those of them end that have not begun.
    bool spares_begun() const { return by != 0 || reason == CancelReason::left; }
};
/// `DispatchedEvent` with attempts.
struct BegunEvent {
    struct Device {
        std::uint32_t index = 0;
        std::uint32_t attempt = 1;
    };
    WallTime time;
    std::vector<Device> devices;  ///< Ascending by index.
};
/// Of a continuous job: devices that have come to be its members since it started.
struct JoinedEvent {
    static constexpr std::size_t devices_max = 512;
    WallTime time;
    std::vector<Ordinal> ordinals;
    std::string keys;  ///< As `KeyList::bytes`.
};
/// Targets that matched `success.all`.
struct MustSucceedEvent {
    WallTime time;
    std::vector<std::uint32_t> indexes;  ///< Ascending.
};
/// Of a wave that is watched for lost connections: devices that lost theirs for the first time, in that
/// order.
struct LostEvent {
    struct Device {
        std::uint32_t index = 0;
        bool is_of_wave = false;  ///< Else of the control group.
        bool operator==(const Device&) const = default;
    };
    WallTime time;
    std::uint32_t wave = 0;
    std::vector<Device> devices;
};
using JobEvent = std::variant<TargetsEvent, TwinChunkEvent, DispatchedEvent, OutcomesEvent, EndedEvent,
                              OrderEvent, WrittenEvent, Outcomes2Event, CanceledEvent, BegunEvent,
                              ReversalsEvent, MustSucceedEvent, ConfirmedEvent, JoinedEvent, LostEvent>;

WallTime time_of(const JobEvent& event);
std::string encode_job_event(const JobEvent& event);
/// Fails with `store_corrupt`.
Result<JobEvent> decode_job_event(Bytes bytes);

/// Keys of `Table::job_events`. With `shard` and `sequence` 0 the first key of a job or a part.
std::string job_event_key(std::uint64_t job, std::uint32_t shard = 0, std::uint64_t sequence = 0);
std::uint64_t sequence_of_event_key(std::string_view key);
std::uint32_t part_of_event_key(std::string_view key);

}  // namespace carillon
