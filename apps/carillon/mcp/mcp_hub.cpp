#include "mcp/mcp_hub.hpp"

#include "base/clock.hpp"
#include "hub_flags.hpp"
#include "job_request.hpp"
#include "talk.hpp"

#include <algorithm>
#include <map>

namespace carillon {
namespace {

using ParameterKind = McpParameter::Kind;
using Effect = McpTool::Effect;
using Parameters = std::vector<McpParameter>;

constexpr const char* reading_instructions =
    "Carillon is an IoT hub: devices with identities and twins, and jobs that call a method on many devices "
    "or "
    "change their twins. These tools read it. They can plan a job but not create one.";
constexpr const char* changing_instructions =
    "Carillon is an IoT hub: devices with identities and twins, and jobs that call a method on many devices "
    "or "
    "change their twins. Plan a job and show the person its number of devices before you create it.";

constexpr std::int64_t page_rows_default = 20;
constexpr std::size_t samples_max = 5;

const McpParameter device_parameter{"device_id", ParameterKind::text, true, "Id of the device"};
const McpParameter job_parameter{"job_id", ParameterKind::text, true, "Id of the job"};
const McpParameter rows_parameter{"page_size", ParameterKind::count, false,
                                  "Rows to give: 20 unless said, 200 at most"};
const McpParameter continuation_parameter{"continuation", ParameterKind::text, false,
                                          "What the page before gave as `continuation`"};
const McpParameter why_parameter{"why", ParameterKind::text, false, "The reason, kept in the job's history"};

std::string text_of(JsonValue arguments, std::string_view name) {
    return std::string(arguments.find(name).string());
}

std::size_t rows_of(JsonValue arguments) {
    const auto wanted = arguments.find("page_size").integer().value_or(page_rows_default);
    return static_cast<std::size_t>(std::min(wanted, mcp_page_rows_max));
}

std::string page_json(const ServicePage& page) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("rows").begin_array();
    for (const std::string& item : page.items) json.raw(item);
    json.end_array();
    if (!page.continuation.empty()) json.member("continuation", page.continuation);
    json.end_object();
    return out;
}

Result<std::string> as_json(Result<ServicePage> page) {
    if (!page) return fail(std::move(page).error());
    return page_json(*page);
}

/// A document of the hub's without keys.
Result<std::string> shown(Result<std::string> document) {
    if (!document) return document;
    return without_secrets(*document);
}

/// The first value of the only row of an aggregation such as `SELECT COUNT() AS n FROM devices`.
Result<std::int64_t> count_of(ServiceClient& client, const std::string& condition) {
    std::string statement = "SELECT COUNT() AS n FROM devices";
    if (!condition.empty()) statement += " WHERE " + condition;
    auto page = client.query(statement, 1);
    if (!page) return fail(std::move(page).error());
    if (page->items.empty()) return std::int64_t{0};
    const auto row = JsonDocument::parse(page->items.front());
    if (!row) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    return row->root().find("n").integer().value_or(0);
}

Result<std::string> describe_hub(ServiceClient& client) {
    const auto devices = count_of(client, "");
    if (!devices) return fail(devices.error());
    const auto connected = count_of(client, "connectionState = 'Connected'");
    if (!connected) return fail(connected.error());
    const auto about = client.about();  // Only Carillon has it.
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("hostName", client.host_name());
    json.member("devices", *devices).member("connected", *connected);
    if (about) json.member_raw("about", *about);
    json.end_object();
    return out;
}

/// What came of the devices of a job, in more detail where the hub is Carillon.
Result<std::string> describe_job(ServiceClient& client, const std::string& job) {
    auto order = client.find_job(job);
    if (!order) return order;
    const auto progress = client.job_progress(job);
    std::string out;
    JsonWriter json(out);
    json.begin_object().member_raw("job", *order);
    if (progress) json.member_raw("progress", *progress);
    json.end_object();
    return out;
}

struct FailureGroup {
    std::uint64_t devices = 0;
    std::vector<std::string> samples;
};

/// Failed devices by reason, the most frequent first.
Result<std::string> explain_failures(ServiceClient& client, const std::string& job) {
    std::map<std::pair<std::string, std::string>, FailureGroup> groups;
    std::size_t looked_at = 0;
    std::string continuation;
    do {
        const auto page = client.job_devices(job, "failed", mcp_page_rows_max, continuation);
        if (!page) return fail(page.error());
        for (const std::string& item : page->items) {
            const auto row = JsonDocument::parse(item);
            if (!row) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
            const JsonValue error = row->root().find("error");
            auto& group = groups[{std::string(error.find("code").string()),
                                  std::string(error.find("description").string())}];
            ++group.devices;
            if (group.samples.size() < samples_max) {
                group.samples.emplace_back(row->root().find("deviceId").string());
            }
        }
        looked_at += page->items.size();
        continuation = page->continuation;
    } while (!continuation.empty() && looked_at < mcp_failures_max);

    std::vector<std::pair<std::pair<std::string, std::string>, FailureGroup>> sorted(groups.begin(),
                                                                                     groups.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.devices > b.second.devices; });
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("failedDevicesRead", static_cast<std::uint64_t>(looked_at));
    json.member("isComplete", continuation.empty()).key("reasons").begin_array();
    for (const auto& [reason, group] : sorted) {
        json.begin_object().member("code", reason.first).member("description", reason.second);
        json.member("devices", group.devices).key("examples").begin_array();
        for (const std::string& device : group.samples) json.value(device);
        json.end_array().end_object();
    }
    json.end_array();
    // The hub's own tally covers all devices, and the statuses that devices answered with.
    if (const auto progress = client.job_progress(job)) json.member_raw("progress", *progress);
    json.end_object();
    return out;
}

Parameters order_parameters() {
    return {
        {"condition", ParameterKind::text, true,
         "Which devices: what stands behind WHERE in the query language, such as tags.building = '43'; "
         "* for all"},
        {"method_name", ParameterKind::text, false, "The direct method to call; or give twin_patch"},
        {"method_payload", ParameterKind::any, false, "The method's payload"},
        {"response_timeout_s", ParameterKind::count, false, "Seconds for each device's answer, 5 to 300"},
        {"twin_patch", ParameterKind::object, false,
         R"(What to merge into each twin: {"tags":{…},"properties":{"desired":{…}}}; or give method_name)"},
        {"start_time", ParameterKind::text, false,
         "When it starts: ISO 8601, or +15m, +2h, +1d; at once unless said"},
        {"execution_time_max_s", ParameterKind::count, false,
         "Seconds until devices that have not ended fail"},
        {"rollout", ParameterKind::object, false,
         R"(How it goes over the devices; all at once unless said. Such as {"waves":[{"size":"1%","gate":"manual"},)"
         R"({"size":"rest"}],"pace":{"rate":"50/s"},"stop":[{"failed":"3%","do":"pause"}]})"},
    };
}

std::optional<int> seconds_of(JsonValue arguments, std::string_view name) {
    const auto number = arguments.find(name).integer();
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

Result<std::string> request_of(JsonValue arguments, const std::string& job) {
    JobOrder order;
    order.id = job;
    order.condition = text_of(arguments, "condition");
    order.method_name = text_of(arguments, "method_name");
    order.method_payload = arguments.find("method_payload").raw();
    order.response_timeout_s = seconds_of(arguments, "response_timeout_s");
    order.twin_patch = arguments.find("twin_patch").is_object() ? arguments.find("twin_patch").raw() : "";
    order.start = text_of(arguments, "start_time");
    order.execution_time_max_s = seconds_of(arguments, "execution_time_max_s");
    order.rollout = arguments.find("rollout").is_object() ? arguments.find("rollout").raw() : "";
    if (order.condition.empty()) return fail(Errc::argument_invalid, "`condition` is empty; * means all");
    if (order.method_name.empty() == order.twin_patch.empty()) {
        return fail(Errc::argument_invalid, "give either `method_name` or `twin_patch`");
    }
    return job_request_json(order, SystemClock().wall_now());
}

/// How many devices an order would reach, and what would be sent. Changes nothing.
Result<std::string> plan_job(ServiceClient& client, JsonValue arguments) {
    const auto request = request_of(arguments, "PLANNED");
    if (!request) return request;
    const std::string condition = text_of(arguments, "condition");
    const std::string where = condition == "*" ? "" : condition;
    const auto devices = count_of(client, where);
    if (!devices) return fail(devices.error());
    const auto connected =
        count_of(client, (where.empty() ? "" : "(" + where + ") AND ") + "connectionState = 'Connected'");
    if (!connected) return fail(connected.error());
    const auto sample =
        client.query("SELECT deviceId FROM devices" + (where.empty() ? "" : " WHERE " + where), samples_max);
    if (!sample) return fail(sample.error());
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("devices", *devices).member("connected", *connected);
    json.key("examples").begin_array();
    for (const std::string& item : sample->items) json.raw(item);
    json.end_array().member_raw("request", *request);
    json.member("next", "nothing was created; `create_job` with the same arguments does it").end_object();
    return out;
}

}  // namespace

std::string mcp_instructions(bool allows_changes) {
    return allows_changes ? changing_instructions : reading_instructions;
}

std::vector<McpTool> reading_tools(ServiceClient& client) {
    return {
        {"describe_hub",
         "Describe the hub",
         "How many devices are registered and connected, and the version.",
         Effect::reads,
         {},
         [&client](JsonValue) { return describe_hub(client); }},
        {"get_device",
         "Get a device",
         "The identity of a device, without its keys.",
         Effect::reads,
         {device_parameter},
         [&client](JsonValue a) -> Result<std::string> {
             const auto device = device_argument(text_of(a, "device_id"));
             if (!device) return fail(device.error());
             return shown(client.find_device(*device));
         }},
        {"get_twin",
         "Get a twin",
         "The twin of a device or module: tags, desired and reported properties, connection state.",
         Effect::reads,
         {device_parameter, {"module_id", ParameterKind::text, false, "Id of a module of the device"}},
         [&client](JsonValue a) -> Result<std::string> {
             const auto target = target_argument(text_of(a, "device_id"), text_of(a, "module_id"));
             if (!target) return fail(target.error());
             return shown(client.find_twin(*target));
         }},
        {"query",
         "Query twins and jobs",
         "One page of a query in the IoT Hub query language, such as SELECT deviceId, tags FROM devices "
         "WHERE "
         "tags.building = '43'; also FROM devices.modules and FROM devices.jobs, COUNT() and GROUP BY.",
         Effect::reads,
         {{"statement", ParameterKind::text, true, "The query"}, rows_parameter, continuation_parameter},
         [&client](JsonValue a) {
             return shown(
                 as_json(client.query(text_of(a, "statement"), rows_of(a), text_of(a, "continuation"))));
         }},
        {"list_jobs",
         "List jobs",
         "Jobs, newest first.",
         Effect::reads,
         {{"type", ParameterKind::text, false, "scheduleDeviceMethod or scheduleUpdateTwin"},
          {"status", ParameterKind::text, false,
           "queued, scheduled, running, completed, failed or cancelled"},
          rows_parameter,
          continuation_parameter},
         [&client](JsonValue a) {
             return as_json(client.list_jobs(text_of(a, "type"), text_of(a, "status"), rows_of(a),
                                             text_of(a, "continuation")));
         }},
        {"get_job",
         "Get a job",
         "A job's order, its counts and, of a rollout, its waves.",
         Effect::reads,
         {job_parameter},
         [&client](JsonValue a) { return describe_job(client, text_of(a, "job_id")); }},
        {"list_job_devices",
         "List a job's devices",
         "What became of each device of a job.",
         Effect::reads,
         {job_parameter,
          {"status", ParameterKind::text, false,
           "pending, scheduled, running, completed, failed or canceled"},
          rows_parameter,
          continuation_parameter},
         [&client](JsonValue a) {
             return as_json(client.job_devices(text_of(a, "job_id"), text_of(a, "status"), rows_of(a),
                                               text_of(a, "continuation")));
         }},
        {"explain_job_failures",
         "Explain a job's failures",
         "Failed devices by reason, with examples; reads 2,000 failed devices at most.",
         Effect::reads,
         {job_parameter},
         [&client](JsonValue a) { return explain_failures(client, text_of(a, "job_id")); }},
        {"get_job_history",
         "Get a job's history",
         "What was done to a job with a rollout, when, and by which policy.",
         Effect::reads,
         {job_parameter},
         [&client](JsonValue a) -> Result<std::string> {
             auto events = client.job_history(text_of(a, "job_id"));
             if (!events) return fail(std::move(events).error());
             return page_json({std::move(*events), {}});
         }},
        {"list_configurations",
         "List configurations",
         "Desired properties that the hub keeps on all devices "
         "that match.",
         Effect::reads,
         {},
         [&client](JsonValue) { return as_json(client.list_configurations()); }},
        {"plan_job", "Plan a job",
         "Checks the arguments of create_job and returns how many devices it would reach. Changes nothing.",
         Effect::reads, order_parameters(), [&client](JsonValue a) { return plan_job(client, a); }},
    };
}

std::vector<McpTool> changing_tools(ServiceClient& client) {
    Parameters creation = order_parameters();
    creation.insert(creation.begin(), {"job_id", ParameterKind::text, true,
                                       "An id that no job has had: letters, digits and -, 64 at most"});
    return {
        {"create_job", "Create a job",
         "Calls a direct method on each device that matches, or changes its twin. Use plan_job first.",
         Effect::destroys, std::move(creation),
         [&client](JsonValue a) -> Result<std::string> {
             const std::string job = text_of(a, "job_id");
             const auto request = request_of(a, job);
             if (!request) return request;
             return client.create_job(job, *request);
         }},
        {"pause_job",
         "Pause a job",
         "No device of a job with a rollout begins any more until it is resumed.",
         Effect::changes,
         {job_parameter, why_parameter},
         [&client](JsonValue a) { return client.pause_job(text_of(a, "job_id"), text_of(a, "why")); }},
        {"resume_job",
         "Resume a job",
         "Lets a paused job go on.",
         Effect::changes,
         {job_parameter, why_parameter},
         [&client](JsonValue a) { return client.resume_job(text_of(a, "job_id"), text_of(a, "why")); }},
        {"promote_job",
         "Let a wave pass",
         "Approves a wave of a rollout, so that the next one opens.",
         Effect::changes,
         {job_parameter,
          {"wave", ParameterKind::index, true, "Number of the wave that passes; the first is 0"},
          why_parameter},
         [&client](JsonValue a) {
             const auto wave = static_cast<unsigned>(a.find("wave").integer().value_or(0));
             return client.promote_job(text_of(a, "job_id"), wave, text_of(a, "why"));
         }},
        {"cancel_job",
         "Cancel a job",
         "Ends a job that waits or runs; devices that have ended stay as they are.",
         Effect::destroys,
         {job_parameter},
         [&client](JsonValue a) { return client.cancel_job(text_of(a, "job_id")); }},
    };
}

}  // namespace carillon
