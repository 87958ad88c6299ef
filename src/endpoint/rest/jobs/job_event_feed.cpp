#include "endpoint/rest/jobs/job_event_feed.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/rollouts/members.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <vector>

namespace carillon::rest {

namespace {

constexpr std::uint64_t end_phase = 4;

/// As people read it: one digit behind the point.
double rounded(double number) {
    return std::round(number * 10) / 10;
}

void append_counts(JsonWriter& json, const JobCounts& counts) {
    json.key("deviceJobStatistics").begin_object();
    json.member("deviceCount", counts.device).member("failedCount", counts.failed);
    json.member("succeededCount", counts.succeeded).member("runningCount", counts.running);
    json.member("pendingCount", counts.pending).member("canceledCount", counts.canceled).end_object();
}

void append_failures(JsonWriter& json, const JobTally& tally) {
    std::vector<const JobTally::Failures*> groups;
    for (const auto& group : tally.failures()) groups.push_back(&group);
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto* a, const auto* b) { return a->count > b->count; });
    auto others = tally.unnamed_failures();
    json.key("failures").begin_array();
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i >= JobEventFeed::reasons_max) {
            others += groups[i]->count;
            continue;
        }
        json.begin_object().member("code", groups[i]->failure.code_name());
        json.member("description", groups[i]->failure.description());
        json.member("count", groups[i]->count).end_object();
    }
    json.end_array().member("otherFailures", others);
}

void append_answers(JsonWriter& json, const JobTally& tally) {
    auto answers = tally.answers();
    std::stable_sort(answers.begin(), answers.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    json.key("answers").begin_array();
    for (const auto& group : answers) {
        json.begin_object().member("status", group.status).member("count", group.count).end_object();
    }
    json.end_array().member("otherAnswers", tally.unnamed_answers());
}

// --- a job with a rollout ---

void append_actor(JsonWriter& json, const JobActor& actor) {
    json.member("by", actor.policy);
    if (!actor.says.empty()) json.member("says", actor.says);
}

void append_held(JsonWriter& json, const HeldCounts& held) {
    json.key("held").begin_object();
    const auto add = [&json](std::string_view reason, std::uint64_t count) {
        if (count > 0) json.member(reason, count);
    };
    add("paused", held.paused);
    add("queue", held.queue);
    add("wave", held.wave);
    add("window", held.window);
    add("offline", held.offline);
    add("backoff", held.backoff);
    add("budget", held.budget);
    add("pace", held.pace);
    json.end_object();
}

void append_waves(JsonWriter& json, const RolloutView& view, const std::vector<GateCounts>& counts) {
    json.key("waves").begin_array();
    for (std::size_t i = 0; !view.rollout->waves.empty() && i < view.waves.size(); ++i) {
        const auto& wave = view.waves[i];
        json.begin_object().member("n", static_cast<std::uint64_t>(i)).member("size", wave.size);
        json.member("state", wave_state_text(wave.state));
        if (wave.state != WaveState::waiting) {
            const auto count = i < counts.size() ? counts[i] : GateCounts();
            json.member("succeeded", count.succeeded).member("failed", count.failed);
            if (count.canceled > 0) json.member("canceled", count.canceled);
            json.member("openedTime", to_iso8601(wave.opened));
        }
        json.end_object();
    }
    json.end_array();
}

void append_signals(JsonWriter& json, const WaveTest& test, const WaveTestState& state) {
    json.key("signals").begin_array();
    const auto close = [&](double evidence, const std::string& says) {
        json.member("evidence", rounded(evidence)).member("needed", rounded(test.bad_needed()));
        json.member("says", says).end_object();
    };
    if (test.slower_than) {
        json.begin_object().member("signal", "slow").member("state", state.is_slow(test) ? "bad" : "open");
        json.member("slow", state.slow).member("answered", state.answered);
        close(test.bad_evidence(state.slow, state.answered - state.slow), slow_sentence(test, state));
    }
    if (test.has_disconnects) {
        const auto& lost = state.lost;
        json.begin_object().member("signal", "disconnects");
        json.member("state", lost.is_off() ? "off" : state.is_losing(test) ? "bad" : "open");
        json.member("lostInWave", lost.in_wave).member("lostInControl", lost.in_control);
        json.member("control", lost.control);
        close(lost.evidence(), disconnects_sentence(test, state));
    }
    json.end_array();
}

void append_tests(JsonWriter& json, const RolloutView& view) {
    if (view.tests.empty()) return;
    json.key("tests").begin_array();
    for (const auto& [test, state] : view.tests) {
        json.begin_object().member("wave", state.wave).member("state", wave_test_text(state.what));
        json.member("failed", state.failed).member("ended", state.failed + state.succeeded);
        const auto side = [&json](std::string_view name, std::string_view rate, double evidence,
                                  double needed) {
            json.key(name).begin_object().member("rate", rate);
            json.member("evidence", rounded(evidence)).member("needed", needed).end_object();
        };
        side("bad", test.tolerate.text(), test.bad_evidence(state.failed, state.succeeded),
             test.bad_needed());
        side("good", test.refuse.text(), test.good_evidence(state.failed, state.succeeded),
             test.good_needed());
        json.member("says", failures_sentence(test, state));
        if (test.signals() > 1) append_signals(json, test, state);
        json.end_object();
    }
    json.end_array();
}

void append_pause(JsonWriter& json, const std::optional<ControlPause>& pause) {
    json.key("paused");
    if (!pause) {
        json.null();
        return;
    }
    json.begin_object();
    append_actor(json, pause->by);
    json.member("at", to_iso8601(pause->at)).member("why", pause->why).end_object();
}

void append_verdict(JsonWriter& json, const RolloutView& view) {
    json.key("verdict");
    const auto& success = view.rollout->success;
    if (success.succeeded || success.all) {
        const bool is_open = !view.verdict;
        json.value(is_open ? "open" : *view.verdict ? "met" : "missed");
    } else {
        json.null();
    }
}

void append_approval(JsonWriter& json, const JobApproval& approval) {
    json.key("approval").begin_object().member("hash", approval.hash);
    json.member("createdBy", approval.creator).member("deviceCount", approval.devices);
    json.key("rules").begin_array();
    for (const auto& rule : approval.rules) json.value(rule.name);
    json.end_array().member("missing", approval.missing()).key("given").begin_array();
    for (const auto& actor : approval.given) {
        json.begin_object();
        append_actor(json, actor);
        json.end_object();
    }
    json.end_array().end_object();
}

void append_rollout(JsonWriter& json, const JobProgress& progress) {
    const auto& view = *progress.rollout;
    json.member("phase", job_phase(progress)).member("revision", view.revision);
    append_pause(json, view.pause);
    json.member("attempts", progress.attempts);
    append_held(json, progress.held);
    append_waves(json, view, progress.waves);
    append_tests(json, view);
    append_verdict(json, view);
    if (RolloutMembers::of(*view.rollout).is_continuous)
        json.member("members", view.takes_members ? "open" : "closed");
    json.key("inFlightMax");
    if (view.in_flight_max) {
        json.value(*view.in_flight_max);
    } else {
        json.null();
    }
    json.key("seal");
    if (view.seal) {
        json.value(hex_encode(as_text(*view.seal)));
    } else {
        json.null();
    }
    json.member("deadline", to_iso8601(view.deadline)).key("warnings").begin_array();
    std::optional<std::uint64_t> devices;
    if (progress.snapshot.counts) devices = progress.snapshot.counts->device;
    for (const auto& warning : view.rollout->warnings(progress.snapshot.definition->type, devices)) {
        json.value(warning);
    }
    json.end_array().member_raw("rollout", view.rollout->effective_json());
}

}  // namespace

std::string JobEventToken::text() const {
    const auto phase = is_end ? end_phase : static_cast<std::uint64_t>(revision.phase);
    return fmt::format("{}-{}-{}", number, phase, revision.position);
}

std::optional<JobEventToken> JobEventToken::parse(std::string_view text) {
    const auto parts = split(text, '-');
    if (parts.size() != 3) return std::nullopt;
    const auto number = parse_u64(parts[0]);
    const auto phase = parse_u64(parts[1]);
    const auto position = parse_u64(parts[2]);
    if (!number || !phase || !position || *phase > end_phase) return std::nullopt;
    JobEventToken token;
    token.number = *number;
    token.is_end = *phase == end_phase;
    token.revision.phase = token.is_end ? JobRevision::Phase::ended : static_cast<JobRevision::Phase>(*phase);
    token.revision.position = *position;
    return token;
}

std::string_view job_phase(const JobProgress& progress) {
    const auto& job = progress.snapshot;
    const auto* view = progress.rollout.get();
    if (job.status == JobStatus::scheduled && progress.approval) return "approval";
    if (view && job.status == JobStatus::scheduled && view->waits_for_job) return "waiting";
    if (view && job.status == JobStatus::queued && view->is_evaluating) return "evaluating";
    if (view && job.status == JobStatus::running && view->is_cancelling) return "cancelling";
    return job_status_text(job.status);
}

void append_job_brief_json(std::string& out, const JobProgress& progress) {
    const auto& job = progress.snapshot;
    const auto& definition = *job.definition;
    JsonWriter json(out);
    json.begin_object().member("jobId", definition.id).member("type", job_type_text(definition.type));
    json.member("status", job_status_text(job.status)).member("phase", job_phase(progress));
    json.member("createdTime", to_iso8601(definition.created))
        .member("startTime", to_iso8601(definition.start));
    if (job.ended.ticks != 0) json.member("endTime", to_iso8601(job.ended));
    if (!job.failure_reason.empty()) json.member("failureReason", job.failure_reason);
    if (job.counts) append_counts(json, *job.counts);
    if (const auto* view = progress.rollout.get()) {
        json.member("revision", view->revision);
        append_pause(json, view->pause);
        append_verdict(json, *view);
        if (!view->waves.empty() && !view->rollout->waves.empty())
            json.member("openWaves", view->open_waves).member("waveCount", view->waves.size());
        if (!view->rollout->undo_of.empty()) json.member("undoOf", view->rollout->undo_of);
        json.member("note", view->rollout->note);
    }
    json.end_object();
}

void append_job_progress_json(std::string& out, const JobProgress& progress) {
    const auto& job = progress.snapshot;
    JsonWriter json(out);
    json.begin_object().member("jobId", job.definition->id);
    json.member("type", job_type_text(job.definition->type)).member("status", job_status_text(job.status));
    if (!job.failure_reason.empty()) json.member("failureReason", job.failure_reason);
    if (job.counts) append_counts(json, *job.counts);
    json.key("elapsedSeconds");
    if (progress.elapsed_s) {
        json.value(rounded(*progress.elapsed_s));
    } else {
        json.null();
    }
    json.member("devicesPerSecond", rounded(progress.devices_per_s)).key("secondsLeft");
    if (const auto left = progress.seconds_left()) {
        json.value(*left);
    } else {
        json.null();
    }
    if (progress.has_tally) {
        append_failures(json, progress.tally);
        append_answers(json, progress.tally);
    }
    if (progress.rollout) append_rollout(json, progress);
    if (progress.approval) append_approval(json, *progress.approval);
    json.end_object();
}

void JobEventFeed::say(std::string& out, std::string_view event, const JobEventToken& id,
                       const JobProgress& progress, TimePoint now) {
    out.append("event: ").append(event).append("\nid: ").append(id.text()).append("\ndata: ");
    append_job_progress_json(out, progress);  // JSON on one line: its strings escape what ends a line
    out.append("\n\n");
    sent_at_ = now;
}

std::string JobEventFeed::next(const JobProgress& progress, TimePoint now) {
    std::string out;
    if (is_over_) return out;
    JobEventToken token{progress.number, progress.revision, false};
    const auto asked = progress.snapshot.status == JobStatus::scheduled ? progress.approval : nullptr;
    bool is_new = progress.revision != seen_ || asked != seen_asked_;
    if (!has_begun_) {
        has_begun_ = true;
        out = fmt::format("retry: {}\n\n", retry_ms);
        is_new = token != after_ || asked;
        seen_ = progress.revision;
        seen_asked_ = asked;
    }
    const bool has_stopped = shows_speed_ && progress.devices_per_s == 0 && now - sent_at_ >= heartbeat;
    if ((is_new || has_stopped) && now >= next_progress_at_) {
        say(out, "progress", token, progress, now);
        seen_ = progress.revision;
        seen_asked_ = asked;
        shows_speed_ = progress.devices_per_s > 0;
        next_progress_at_ = now + spacing_;
        is_new = false;
    }
    if (!is_new && is_terminal(progress.snapshot.status)) {
        token.is_end = true;
        say(out, "end", token, progress, now);
        is_over_ = true;
    } else if (now - sent_at_ >= heartbeat) {
        out += ": still here\n\n";
        sent_at_ = now;
    }
    return out;
}

TimePoint JobEventFeed::deadline(TimePoint now) const {
    return now < next_progress_at_ ? next_progress_at_ : sent_at_ + heartbeat;
}

}  // namespace carillon::rest
