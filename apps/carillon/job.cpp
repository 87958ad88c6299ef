// carillon job: orders for many devices.

#include "model/jobs/job.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "carillon/what_if.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "job_insight.hpp"
#include "job_request.hpp"
#include "job_targets.hpp"
#include "job_watch.hpp"
#include "json_text.hpp"
#include "model/rollouts/rollout_confirm.hpp"
#include "rollout_flags.hpp"
#include "rollouts/job_plan.hpp"
#include "rollouts/rollout_commands.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>

namespace carillon {

namespace {

struct JobArgs {
    HubFlags hub;
    JobOrder order;
    RolloutFlags rollout;
    std::string why;
    std::string only;    ///< `job rerun`: in which states the devices are.
    std::string new_id;  ///< Of the job that it makes.
    std::optional<std::int64_t> wave;
    std::optional<std::int64_t> revision;
    std::string type;
    std::string status;
    std::string kind;
    std::string seal;
    std::optional<std::int64_t> of_wave;
    std::size_t top = 0;
    double interval_s = 0.5;
    std::int64_t duration_s = 0;
    bool waits = false;
    PlanOrder plan;
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
    for (const std::string& doubt : targets->doubts) std::cerr << "note: " << on_one_line(doubt) << '\n';
    if (targets->count) std::cerr << targets_text(*targets->count, is_later) << '\n';
    return {};
}

Result<Exit> send(ServiceClient& client, const JobArgs& args, const JobOrder& order);

bool has_member(const std::string& object, std::string_view name) {
    const auto document = JsonDocument::parse(object);
    return document && !document->root().find(name).is_null_or_absent();
}

/// What the hub takes, but seldom is what was meant.
void print_warnings(const std::string& accepted) {
    const auto document = JsonDocument::parse(accepted);
    if (!document) return;
    const JsonValue warnings = document->root().find("rollout").find("warnings");
    for (JsonValue v = warnings.first(); v.exists(); v = v.next()) {
        std::cerr << "note: " << on_one_line(std::string(v.string())) << '\n';
    }
}

/// The last of the waves that have opened and have not passed.
std::optional<std::int64_t> newest_open_wave(const std::string& job) {
    const auto document = JsonDocument::parse(job);
    if (!document) return std::nullopt;
    std::optional<std::int64_t> newest;
    for (JsonValue wave = document->root().find("waves").first(); wave.exists(); wave = wave.next()) {
        const std::string_view state = wave.find("state").string();
        if (state != "waiting" && state != "passed") newest = wave.find("n").integer();
    }
    return newest;
}

/// The order that the flags of `create` and `plan` make.
Result<JobOrder> order_of_flags(const JobArgs& args) {
    JobOrder order = args.order;
    for (auto [flag, text] :
         {std::pair{"--method-payload", &order.method_payload}, {"--twin-patch", &order.twin_patch}}) {
        if (text->empty()) continue;
        auto json = read_json_argument(flag, *text);
        if (!json) return fail(std::move(json).error());
        *text = *std::move(json);
    }
    if (order.id.empty()) order.id = SystemRandom().uuid();
    // What an undo writes, the other job says.
    if (!args.rollout.undo_of.empty() && order.twin_patch.empty()) order.twin_patch = "{}";
    const auto type = job_type_of(order);
    if (!type) return fail(type.error());
    auto rollout = checked_rollout(
        args.rollout, *type == "scheduleUpdateTwin" ? JobType::update_twin : JobType::device_method);
    if (!rollout) return fail(std::move(rollout).error());
    order.rollout = *std::move(rollout);
    order.has_other_job = has_member(order.rollout, "from") || has_member(order.rollout, "undoOf");
    return order;
}

Result<Exit> create(const JobArgs& args) {
    const auto order = order_of_flags(args);
    if (!order) return fail(order.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return send(*client, args, *order);
}

Result<Exit> plan(const JobArgs& args) {
    auto order = order_of_flags(args);
    if (!order) return fail(std::move(order).error());
    // A job with other rules for success than those planned would be another job.
    if (order->rollout.empty()) order->rollout = "{}";
    const auto body = job_request_json(*order, SystemClock().wall_now());
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_job_plan(*client, args.hub, *body);
}

Result<Exit> follow(ServiceClient& client, const JobArgs& args, const std::string& id);

Result<Exit> apply(const JobArgs& args) {
    PlanOrder order = args.plan;
    order.job = args.order.id.empty() ? SystemRandom().uuid() : args.order.id;
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (order.hash.empty()) {
        auto hash = plan_hash(*client, order.plan);
        if (!hash) return fail(std::move(hash).error());
        order.hash = *std::move(hash);
    }
    const auto body = plan_request_json(order, SystemClock().wall_now());
    if (!body) return fail(body.error());
    const auto accepted = client->create_job(order.job, *body);
    if (!accepted) return fail(accepted.error());
    print_warnings(*accepted);
    if (!args.waits) return show_document(args.hub, *accepted);
    return follow(*client, args, order.job);
}

/// Sends an order, and follows the job if that is wanted.
Result<Exit> send(ServiceClient& client, const JobArgs& args, const JobOrder& order) {
    const auto body = job_request_json(order, SystemClock().wall_now());
    if (!body) return fail(body.error());
    if (!order.rollout.empty()) {
        if (auto checked = client.check_rollout(); !checked) {
            if (checked.error().code != Errc::feature_not_supported) return fail(std::move(checked).error());
            std::cerr << explain(checked.error());
            return Exit::conflict;
        }
    }
    // What another job's devices are, only the hub knows.
    if (!order.has_other_job) {
        if (auto checked = check_targets(client, order); !checked) return fail(std::move(checked).error());
    }
    const auto accepted = client.create_job(order.id, *body);
    if (!accepted) return fail(accepted.error());
    print_warnings(*accepted);
    if (!args.waits) return show_document(args.hub, *accepted);
    return follow(client, args, order.id);
}

/// Watches a job that was just ordered, and prints it when it has ended.
Result<Exit> follow(ServiceClient& client, const JobArgs& args, const std::string& id) {
    JobWatch watch = watch_of(args);
    watch.out = stderr;  // The data of this command is the finished job.
    const auto outcome = watch_job(client, id, watch);
    if (!outcome) return outcome;
    const auto job = client.find_job(id);
    if (!job) return fail(job.error());
    show_document(args.hub, *job);
    return outcome;
}

Result<Exit> show(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    auto job = client->find_job(args.order.id);
    if (!job) return fail(job.error());
    // Of a job with a rollout there is more to say: its waves, what is held back and why.
    if (has_member(*job, "rollout")) {
        auto whole = client->job_progress(args.order.id);
        if (!whole) return fail(whole.error());
        job = std::move(whole);
    }
    return show_document(args.hub, *job);
}

Result<Exit> history(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, {}, 0, [&](const std::string&) -> Result<ServicePage> {
        ServicePage page;
        auto events = client->job_history(args.order.id);
        if (!events) return fail(std::move(events).error());
        page.items = *std::move(events);
        return page;
    });
}

Result<Exit> pause(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->pause_job(args.order.id, args.why);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> resume(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->resume_job(args.order.id, args.why);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> close_members(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->close_job(args.order.id, args.why);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> promote(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    auto wave = args.wave;
    if (!wave) {
        const auto job = client->job_progress(args.order.id);
        if (!job) return fail(job.error());
        wave = newest_open_wave(*job);
        if (!wave) {
            std::cerr << "carillon: no wave of this job waits to be promoted; `carillon job show "
                      << args.order.id << "` shows them\n";
            return Exit::conflict;
        }
    }
    const auto job = client->promote_job(args.order.id, static_cast<unsigned>(*wave), args.why);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> set(const JobArgs& args) {
    const auto changes = rollout_of_flags(args.rollout);
    if (!changes) return fail(changes.error());
    if (changes->empty()) return fail_usage("nothing to change: give a flag such as --rate 50/s");
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto job = client->change_job(args.order.id, *changes, args.revision);
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

std::string new_id(const JobArgs& args) {
    return args.new_id.empty() ? SystemRandom().uuid() : args.new_id;
}

/// What the job `source` orders, under a new id and for the devices of `args`, with its rollout changed by
/// `flags`.
Result<JobOrder> changed_order(const JobArgs& args, const std::string& source, const RolloutFlags& flags) {
    auto order = order_again(source);
    if (!order) return order;
    order->condition = args.order.condition;
    order->id = new_id(args);
    const JobType type = order->method_name.empty() ? JobType::update_twin : JobType::device_method;
    auto rollout = checked_rollout(flags, type, order->rollout);
    if (!rollout) return fail(std::move(rollout).error());
    order->rollout = *std::move(rollout);
    return order;
}

Result<Exit> rerun(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto source = client->find_job(args.order.id);
    if (!source) return fail(source.error());
    RolloutFlags flags = args.rollout;
    flags.from = args.order.id + ':' + args.only;
    auto order = changed_order(args, *source, flags);
    if (!order) return fail(std::move(order).error());
    order->has_other_job = true;
    return send(*client, args, *order);
}

/// The same job once more, for the devices that match by now.
Result<Exit> copy(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto source = client->find_job(args.order.id);
    if (!source) return fail(source.error());
    auto order = changed_order(args, *source, args.rollout);
    if (!order) return fail(std::move(order).error());
    const auto job = JsonDocument::parse(*source);
    if (!job) return fail(job.error());
    if (order->condition.empty()) order->condition = job->root().find("queryCondition").string();
    const auto seconds = job->root().find("maxExecutionTimeInSeconds").integer();
    if (order->rollout.empty() && seconds && *seconds > 0)
        order->execution_time_max_s = static_cast<int>(*seconds);
    order->has_other_job = has_member(order->rollout, "from") || has_member(order->rollout, "undoOf");
    return send(*client, args, *order);
}

Result<Exit> undo(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    JobOrder order = args.order;
    RolloutFlags flags = args.rollout;
    flags.undo_of = args.order.id;
    order.id = new_id(args);
    order.twin_patch = "{}";  // What is written, the other job says.
    order.has_other_job = true;
    auto rollout = checked_rollout(flags, JobType::update_twin);
    if (!rollout) return fail(std::move(rollout).error());
    order.rollout = *std::move(rollout);
    return send(*client, args, order);
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

JobDeviceFilter device_filter(const JobArgs& args) {
    JobDeviceFilter filter;
    filter.status = args.status;
    filter.kind = args.kind;
    filter.wave = args.of_wave;
    return filter;
}

Result<Exit> devices(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    // By kind and wave only Carillon knows them; the rest any hub tells by a query.
    if (!args.kind.empty() || args.of_wave)
        return show_job_outcomes(*client, args.hub, args.order.id, device_filter(args), args.top);
    std::string statement =
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = " + query_literal(args.order.id);
    if (!args.status.empty()) statement += " AND devices.jobs.status = " + query_literal(args.status);
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->query(statement, 0, continuation);
    });
}

Result<Exit> failures(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_job_failures(*client, args.hub, args.order.id, device_filter(args));
}

Result<Exit> verify(const JobArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_job_verification(*client, args.hub, args.order.id, args.seal);
}

Result<Exit> ask_what_if(const JobArgs& args) {
    const auto changes = rollout_of_flags(args.rollout);
    if (!changes) return fail(changes.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto answer =
        ask_what_if(*client, args.order.id, std::string_view(changes->empty() ? "{}" : *changes));
    if (!answer) return fail(answer.error());
    return show_document(args.hub, *answer);
}

void add_job_id_flag(CLI::App& verb, JobArgs& args) {
    verb.add_option("job,--job-id,--jid", args.order.id, "Id of the job")
        ->required()
        ->check(job_id())
        ->type_name("JOB");
}

CLI::Validator failure_kind() {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < all_failure_kinds; ++i)
        words.emplace_back(failure_kind_text(static_cast<FailureKind>(i)));
    return one_of(words);
}

void add_kind_and_wave(CLI::App& verb, JobArgs& args) {
    verb.add_option("--kind", args.kind, "Only those that failed so: timeout, rejected, offline …")
        ->check(failure_kind());
    verb.add_option("--wave", args.of_wave, "Only those of this wave, counted from 0")
        ->check(whole_number(0, RolloutLimits::waves_expanded_max - 1));
}

void add_watch_flags(CLI::App& verb, JobArgs& args) {
    verb.add_option("--interval", args.interval_s,
                    "Seconds between two lines on a pipe, or two looks at a hub without events [0.5]")
        ->check(number_between(0.05, 3600, "seconds"))
        ->type_name("SECONDS");
    verb.add_option("--duration,--dur", args.duration_s,
                    "Maximum number of seconds to watch; then exit code 7 [no limit]")
        ->check(whole_number(1, 30 * 24 * 3600, "seconds"))
        ->type_name("SECONDS");
}

/// What a job is, of `create` and `plan`.
void add_order_flags(CLI::App& verb, JobArgs& args) {
    auto& order = args.order;
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
    auto* const ttl =
        verb.add_option("--ttl", order.execution_time_max_s,
                        "Seconds from its start until devices that did not answer count as failed [3600]")
            ->check(whole_number(1, JobLimits::execution_time_max_s, "seconds"));
    add_rollout_flags(verb, args.rollout);
    ttl->excludes(verb.get_option("--deadline"));
}

void add_wait_flags(CLI::App& verb, JobArgs& args) {
    verb.add_flag("--wait", args.waits,
                  "Watch the job to its end, then print it; exit code 8 if devices failed");
    add_watch_flags(verb, args);
}

void add_create(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<JobArgs>();
    auto& verb = add_hub_verb(group, "create", "Schedule a direct method or a twin update over many devices",
                              args, create, exit_code);
    add_order_flags(verb, *args);
    add_wait_flags(verb, *args);

    args = std::make_shared<JobArgs>();
    auto& plan_verb = add_hub_verb(
        group, "plan",
        "Look up what a job of these flags would do: its devices, what changes, what collides; begins none",
        args, plan, exit_code);
    add_order_flags(plan_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& apply_verb = add_hub_verb(
        group, "apply", "Carry out a plan, unless its devices have changed too much", args, apply, exit_code);
    apply_verb.add_option("plan,--plan", args->plan.plan, "Id of the plan, as `job plan` printed it")
        ->required()
        ->type_name("PLAN");
    apply_verb.add_option("--job-id,--jid", args->order.id, "Id of the job, used once [a new UUID]")
        ->check(job_id());
    apply_verb.add_option("--hash", args->plan.hash, "Only if this is the plan's hash [any]");
    apply_verb.add_option(
        "--drift", args->plan.drift,
        "Share of the planned devices by which the targets may differ at the start: 2% [1%]");
    apply_verb.add_option("--start-time,--start", args->plan.start,
                          "ISO 8601 time, or +90s, +15m, +2h, +1d [now]");
    apply_verb.add_option("--note", args->plan.note, "Shown in lists, up to 256 bytes");
    add_wait_flags(apply_verb, *args);
}

/// What a job with a rollout can be told.
void add_directing(CLI::App& group, int& exit_code) {
    const auto add_why = [](CLI::App& verb, JobArgs& args) {
        verb.add_option("--why", args.why, "Kept in the job's history, up to 256 bytes");
    };
    auto args = std::make_shared<JobArgs>();
    auto& pause_verb = add_hub_verb(group, "pause", "Hold a job with a rollout: no further device begins",
                                    args, pause, exit_code);
    add_job_id_flag(pause_verb, *args);
    add_why(pause_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& resume_verb = add_hub_verb(group, "resume", "Let a paused job go on", args, resume, exit_code);
    add_job_id_flag(resume_verb, *args);
    add_why(resume_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& promote_verb = add_hub_verb(group, "promote", "Let a wave pass, so that the next one opens", args,
                                      promote, exit_code);
    add_job_id_flag(promote_verb, *args);
    promote_verb.add_option("--wave", args->wave, "Which wave, counted from 0 [the newest that is open]")
        ->check(whole_number(0, 500));
    add_why(promote_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& close_verb =
        add_hub_verb(group, "close", "Let no more devices join a continuous job, which then ends", args,
                     close_members, exit_code);
    add_job_id_flag(close_verb, *args);
    add_why(close_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& set_verb =
        add_hub_verb(group, "set", "Change the rollout of a job while it runs", args, set, exit_code);
    add_job_id_flag(set_verb, *args);
    add_rollout_change_flags(set_verb, args->rollout);
    set_verb.add_option("--revision", args->revision, "Only if the job is still at this revision [any]")
        ->check(whole_number(0, std::int64_t{1} << 53));

    args = std::make_shared<JobArgs>();
    add_job_id_flag(add_hub_verb(group, "history",
                                 "List what was done to a job with a rollout, when, and by which policy",
                                 args, history, exit_code),
                    *args);

    args = std::make_shared<JobArgs>();
    auto& what_if_verb = add_hub_verb(
        group, "what-if", "Say what would have become of a job with other waves, rules or pace, from its log",
        args, ask_what_if, exit_code);
    add_job_id_flag(what_if_verb, *args);
    add_rollout_rule_flags(what_if_verb, args->rollout);

    args = std::make_shared<JobArgs>();
    auto& verify_verb =
        add_hub_verb(group, "verify",
                     "Check that the log of a job with a rollout is as it was written; exit code 10 if not",
                     args, verify, exit_code);
    add_job_id_flag(verify_verb, *args);
    verify_verb.add_option("--seal", args->seal,
                           "A seal that you have kept, as `job show` printed it; must be in the log");

    args = std::make_shared<JobArgs>();
    args->only = "failed";
    auto& rerun_verb =
        add_hub_verb(group, "rerun", "Create a job again, for some of its devices", args, rerun, exit_code);
    add_job_id_flag(rerun_verb, *args);
    rerun_verb.add_option("--only", args->only,
                          "Devices in these states: failed, canceled, pending, succeeded [failed]");
    rerun_verb.add_option("--new-id", args->new_id, "Id of the new job [a new UUID]")->check(job_id());
    rerun_verb.add_option("-q,--query-condition", args->order.condition,
                          "Only those of them: tags.site = 'lab'");
    rerun_verb.add_option("--from-kinds", args->rollout.from_kinds,
                          "Of the failed ones, those that failed so: timeout,rejected");
    add_rollout_change_flags(rerun_verb, args->rollout);
    rerun_verb.add_flag("--wait", args->waits,
                        "Watch the new job to its end, then print it; exit code 8 if devices failed");
    add_watch_flags(rerun_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& copy_verb = add_hub_verb(group, "copy", "Create a job again, for the devices that match now", args,
                                   copy, exit_code);
    add_job_id_flag(copy_verb, *args);
    copy_verb.add_option("--new-id", args->new_id, "Id of the new job [a new UUID]")->check(job_id());
    copy_verb.add_option("-q,--query-condition", args->order.condition,
                         "Other devices: tags.site = 'lab' [those of the job's condition]");
    add_rollout_change_flags(copy_verb, args->rollout);
    copy_verb.add_flag("--wait", args->waits,
                       "Watch the new job to its end, then print it; exit code 8 if devices failed");
    add_watch_flags(copy_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& undo_verb =
        add_hub_verb(group, "undo", "Take back what a twin job with a rollout wrote", args, undo, exit_code);
    add_job_id_flag(undo_verb, *args);
    undo_verb.add_option("--new-id", args->new_id, "Id of the new job [a new UUID]")->check(job_id());
    undo_verb.add_option("-q,--query-condition", args->order.condition,
                         "Only those of its devices: tags.site = 'lab'");
    undo_verb.add_option("--from", args->rollout.from,
                         "Only those in these states in a job: JOB:failed,canceled");
    add_rollout_change_flags(undo_verb, args->rollout);
    undo_verb.add_flag("--wait", args->waits,
                       "Watch the new job to its end, then print it; exit code 8 if devices failed");
    add_watch_flags(undo_verb, *args);
}

}  // namespace

void add_job(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("job", "Jobs: a method call or a twin update over many devices");
    group.require_subcommand(1);
    add_create(group, exit_code);

    auto args = std::make_shared<JobArgs>();
    add_job_id_flag(add_hub_verb(group, "show", "Print a job", args, show, exit_code), *args);

    args = std::make_shared<JobArgs>();
    auto& list_verb = add_hub_verb(group, "list", "List the jobs, newest first", args, list, exit_code);
    list_verb.add_option("--job-type,--jt", args->type, "Only scheduleDeviceMethod or scheduleUpdateTwin")
        ->check(one_of({"scheduleDeviceMethod", "scheduleUpdateTwin"}));
    list_verb
        .add_option("--job-status,--js", args->status,
                    "Only queued, scheduled, running, completed, failed or cancelled")
        ->check(one_of({"queued", "scheduled", "running", "completed", "failed", "cancelled"}));
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = std::make_shared<JobArgs>();
    add_job_id_flag(add_hub_verb(group, "cancel", "Cancel a job that has not ended", args, cancel, exit_code),
                    *args);

    add_directing(group, exit_code);
    add_job_decisions(group, exit_code);

    args = std::make_shared<JobArgs>();
    auto& watch_verb = add_hub_verb(group, "watch", "Follow a job to its end; exit code 8 if devices failed",
                                    args, watch, exit_code);
    add_job_id_flag(watch_verb, *args);
    add_watch_flags(watch_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& devices_verb =
        add_hub_verb(group, "devices", "List what became of each device", args, devices, exit_code);
    add_job_id_flag(devices_verb, *args);
    devices_verb.add_option("--status", args->status, "Only pending, running, completed, failed or canceled")
        ->check(one_of({"pending", "running", "completed", "failed", "canceled"}));
    devices_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());
    add_kind_and_wave(devices_verb, *args);

    args = std::make_shared<JobArgs>();
    auto& failures_verb =
        add_hub_verb(group, "failures", "List why devices failed, and what those of a cause have in common",
                     args, failures, exit_code);
    add_job_id_flag(failures_verb, *args);
    add_kind_and_wave(failures_verb, *args);
}

}  // namespace carillon
