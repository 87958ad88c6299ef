#include "core/jobs/jobs.hpp"

#include "base/spans.hpp"
#include "base/text.hpp"
#include "core/hub/device_traces.hpp"
#include "core/queries/queries.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/jobs/job_list_source.hpp"
#include "endpoint/rest/paging.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"
#include "model/jobs/job.hpp"
#include "query/doubts.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <chrono>

namespace carillon::rest {

namespace {

constexpr ItemType job_response{"JobResponse", "jobResponse"};

HttpResponse ok_job(JobSnapshot job) {
    HttpResponse response;
    std::vector<JobSnapshot> jobs;
    jobs.push_back(std::move(job));
    response.source = std::make_shared<JobListSource>(std::move(jobs), PageFrame(), JobJson::whole);
    return response;
}

/// Adds to an accepted job what of its condition can hold for no device. Ours: a member that clients pass
/// over.
void append_doubts(std::string& accepted, const std::optional<std::string>& condition) {
    const auto doubts = query::doubts_of(condition.value_or(""));
    if (doubts.empty()) return;
    accepted.pop_back();
    accepted += ",\"warnings\":";
    JsonWriter out(accepted);
    out.begin_array();
    for (const std::string& doubt : doubts) out.value(doubt);
    out.end_array();
    accepted += '}';
}

/// The span of a job that has ended, from its acceptance to its end. Of one that is gone there is none.
std::optional<Span> span_of_job(const std::optional<JobSnapshot>& job, const TraceContext& context,
                                const TraceContext& parent) {
    Span span;
    if (!job) return span;
    if (job->ended.ticks == 0) return std::nullopt;
    const JobDefinition& definition = *job->definition;
    span.context = context;
    span.parent = parent;
    span.name = "job " + std::string(job_type_text(definition.type));
    span.began = definition.created;
    const std::int64_t ticks = std::max<std::int64_t>(0, job->ended.ticks - definition.created.ticks);
    span.took = std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(ticks * 100));
    span.has_failed = job->status == JobStatus::failed;
    span.texts.emplace_back("carillon.job", definition.id);
    span.texts.emplace_back("carillon.job.status", job_status_text(job->status));
    const JobCounts counts = job->counts.value_or(JobCounts());
    const std::array<std::pair<std::string_view, std::uint64_t>, 3> numbers{
        {{"carillon.job.succeeded", counts.succeeded},
         {"carillon.job.failed", counts.failed},
         {"carillon.job.canceled", counts.canceled}}};
    for (const auto& [name, number] : numbers)
        span.numbers.emplace_back(name, static_cast<std::int64_t>(number));
    return span;
}

/// A job goes on when its request is over, so its span is a part of the request's trace that ends later.
void follow_by_span(const Request& request, const JobSnapshot& job) {
    SpanSink* const spans = request.hub.traces().spans();
    if (spans == nullptr || !request.trace || !request.trace->is_sampled) return;
    const TraceContext& parent = *request.trace;
    spans->follow([&jobs = request.hub.jobs(), id = job.definition->id,
                   context = spans->continue_from(parent),
                   parent] { return span_of_job(jobs.snapshot(id), context, parent); });
}

}  // namespace

Task<Result<HttpResponse>> put_job(Request& request) {
    auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto expanding = expand_plan(request, body->root());
    const auto planned = co_await std::move(expanding);
    if (!planned) co_return fail(planned.error());
    if (!planned->empty()) body = JsonDocument::parse(*planned);
    if (!body) co_return fail(body.error());
    auto definition = JobDefinition::parse(request.ids[0], body->root(), request.flavour, request.now);
    if (!definition) co_return fail(std::move(definition).error());
    definition->creator = actor_of(request);
    // Too long is refused here, and every other fault when the job starts. Source: azure-iot-sdk-csharp#1680.
    const std::size_t condition_max = request.hub.query_options().statement_bytes_max;
    if (definition->condition && definition->condition->size() > condition_max) {
        co_return fail(Errc::argument_invalid, "queryCondition too long");
    }
    if (auto known = check_notify(request, *definition); !known) co_return fail(std::move(known).error());
    auto creation = request.hub.jobs().create(*std::move(definition));
    auto job = co_await std::move(creation);
    if (!job) co_return fail(std::move(job).error());
    follow_by_span(request, *job);
    std::string text;
    append_job_accepted_json(text, *job);
    append_doubts(text, job->definition->condition);
    co_return ok(std::move(text));
}

Task<Result<HttpResponse>> get_job(Request& request) {
    std::string id(request.ids[0]);
    auto job = co_await request.hub.jobs().find(std::move(id));
    if (job) co_return ok_job(*std::move(job));
    // Not a 404: clients tell import and export jobs from these by it (azure-iot-sdk-csharp#2941).
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("jobId", request.ids[0])
        .member("type", "unknown")
        .member("status", "unknown")
        .end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> cancel_job(Request& request) {
    std::string id(request.ids[0]);
    auto cancelling = request.hub.jobs().cancel(std::move(id), actor_of(request));
    auto job = co_await std::move(cancelling);
    if (!job) co_return fail(std::move(job).error());
    co_return ok_job(*std::move(job));
}

namespace {

/// A word of a filter and what it selects; nothing for what no job here can be.
template <class T>
struct FilterWord {
    std::string_view word;
    std::optional<T> value;
};

// Source: azure-iothub: jobResponse models; azure-iot-sdk-csharp: JobType.cs, which calls two of
// them ExportDevices and ImportDevices.
constexpr std::array<FilterWord<JobType>, 16> type_words{{
    {"scheduleDeviceMethod", JobType::device_method},
    {"scheduleUpdateTwin", JobType::update_twin},
    {"unknown", std::nullopt},
    {"export", std::nullopt},
    {"exportDevices", std::nullopt},
    {"import", std::nullopt},
    {"importDevices", std::nullopt},
    {"backup", std::nullopt},
    {"readDeviceProperties", std::nullopt},
    {"writeDeviceProperties", std::nullopt},
    {"updateDeviceConfiguration", std::nullopt},
    {"rebootDevice", std::nullopt},
    {"factoryResetDevice", std::nullopt},
    {"firmwareUpdate", std::nullopt},
    {"restoreFromBackup", std::nullopt},
    {"failoverDataCopy", std::nullopt},
}};
constexpr std::array<FilterWord<JobStatus>, 10> status_words{{
    {"queued", JobStatus::queued},
    {"scheduled", JobStatus::scheduled},
    {"running", JobStatus::running},
    {"completed", JobStatus::completed},
    {"failed", JobStatus::failed},
    {"cancelled", JobStatus::cancelled},
    {"canceled", JobStatus::cancelled},
    {"unknown", std::nullopt},
    {"enqueued", std::nullopt},
    {"pending", std::nullopt},  // the documents list it; no job ever says it
}};

/// Reads one filter parameter; an empty one selects everything. Fails with `argument_invalid`.
template <class T, std::size_t n>
Result<> read_filter(const std::optional<std::string>& text, const std::array<FilterWord<T>, n>& words,
                     std::optional<T>& value, bool& nothing) {
    if (!text || text->empty()) return {};
    for (const FilterWord<T>& entry : words) {
        if (!equals_ignoring_case(entry.word, *text)) continue;
        value = entry.value;
        if (!value) nothing = true;
        return {};
    }
    return fail(Errc::argument_invalid, "The job filter is unknown.");
}

}  // namespace

Task<Result<HttpResponse>> list_jobs(Request& request) {
    JobFilter filter;
    auto read = read_filter(request.parameter("jobType"), type_words, filter.type, filter.nothing);
    if (read) read = read_filter(request.parameter("jobStatus"), status_words, filter.status, filter.nothing);
    if (!read) co_return fail(std::move(read).error());

    const PageRequest page = read_page_request(request);
    // A token goes on where it came from: the same list, filtered alike, in the same flavour.
    const std::string purpose =
        fmt::format("jobs {} {} {} {}", static_cast<int>(request.flavour),
                    filter.type ? static_cast<int>(*filter.type) : 0,
                    filter.status ? static_cast<int>(*filter.status) : -1, filter.nothing);
    std::string position;
    if (!page.continuation.empty()) {
        auto opened = request.hub.page_tokens().open(purpose, page.continuation);
        if (!opened) co_return fail(std::move(opened).error());
        position = *std::move(opened);
    }
    JobListPage found = co_await request.hub.jobs().list(filter, std::move(position), page.size);
    std::string continuation;
    if (!found.position.empty()) continuation = request.hub.page_tokens().seal(purpose, found.position);
    PageFrame frame;
    HttpResponse response = begin_page(request, job_response, continuation, frame);
    response.source = std::make_shared<JobListSource>(std::move(found.jobs), std::move(frame));
    co_return response;
}

}  // namespace carillon::rest
