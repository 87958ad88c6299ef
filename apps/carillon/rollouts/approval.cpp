// carillon approval-rule, and carillon job approve and deny: who has to agree that a job begins.

#include "base/json.hpp"
#include "base/text.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "rollouts/rollout_commands.hpp"
#include "routing/routing_hub.hpp"

#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

namespace {

constexpr std::string_view approval_rules_path = "/carillon/approval-rules";

struct ApprovalArgs {
    HubFlags hub;
    std::string name;
    std::string rule;
    std::string job;
    std::string hash;
    std::string why;
};

Result<Exit> list_rules(const ApprovalArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{
        {"name", "name"}, {"when", "when"}, {"approvals", "approvals"}, {"by", "by"}};
    return show_pages(args.hub, columns, 0,
                      [&](const std::string&) { return list_items(*client, approval_rules_path); });
}

Result<Exit> show_rule(const ApprovalArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto rule = find_item(*client, approval_rules_path, args.name);
    if (!rule) return fail(rule.error());
    return show_document(args.hub, *rule);
}

Result<Exit> put_rule(const ApprovalArgs& args) {
    const auto rule = read_json_argument("--rule", args.rule);
    if (!rule) return fail(rule.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = put_item(*client, approval_rules_path, args.name, *rule);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> delete_rule(const ApprovalArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto gone = delete_item(*client, approval_rules_path, args.name); !gone)
        return fail(std::move(gone).error());
    std::cerr << "approval rule " << args.name << " deleted\n";
    return Exit::ok;
}

/// What the job waits to have approved. Fails with `config_invalid` where it waits for nothing.
Result<std::string> asked_hash(ServiceClient& client, const std::string& job) {
    const auto progress = client.job_progress(job);
    if (!progress) return fail(progress.error());
    const auto document = JsonDocument::parse(*progress);
    const std::string_view hash = document ? document->root().find("approval").find("hash").string() : "";
    if (hash.empty()) return fail(Errc::config_invalid, "job " + job + " does not wait for an approval");
    return std::string(hash);
}

Result<Exit> decide_on_job(const ApprovalArgs& args, std::string_view verb) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string hash = args.hash;
    if (hash.empty()) {
        auto asked = asked_hash(*client, args.job);
        if (!asked) return fail(std::move(asked).error());
        hash = *std::move(asked);
    }
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("hash", hash);
    if (!args.why.empty()) json.member("why", args.why);
    json.end_object();
    const std::string target = "/carillon/jobs/" + percent_encode(args.job) + '/' + std::string(verb);
    const auto job = client->send({.method = "POST", .target = target, .body = body});
    if (!job) return fail(job.error());
    return show_document(args.hub, *job);
}

Result<Exit> approve_a_job(const ApprovalArgs& args) {
    return decide_on_job(args, "approve");
}

Result<Exit> deny_a_job(const ApprovalArgs& args) {
    return decide_on_job(args, "deny");
}

void add_rule_name(CLI::App& verb, ApprovalArgs& args) {
    verb.add_option("rule-name,--name,-n", args.name, "Name of the rule")->required()->type_name("NAME");
}

}  // namespace

void add_approval_rule(CLI::App& app, int& exit_code) {
    auto& group =
        *app.add_subcommand("approval-rule", "Rules for which jobs need an approval before they begin");
    group.require_subcommand(1);

    auto args = std::make_shared<ApprovalArgs>();
    add_hub_verb(group, "list", "List the rules", args, list_rules, exit_code);

    args = std::make_shared<ApprovalArgs>();
    add_rule_name(add_hub_verb(group, "show", "Print a rule", args, show_rule, exit_code), *args);

    args = std::make_shared<ApprovalArgs>();
    auto& put_verb = add_hub_verb(group, "put", "Make a rule, or replace it", args, put_rule, exit_code);
    add_rule_name(put_verb, *args);
    put_verb
        .add_option(
            "--rule", args->rule,
            "{\"when\":{\"devicesAbove\":1000},\"approvals\":1,\"by\":[\"release\"]} as JSON, @FILE or -")
        ->required();

    args = std::make_shared<ApprovalArgs>();
    add_rule_name(add_hub_verb(group, "delete", "Remove a rule", args, delete_rule, exit_code), *args);
}

void add_job_decisions(CLI::App& job_group, int& exit_code) {
    const auto add = [&](const char* name, const char* description,
                         Result<Exit> (*run)(const ApprovalArgs&)) {
        auto args = std::make_shared<ApprovalArgs>();
        auto& verb = add_hub_verb(job_group, name, description, args, run, exit_code);
        verb.add_option("job,--job-id,--jid", args->job, "Id of the job")
            ->required()
            ->check(job_id())
            ->type_name("JOB");
        verb.add_option("--hash", args->hash,
                        "Hash of the job that you decide on, as `job show` printed it [the current one]");
        verb.add_option("--why", args->why, "Kept in the job's history, up to 256 bytes");
    };
    add("approve", "Approve a job that waits for it; needs the right JobApprove", approve_a_job);
    add("deny", "Refuse a job that waits for an approval, which cancels it", deny_a_job);
}

}  // namespace carillon
