#include "base/text.hpp"
#include "model/jobs/job.hpp"
#include "model/jobs/job_text.hpp"

#include <limits>
#include <utility>

namespace carillon {

namespace {

/// What a list of ids would have been as a condition. Ids hold no quote but `'` and no backslash.
std::string condition_of(const IdList& list) {
    std::string condition = "deviceId IN [";
    IdList::Reader ids(list);
    while (const auto id = ids.next()) {
        if (condition.back() != '[') condition += ',';
        condition += '\'';
        for (char c : *id) {
            if (c == '\'') condition += '\\';
            condition += c;
        }
        condition += '\'';
    }
    condition += ']';
    return condition;
}

/// How long such a list is, with what stands around each id.
std::size_t list_bytes(const IdList& ids) {
    return ids.text_bytes() + 3 * ids.size();
}

bool may_be_condition(const IdList& ids) {
    return list_bytes(ids) <= JobLimits::condition_chars_max;
}

void write_statistics(JsonWriter& out, const JobCounts& counts) {
    out.key("deviceJobStatistics").begin_object();
    out.member("deviceCount", counts.device);
    out.member("failedCount", counts.failed);
    out.member("succeededCount", counts.succeeded);
    out.member("runningCount", counts.running);
    out.member("pendingCount", counts.pending);
    if (counts.canceled != 0) out.member("canceledCount", counts.canceled);
    out.end_object();
}

void write_outcome(JsonWriter& out, const DeviceJob& row) {
    out.key("outcome").begin_object();
    if (row.answer) {
        out.key("deviceMethodResponse").begin_object();
        out.member("status", row.answer->status);
        out.member_raw("payload", row.answer->payload);
        out.end_object();
    }
    out.end_object();
    if (row.status != DeviceJobStatus::failed) return;
    out.key("error").begin_object();
    out.member("code", row.error_code);
    out.member("description", row.error_description);
    out.end_object();
}

}  // namespace

std::size_t job_json_bytes(const JobSnapshot& job) {
    const JobDefinition& definition = *job.definition;
    constexpr std::size_t other_members = 512;
    std::size_t bytes = other_members + definition.id.size() + definition.condition.value_or("").size() +
                        definition.method_json.size() + definition.update_twin_json.size() +
                        job.failure_reason.size() +
                        (definition.rollout ? definition.rollout->note.size() : 0);
    if (definition.device_ids)
        bytes += list_bytes(*definition.device_ids) * (may_be_condition(*definition.device_ids) ? 2 : 1);
    return bytes;
}

bool JobText::append(std::string& out, std::size_t bytes_max) {
    while (part_ != Part::end && out.size() < bytes_max) {
        switch (part_) {
            case Part::head:
                append_head(out);
                part_ = ids_ ? Part::ids : Part::tail;
                break;
            case Part::ids:
                append_ids(out, bytes_max);
                break;
            case Part::tail:
                append_tail(out);
                part_ = Part::end;
                break;
            case Part::end:
                break;
        }
    }
    return part_ != Part::end;
}

void JobText::append_head(std::string& text) {
    const JobDefinition& definition = *job_.definition;
    JsonWriter out(text);
    out.begin_object();
    out.member("jobId", definition.id);
    if (definition.condition) out.member("queryCondition", *definition.condition);
    if (definition.device_ids) {
        if (may_be_condition(*definition.device_ids))
            out.member("queryCondition", condition_of(*definition.device_ids));
        out.key("deviceIds").begin_array();
        ids_.emplace(*definition.device_ids);
    }
}

void JobText::append_ids(std::string& out, std::size_t bytes_max) {
    while (out.size() < bytes_max) {
        const auto id = ids_->next();
        if (!id) {
            out += ']';
            part_ = Part::tail;
            return;
        }
        if (std::exchange(has_ids_, true)) out += ',';
        JsonWriter(out).value(*id);
    }
}

void JobText::append_tail(std::string& text) const {
    const JobSnapshot& job = job_;
    const JobDefinition& definition = *job.definition;
    text += ',';  // Behind the id, or whatever else the head ended with.
    JsonWriter out(text);
    out.member("createdTime", to_iso8601(definition.created));
    out.member("startTime", to_iso8601(definition.start));
    out.member("maxExecutionTimeInSeconds",
               job.execution_time_max_s.value_or(definition.execution_time_max_s));
    out.member("type", job_type_text(definition.type));
    if (!definition.method_json.empty()) out.member_raw("cloudToDeviceMethod", definition.method_json);
    if (!definition.update_twin_json.empty()) out.member_raw("updateTwin", definition.update_twin_json);
    out.member("status", job_status_text(job.status));
    if (is_terminal(job.status)) out.member("endTime", to_iso8601(job.ended));
    if (job.status == JobStatus::failed) out.member("failureReason", job.failure_reason);
    if (job.counts) write_statistics(out, *job.counts);
    if (definition.rollout && form_ == JobJson::whole) {
        out.member_raw("rollout", definition.rollout->text);
    } else if (definition.rollout) {
        out.key("rollout").begin_object().member("version", 1);
        if (!definition.rollout->note.empty()) out.member("note", definition.rollout->note);
        out.end_object();
    }
    out.end_object();
}

void append_job_json(std::string& text, const JobSnapshot& job, JobJson form) {
    JobText(job, form).append(text, std::numeric_limits<std::size_t>::max());
}

void append_job_accepted_json(std::string& text, const JobSnapshot& job) {
    JsonWriter out(text);
    out.begin_object();
    out.member("jobId", job.definition->id);
    out.member("type", job_type_text(job.definition->type));
    out.member("status", job_status_text(job.status));
    if (const auto& rollout = job.definition->rollout) {
        out.key("rollout").begin_object().member("version", 1);
        if (const auto warnings = rollout->warnings(job.definition->type, std::nullopt); !warnings.empty()) {
            out.key("warnings").begin_array();
            for (const auto& warning : warnings) out.value(warning);
            out.end_array();
        }
        out.end_object();
    }
    out.end_object();
}

void append_device_job_json(std::string& text, const DeviceJob& row) {
    JsonWriter out(text);
    out.begin_object();
    out.member("deviceId", row.device_id);
    if (!row.module_id.empty()) out.member("moduleId", row.module_id);
    out.member("jobId", row.job_id);
    out.member("jobType", job_type_text(row.type));
    out.member("status", device_job_status_text(row.status));
    out.member("startTimeUtc", to_iso8601(row.start));
    out.member("endTimeUtc", to_iso8601(row.end));
    out.member("createdDateTimeUtc", to_iso8601(row.created));
    out.member("lastUpdatedDateTimeUtc", to_iso8601(row.last_updated));
    if (is_terminal(row.status)) write_outcome(out, row);
    out.end_object();
}

}  // namespace carillon
