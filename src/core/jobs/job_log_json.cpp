#include "core/jobs/job_log_json.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <fmt/core.h>

namespace carillon {

namespace {

void write(JsonWriter& json, const JobActor& by) {
    json.member("by", by.policy);
    if (!by.says.empty()) json.member("says", by.says);
}

void write(JsonWriter& json, const LogTotals& totals) {
    json.member("ended", totals.ended).member("failed", totals.failed());
}

void write(JsonWriter& json, const GateCounts& counts) {
    json.member("succeeded", counts.succeeded).member("failed", counts.failed);
    json.member("canceled", counts.canceled);
}

void write_why(JsonWriter& json, const std::string& why) {
    if (!why.empty()) json.member("why", why);
}

void write_event(JsonWriter& json, const CreatedEvent& event) {
    json.member("event", "created");
    write(json, event.by);
    json.member("document", hex_encode(event.document_hash));
}

void write_event(JsonWriter& json, const ChangedEvent& event) {
    json.member("event", "changed");
    write(json, event.by);
    json.member_raw("before", event.before).member_raw("after", event.after);
}

void write_event(JsonWriter& json, const DirectedEvent& event) {
    constexpr const char* names[] = {"directed", "paused", "resumed", "promoted", "closed", "cancelling"};
    json.member("event", names[event.what < std::size(names) ? event.what : 0]);
    write(json, event.by);
    write_why(json, event.why);
    if (event.what == DirectedEvent::promoted || event.cause == DirectedEvent::by_wave)
        json.member("wave", event.wave);
    write(json, event.totals);
}

void write_event(JsonWriter& json, const WaveOpenedEvent& event) {
    json.member("event", "waveOpened").member("wave", event.wave).member("size", event.size);
}

void write_event(JsonWriter& json, const WaveJudgedEvent& event) {
    constexpr const char* names[] = {"waveJudged",  "wavePassed", "waveFailed",
                                     "waveSoaking", "waveAtGate", "waveOpenAgain"};
    json.member("event", names[event.what < std::size(names) ? event.what : 0]);
    json.member("wave", event.wave).member("size", event.size);
    write(json, event.counts);
    if (event.is_forced) json.member("forced", true);
    write_why(json, event.why);
}

void write_event(JsonWriter& json, const RuleTrippedEvent& event) {
    json.member("event", "ruleTripped").member("rule", event.rule).member("failed", event.failed);
    json.member("ended", event.ended);
    if (event.is_noted) json.member("noted", true);
}

void write_event(JsonWriter& json, const SealEvent& event) {
    json.member("event", "sealed").member("final", event.is_final);
    json.key("parts").begin_array();
    for (const auto& head : event.heads) {
        json.begin_object().member("sequence", head.sequence);
        if (head.sequence > 0) json.member("hash", hex_encode(as_text(head.hash)));
        json.end_object();
    }
    json.end_array();
    if (event.previous) {
        json.key("previous").begin_object().member("job", event.previous->job);
        json.member("seal", hex_encode(as_text(event.previous->hash))).end_object();
    }
}

void write_event(JsonWriter& json, const VerdictEvent& event) {
    json.member("event", "verdict").member("verdict", event.is_met ? "met" : "missed");
    json.member("succeeded", event.succeeded).member("devices", event.devices);
}

void write_event(JsonWriter& json, const ApprovalEvent& event) {
    json.member("event", event.is_approved ? "approved" : "denied");
    write(json, event.by);
    json.member("approved", event.hash);
    write_why(json, event.why);
}

void write_event(JsonWriter& json, const PlanCheckedEvent& event) {
    json.member("event", "planChecked").member("plan", event.hash).member("planned", event.planned);
    json.member("left", event.left).member("came", event.came);
}

void write_lost(JsonWriter& json, const LostConnections& lost) {
    json.member("lostInWave", lost.in_wave).member("lostInControl", lost.in_control);
    json.member("control", lost.control).member("evidence", lost.evidence());
}

void write_event(JsonWriter& json, const TestedEvent& event) {
    json.member("event", "tested").member("wave", event.state.wave);
    json.member("state", wave_test_text(event.state.what)).member("failed", event.state.failed);
    json.member("ended", event.state.failed + event.state.succeeded);
    if (event.state.answered > 0)
        json.member("slow", event.state.slow).member("answered", event.state.answered);
    if (event.state.lost != LostConnections()) write_lost(json, event.state.lost);
}

void write_event(JsonWriter& json, const SignalsEvent& event) {
    json.member("event", "signals").member("wave", event.wave);
    write_lost(json, event.lost);
}

void write_event(JsonWriter& json, const PreparedEvent& event) {
    json.member("event", "prepared").member("devices", event.targets);
    if (!event.digest.empty()) json.member("digest", hex_encode(event.digest));
}

void write_event(JsonWriter& json, const StartedEvent& event) {
    json.member("event", "started").member("start", event.number);
}

void write_event(JsonWriter& json, const JobEndedEvent& event) {
    json.member("event", "ended").member("status", job_status_text(event.status));
    json.member("devices", event.counts.device).member("succeeded", event.counts.succeeded);
    json.member("failed", event.counts.failed).member("canceled", event.counts.canceled);
}

}  // namespace

std::string job_log_event_json(std::uint64_t job, std::uint64_t sequence, const JobLogEvent& event,
                               const std::optional<Sha256Digest>& hash) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().member("id", fmt::format("{}-{}", job, sequence));
    json.member("time", to_iso8601(time_of(event)));
    std::visit([&json](const auto& e) { write_event(json, e); }, event);
    if (hash) json.member("hash", hex_encode(as_text(*hash)));
    json.end_object();
    return line;
}

}  // namespace carillon
