// carillon job: orders for many devices.

#include "model/job.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "job_request.hpp"
#include "job_targets.hpp"
#include "job_watch.hpp"
#include "json_text.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>

namespace carillon {

namespace {

struct JobArgs {
    HubFlags hub;
    JobOrder order;
    std::string type;
    std::string status;
    std::size_t top = 0;
    double interval_s = 0.5;
    std::int64_t duration_s = 0;
    bool waits = false;
};

JobWatch watch_of(const JobArgs& args) {
    JobWatch watch;
    watch.interval = std::chrono::milliseconds(static_cast<std::int64_t>(args.interval_s * 1000));
    watch.duration_max = std::chrono::seconds(args.duration_s);
    return watch;
}

/// Says how many devices the job is for. Fails with `config_invalid` for a condition that does not parse, and
/// with `device_not_found` for ids that no device has, unless there is time to make them.
Result<> check_targets(ServiceClient& client, const JobOrder& order) {
    const auto targets = find_job_targets(client, order);
    if (!targets) return fail(targets.error());
    const bool is_later = !order.start.empty();
    if (!targets->missing.empty()) {
        constexpr std::size_t named_max = 10;
        std::string names;
        for (std::size_t i = 0; i < std::min(targets->missing.size(), named_max); ++i) {
            names += (i == 0 ? "" : ", ") + targets->missing[i];
        }
        if (targets->missing.size() > named_max) {
            names += " and " + std::to_string(targets->missing.size() - named_max) + " more";
        }
        if (!is_later) return fail(Errc::device_not_found, "--device-ids: " + names + "; no job was created");
        std::cerr << "not there yet: " << names << '\n';
    }
    if (targets->count) std::cerr << targets_text(*targets->count, is_later) << '\n';
    return {};
}

Result<Exit> create(const JobArgs& args) {
    JobOrder order = args.order;
    for (auto [flag, text] :
         {std::pair{"--method-payload", &order.method_payload}, {"--twin-patch", &order.twin_patch}}) {
        if (text->empty()) continue;
        auto json = read_json_argument(flag, *text);
        if (!json) return fail(std::move(json).error());
        *text = *std::move(json);
    }
    if (order.id.empty()) order.id = SystemRandom().uuid();
    const auto body = job_request_json(order, SystemClock().wall_now());
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto checked = check_targets(*client, order); !checked) return fail(std::move(checked).error());
    const auto accepted = client->create_job(order.id, *body);
    if (!accepted) return fail(accepted.error());
    if (!args.waits) return show_document(args.hub, *accepted);

    JobWatch watch = watch_of(args);
    watch.out = stderr;  // The data of this command is the finished job.
    const auto outcome = watch_job(*client, order.id, watch);
    if (!outcome) return outcome;
    const auto job = client->find_job(order.id);
    if (!job) return fail(job.error());
    show_document(args.hub, *job);
    return outcome;
}

Result<Exit> show(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->find_job(args.order.id);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> list(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->list_jobs(args.type, args.status, 0, continuation);
    });
}

Result<Exit> cancel(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->cancel_job(args.order.id);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> watch(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    JobWatch watch = watch_of(args);
    watch.format = args.hub.format;
    return watch_job(*client, args.order.id, watch);
}

Result<Exit> devices(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string statement =
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = " + query_literal(args.order.id);
    if (!args.status.empty()) statement += " AND devices.jobs.status = " + query_literal(args.status);
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->query(statement, 0, continuation);
    });
}

CLI::App& add_verb(CLI::App& group, const char* name, const char* description,
                   const std::shared_ptr<JobArgs>& args, Result<Exit> (*run)(const JobArgs&),
                   int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, run, exit_code);
    return verb;
}

void add_job_id_flag(CLI::App& verb, JobArgs& args) {
    verb.add_option("job,--job-id,--jid", args.order.id, "Id of the job")
        ->required()
        ->check(job_id())
        ->type_name("JOB");
}

void add_watch_flags(CLI::App& verb, JobArgs& args) {
    verb.add_option("--interval", args.interval_s,
                    "Seconds between two lines on a pipe, or two looks at a hub without events [0.5]")
        ->check(number_between(0.05, 3600, "seconds"))
        ->type_name("SECONDS");
    verb.add_option("--duration,--dur", args.duration_s,
                    "Seconds to watch at most; then exit code 7 [no limit]")
        ->check(whole_number(1, 30 * 24 * 3600, "seconds"))
        ->type_name("SECONDS");
}

void add_create(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<JobArgs>();
    auto& verb = add_verb(group, "create", "Schedule a direct method or a twin update over many devices",
                          args, create, exit_code);
    auto& order = args->order;
    verb.add_option("--job-id,--jid", order.id,
                    "Id of the job, used once: letters, digits and dashes, up to 64 [a new UUID]")
        ->check(job_id());
    verb.add_option("--job-type,--jt", order.type,
                    "scheduleDeviceMethod or scheduleUpdateTwin [what the other flags imply]")
        ->check(one_of({"scheduleDeviceMethod", "scheduleUpdateTwin"}));
    verb.add_option("-q,--query-condition", order.condition,
                    "Which devices, such as tags.building = '43'; \"*\" is all of them");
    verb.add_option("-d,--device-ids", order.devices, "Which devices, by id")->delimiter(',');
    verb.add_option("--method-name,--mn", order.method_name, "Method to call");
    verb.add_option("--method-payload,--mp", order.method_payload,
                    "JSON, @FILE or - for standard input [null]");
    verb.add_option("--method-response-timeout,--mrt", order.response_timeout_s,
                    "Seconds a device has for its answer, 5 to 300 [30]")
        ->check(whole_number(5, 300, "seconds"));
    verb.add_option("--method-connect-timeout,--mct", order.connect_timeout_s,
                    "Seconds to wait for a device to connect, 0 to 300 [0]")
        ->check(whole_number(0, 300, "seconds"));
    verb.add_option("--twin-patch,--patch", order.twin_patch,
                    "{\"tags\":{…},\"properties\":{\"desired\":{…}}} as JSON, @FILE or -");
    verb.add_option("--start-time,--start", order.start, "ISO 8601 time, or +90s, +15m, +2h, +1d [now]");
    verb.add_option("--ttl", order.execution_time_max_s,
                    "Seconds from its start until devices that did not answer count as failed [3600]")
        ->check(whole_number(1, JobLimits::execution_time_max_s, "seconds"));
    verb.add_flag("--wait", args->waits,
                  "Watch the job to its end, then print it; exit code 8 if devices failed");
    add_watch_flags(verb, *args);
}

}  // namespace

void add_job(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("job", "Jobs: a method call or a twin update over many devices");
    group.require_subcommand(1);
    add_create(group, exit_code);

    auto args = std::make_shared<JobArgs>();
    add_job_id_flag(add_verb(group, "show", "Print a job", args, show, exit_code), *args);

    args = std::make_shared<JobArgs>();
    auto& list_verb = add_verb(group, "list", "List the jobs, newest first", args, list, exit_code);
    list_verb.add_option("--job-type,--jt", args->type, "Only scheduleDeviceMethod or scheduleUpdateTwin")
        ->check(one_of({"scheduleDeviceMethod", "scheduleUpdateTwin"}));
    list_verb
        .add_option("--job-status,--js", args->status,
                    "Only queued, scheduled, running, completed, failed or cancelled")
        ->check(one_of({"queued", "scheduled", "running", "completed", "failed", "cancelled"}));
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = std::make_shared<JobArgs>();
    add_job_id_flag(add_verb(group, "cancel", "Cancel a job that has not ended", args, cancel, exit_code),
                    *args);

    args = std::make_shared<JobArgs>();
    auto& watch_verb = add_verb(group, "watch", "Follow a job to its end; exit code 8 if devices failed",
                                args, watch, exit_code);
    add_job_id_flag(watch_verb, *args);
    add_watch_flags(watch_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& devices_verb =
        add_verb(group, "devices", "List what became of each device", args, devices, exit_code);
    add_job_id_flag(devices_verb, *args);
    devices_verb.add_option("--status", args->status, "Only pending, running, completed, failed or canceled")
        ->check(one_of({"pending", "running", "completed", "failed", "canceled"}));
    devices_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());
}

}  // namespace carillon
