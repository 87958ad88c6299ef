// carillon template: templates of jobs, which are made by hand or on a schedule.

#include "base/json.hpp"
#include "base/json_merge.hpp"
#include "base/text.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "rollouts/rollout_commands.hpp"
#include "routing/routing_hub.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace carillon {

namespace {

constexpr std::string_view templates_path = "/carillon/templates";

struct TemplateArgs {
    HubFlags hub;
    std::string name;
    std::string document;
    std::string cron;
    std::string zone;
    std::string overlap;
    std::string within;
    std::string job;
    std::vector<std::string> values;  ///< `name=value`
};

Result<Exit> list_job_templates(const TemplateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{
        {"name", "name"}, {"repeat", "repeat"}, {"next", "next"}, {"created by", "createdBy"}};
    return show_pages(args.hub, columns, 0,
                      [&](const std::string&) { return list_items(*client, templates_path); });
}

Result<Exit> show_job_template(const TemplateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto found = find_item(*client, templates_path, args.name);
    if (!found) return fail(found.error());
    return show_document(args.hub, *found);
}

/// The document, with what the flags say of its repetition.
Result<std::string> template_document(const TemplateArgs& args) {
    auto given = read_json_argument("--template", args.document);
    if (!given) return given;
    std::string repeat;
    JsonWriter json(repeat);
    json.begin_object().key("repeat").begin_object();
    if (!args.cron.empty()) json.member("cron", args.cron);
    if (!args.zone.empty()) json.member("zone", args.zone);
    if (!args.overlap.empty()) json.member("overlap", args.overlap);
    if (!args.within.empty()) json.member("within", args.within);
    json.end_object().end_object();
    if (args.cron.empty() && args.zone.empty() && args.overlap.empty() && args.within.empty()) return given;
    const auto below = JsonDocument::parse(*given);
    const auto above = JsonDocument::parse(repeat);
    if (!below || !below->root().is_object())
        return fail(Errc::config_invalid, R"(--template must be an object such as {"job":{…}})");
    return merged_json(below->root(), above->root());
}

Result<Exit> put_job_template(const TemplateArgs& args) {
    const auto document = template_document(args);
    if (!document) return fail(document.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = put_item(*client, templates_path, args.name, *document);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> delete_job_template(const TemplateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto gone = delete_item(*client, templates_path, args.name); !gone)
        return fail(std::move(gone).error());
    std::cerr << "template " << args.name << " deleted; its jobs go on\n";
    return Exit::ok;
}

/// The values of `-p`; texts need no quotes, as the template says which parameters are texts.
Result<std::string> parameters_json(ServiceClient& client, const TemplateArgs& args) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    if (!args.values.empty()) {
        const auto found = find_item(client, templates_path, args.name);
        if (!found) return fail(found.error());
        const auto document = JsonDocument::parse(*found);
        const JsonValue known = document ? document->root().find("parameters") : JsonValue();
        for (const std::string& value : args.values) {
            const auto equals = value.find('=');
            if (equals == value.npos)
                return fail(Errc::config_invalid, "-p takes name=value, not '" + value + "'");
            const auto name = value.substr(0, equals);
            const auto given = value.substr(equals + 1);
            const JsonValue parameter = known.is_object() ? known.find(name) : JsonValue();
            const bool is_text = parameter.is_object() && parameter.find("type").string() == "text";
            // What reads as JSON is JSON; the hub says what is wrong with anything else.
            if (!is_text && JsonDocument::parse(given)) {
                json.member_raw(name, given);
            } else {
                json.member(name, given);
            }
        }
    }
    json.end_object();
    return text;
}

Result<Exit> run_job_template(const TemplateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto parameters = parameters_json(*client, args);
    if (!parameters) return fail(parameters.error());
    const auto jobs = client->run_template(args.name, args.job, *parameters);
    if (!jobs) return fail(jobs.error());
    return show_document(args.hub, *jobs);
}

void add_template_name(CLI::App& verb, TemplateArgs& args) {
    verb.add_option("template-name,--name,-n", args.name, "Name of the template")
        ->required()
        ->type_name("NAME");
}

}  // namespace

void add_template(CLI::App& app, int& exit_code) {
    auto& group =
        *app.add_subcommand("template", "Templates of jobs, which are made by hand or on a schedule");
    group.require_subcommand(1);

    auto args = std::make_shared<TemplateArgs>();
    add_hub_verb(group, "list", "List the templates", args, list_job_templates, exit_code);

    args = std::make_shared<TemplateArgs>();
    add_template_name(add_hub_verb(group, "show", "Print a template and the newest runs that it made", args,
                                   show_job_template, exit_code),
                      *args);

    args = std::make_shared<TemplateArgs>();
    auto& put_verb =
        add_hub_verb(group, "put", "Make a template, or replace it", args, put_job_template, exit_code);
    add_template_name(put_verb, *args);
    put_verb
        .add_option(
            "--template", args->document,
            "{\"job\":{…},\"parameters\":{…}} as JSON, @FILE or -; the flags below are put on top of it")
        ->required();
    put_verb.add_option("--cron", args->cron,
                        "Make a job at these times: \"30 2 * * mon-fri\" (minute, hour, day of month, month, "
                        "day of week)");
    put_verb.add_option("--zone", args->zone, "The time zone of --cron: Europe/Berlin [Etc/UTC]");
    put_verb
        .add_option("--overlap", args->overlap,
                    "If the job before has not ended: skip, queue or cancel it [skip]")
        ->check(one_of({"skip", "queue", "cancel"}));
    put_verb.add_option("--within", args->within,
                        "A job that is later than this, as the hub was down, is not made: 1h [10m]");

    args = std::make_shared<TemplateArgs>();
    auto& run_verb =
        add_hub_verb(group, "run", "Make the jobs of a template", args, run_job_template, exit_code);
    add_template_name(run_verb, *args);
    run_verb.add_option("--job-id,--jid", args->job, "Id of the job, or the head of the ids of several")
        ->required()
        ->check(job_id())
        ->type_name("JOB");
    run_verb.add_option("--parameter,-p", args->values, "A value: name=value; repeatable")
        ->type_name("NAME=VALUE");

    args = std::make_shared<TemplateArgs>();
    add_template_name(
        add_hub_verb(group, "delete", "Remove a template", args, delete_job_template, exit_code), *args);
}

}  // namespace carillon
