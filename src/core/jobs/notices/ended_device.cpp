#include "core/jobs/notices/ended_device.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/jobs/job_log_json.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "model/rollouts/notify.hpp"

#include <optional>
#include <string_view>

namespace carillon {

namespace {

std::string_view device_operation(DeviceJobStatus status) {
    switch (status) {
        case DeviceJobStatus::failed:
            return "deviceJobFailed";
        case DeviceJobStatus::canceled:
            return "deviceJobCanceled";
        default:
            return "deviceJobCompleted";
    }
}

std::string_view job_operation(JobStatus status) {
    switch (status) {
        case JobStatus::failed:
            return "jobFailed";
        case JobStatus::cancelled:
            return "jobCancelled";
        default:
            return "jobCompleted";
    }
}

DeviceJobStatus ended_status(TargetState state) {
    if (state == TargetState::failed) return DeviceJobStatus::failed;
    return state == TargetState::canceled ? DeviceJobStatus::canceled : DeviceJobStatus::completed;
}

/// `waveOpened` in the log is the operation `jobWaveOpened`.
std::string decision_operation(std::string_view name) {
    std::string operation = "job" + std::string(name);
    if (!name.empty() && name.front() >= 'a' && name.front() <= 'z') operation[3] += 'A' - 'a';
    return operation;
}

/// Adds the endpoints that the job names, as the last member of the object.
void add_named(std::string& body, std::string_view named) {
    if (named.empty()) return;
    body.back() = ',';
    body += "\"notify\":";
    body += named;
    body += '}';
}

bool is_decision(const JobLogEvent& event) {
    return !std::holds_alternative<CreatedEvent>(event) && !std::holds_alternative<PreparedEvent>(event) &&
           !std::holds_alternative<StartedEvent>(event) && !std::holds_alternative<SealEvent>(event) &&
           !std::holds_alternative<SignalsEvent>(event) &&
           !std::holds_alternative<JobEndedEvent>(event);
}

}  // namespace

EventDetails::EventDetails(const JobEvent& event) {
    if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) {
        for (const auto& failed : chunk->failures) failures_.emplace(failed.index, &failed.failure);
    } else if (const auto* outcomes = std::get_if<OutcomesEvent>(&event)) {
        add(outcomes->outcomes);
    } else if (const auto* known = std::get_if<Outcomes2Event>(&event)) {
        add(known->outcomes);
    } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) failures_.emplace(device.index, &device.failure);
    } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (const auto& device : confirmed->devices) failures_.emplace(device.index, &device.failure);
    }
}

void EventDetails::add(const std::vector<Outcome>& outcomes) {
    for (const auto& outcome : outcomes) {
        if (outcome.kind == OutcomeKind::failed) failures_.emplace(outcome.index, &outcome.failure);
        if (outcome.kind == OutcomeKind::answered || outcome.kind == OutcomeKind::rejected)
            answers_.emplace(outcome.index, &outcome.answer);
    }
}

const Failure* EventDetails::find_failure(std::uint32_t index) const {
    const auto found = failures_.find(index);
    return found == failures_.end() ? nullptr : found->second;
}

const MethodAnswer* EventDetails::find_answer(std::uint32_t index) const {
    const auto found = answers_.find(index);
    return found == answers_.end() ? nullptr : found->second;
}

DeviceJob ended_device(const JobEntry& entry, const JobFold& fold, std::uint32_t index,
                       const EventDetails& details) {
    const auto& definition = entry.definition();
    DeviceJob row;
    const auto key = fold.key(index);
    const auto nul = key.find('\0');
    row.device_id = key.substr(0, nul);
    if (nul != std::string::npos) row.module_id = key.substr(nul + 1);
    row.job_id = definition.id;
    row.type = definition.type;
    row.status = ended_status(fold.state().at(index));
    row.start = definition.start;
    row.end = entry.deadline();
    row.created = entry.started();
    row.last_updated = fold.last_event(index).time;
    if (row.status == DeviceJobStatus::failed) {
        Failure failure;
        failure.reason = fold.state().reason(index);
        const auto* told = details.find_failure(index);
        if (told != nullptr && told->reason == failure.reason) failure = *told;
        row.error_code = failure.code_name();
        row.error_description = failure.description();
        // Its last attempt was, and nothing came of the next: as in a row of `devices.jobs`.
        if (failure.reason == FailReason::rejected) row.answer.emplace();
    }
    if (const auto* answer = details.find_answer(index)) row.answer = *answer;
    return row;
}

std::string named_endpoints(const JobDefinition& definition) {
    std::string named;
    if (!definition.rollout) return named;
    const auto notify = RolloutNotify::of(*definition.rollout);
    if (notify.endpoints.empty()) return named;
    JsonWriter json(named);
    json.begin_array();
    for (const auto& name : notify.endpoints) json.value(name);
    json.end_array();
    return named;
}

void tell_device_end(Shard& shard, const DeviceJob& row, std::string_view named) {
    auto key = IdentityKey::parse(row.device_id, row.module_id);
    if (!key) return;  // Lists of ids may hold what no device can be called.
    std::string body;
    append_device_job_json(body, row);
    add_named(body, named);
    shard.telemetry().hub_events().job_happens(*key, device_operation(row.status),
                                               {row.job_id, job_type_text(row.type)}, std::move(body));
}

void tell_job_end(Shard& shard, const JobDefinition& definition, const JobRecord& record) {
    auto& events = shard.telemetry().hub_events();
    if (!events.takes(EventSource::job_lifecycle)) return;
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", definition.id).member("type", job_type_text(definition.type));
    json.member("status", job_status_text(record.status));
    json.member("createdTime", to_iso8601(definition.created));
    json.member("startTime", to_iso8601(definition.start)).member("endTime", to_iso8601(record.ended));
    if (record.status == JobStatus::failed) json.member("failureReason", record.failure_reason);
    if (const auto& counts = record.counts) {
        json.key("deviceJobStatistics").begin_object().member("deviceCount", counts->device);
        json.member("failedCount", counts->failed).member("succeededCount", counts->succeeded);
        json.member("runningCount", counts->running).member("pendingCount", counts->pending);
        json.member("canceledCount", counts->canceled).end_object();
    }
    json.end_object();
    add_named(body, named_endpoints(definition));
    events.job_happens(std::nullopt, job_operation(record.status),
                       {definition.id, job_type_text(definition.type)}, std::move(body));
}

void tell_job_decision(Shard& shard, const JobDefinition& definition, std::uint64_t number,
                       std::uint64_t sequence, const JobLogEvent& event) {
    auto& events = shard.telemetry().hub_events();
    if (!is_decision(event) || !events.takes(EventSource::job_lifecycle)) return;
    std::string body = job_log_event_json(number, sequence, event, std::nullopt);
    const auto line = JsonDocument::parse(body);
    if (!line) return;
    const std::string operation = decision_operation(line->root().find("event").string());
    add_named(body, named_endpoints(definition));
    events.job_happens(std::nullopt, operation, {definition.id, job_type_text(definition.type)},
                       std::move(body));
}

}  // namespace carillon
