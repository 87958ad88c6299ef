#pragma once

#include "base/clock.hpp"
#include "core/jobs/job_progress.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::rest {

/// A place in the events of one job, which a client gives back to go on from there: what it has seen
/// last. Text: `number-phase-position`, with 4 as the phase of the last event.
struct JobEventToken {
    std::uint64_t number = 0;  ///< Of the job, in the hub's count.
    JobRevision revision;
    bool is_end = false;

    bool operator==(const JobEventToken&) const = default;
    std::string text() const;
    /// Nothing for text that is not a token.
    static std::optional<JobEventToken> parse(std::string_view text);
};

/// Appends a job's progress as JSON (docs/live-progress.md).
void append_job_progress_json(std::string& out, const JobProgress& progress);

/// The same for a list: without what grows with the job's waves, reasons and rollout.
void append_job_brief_json(std::string& out, const JobProgress& progress);
/// `scheduled`, `queued`, `evaluating`, `running`, `cancelling`, `completed`, `failed` or `cancelled`.
std::string_view job_phase(const JobProgress& progress);

/// What a client that follows a job is sent, as server-sent events; no socket, no clock. An event
/// holds the whole state, so what came in between is simply not sent: at most `events_per_second_max`
/// a second of `progress`, then one `end`, and comments so that silence means trouble.
/// Source of the form: WHATWG HTML, "Server-sent events".
class JobEventFeed {
public:
    static constexpr int events_per_second_max = 4;
    static constexpr std::chrono::milliseconds spacing{1000 / events_per_second_max};
    /// Ours: of all who follow jobs of a hub together, so that many open pages cost little more than a few.
    static constexpr int events_of_all_per_second_max = 100;
    static constexpr std::chrono::seconds heartbeat{15};
    /// What an EventSource is told to wait before it connects again.
    static constexpr int retry_ms = 1000;
    static constexpr std::size_t reasons_max = 10;  ///< Groups of failures shown; the rest is summed up.

    /// `after` is what the client has seen last; a token of another job counts for nothing.
    JobEventFeed(const std::optional<JobEventToken>& after, TimePoint now) : after_(after), sent_at_(now) {}

    /// So many follow jobs of the hub: events are further apart when they are many.
    void share_with(std::size_t followers) {
        const Duration share = std::chrono::seconds(followers);
        spacing_ = std::max<Duration>(spacing, share / events_of_all_per_second_max);
    }
    /// What to send now; often nothing.
    std::string next(const JobProgress& progress, TimePoint now);
    /// Everything has been said: nothing follows but the end of the stream.
    bool is_over() const { return is_over_; }
    /// When to ask again at the latest.
    TimePoint deadline(TimePoint now) const;
    /// True if the next change is to be told at once; else it waits for the deadline.
    bool is_open_to_news(TimePoint now) const { return now >= next_progress_at_; }
    /// What the client knows; meaningful after the first `next`.
    JobRevision seen() const { return seen_; }

private:
    void say(std::string& out, std::string_view event, const JobEventToken& id, const JobProgress& progress,
             TimePoint now);

    std::optional<JobEventToken> after_;
    JobRevision seen_;
    /// What the job waited for when it was last told. That it is asked for changes no revision.
    std::shared_ptr<const JobApproval> seen_asked_;
    bool has_begun_ = false;
    bool is_over_ = false;
    bool shows_speed_ = false;  ///< The client was told of a rate, which a silence makes untrue.
    TimePoint sent_at_;
    TimePoint next_progress_at_{};
    Duration spacing_ = spacing;
};

}  // namespace carillon::rest
