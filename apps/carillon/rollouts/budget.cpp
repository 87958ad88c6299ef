// carillon budget: how many devices all jobs of the hub may have at risk together.

#include "base/json.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "rollouts/rollout_commands.hpp"
#include "routing/routing_hub.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace carillon {

namespace {

constexpr std::string_view budgets_path = "/carillon/budgets";

struct BudgetArgs {
    HubFlags hub;
    std::string name;
    std::string max;
    std::string devices;
    std::string per;
    std::string soak;
    std::string jobs = "all";
};

Result<Exit> list_job_budgets(const BudgetArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"name", "name"}, {"max", "max"},   {"per", "per"},
                                      {"jobs", "jobs"}, {"soak", "soak"}, {"at risk", "atRisk"}};
    return show_pages(args.hub, columns, 0,
                      [&](const std::string&) { return list_items(*client, budgets_path); });
}

Result<Exit> show_job_budget(const BudgetArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto budget = find_item(*client, budgets_path, args.name);
    if (!budget) return fail(budget.error());
    return show_document(args.hub, *budget);
}

Result<Exit> put_job_budget(const BudgetArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    constexpr std::size_t digits_max = 8;
    const bool is_number = !args.max.empty() && args.max.size() <= digits_max &&
                           args.max.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) {
        json.member("max", std::int64_t{std::stoi(args.max)});
    } else {
        json.member("max", args.max);  // The hub says what it takes.
    }
    if (!args.devices.empty()) json.member("devices", args.devices);
    if (!args.per.empty()) json.member("per", args.per);
    if (!args.soak.empty()) json.member("soak", args.soak);
    json.member("jobs", args.jobs).end_object();
    const auto made = put_item(*client, budgets_path, args.name, body);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> delete_job_budget(const BudgetArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto gone = delete_item(*client, budgets_path, args.name); !gone)
        return fail(std::move(gone).error());
    std::cerr << "budget " << args.name << " deleted\n";
    return Exit::ok;
}

void add_budget_name(CLI::App& verb, BudgetArgs& args) {
    verb.add_option("budget-name,--name,-n", args.name, "Name of the budget")->required()->type_name("NAME");
}

}  // namespace

void add_budget(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand(
        "budget", "Limit how many devices all jobs have at risk: sites, change freeze, emergency stop");
    group.require_subcommand(1);

    auto args = std::make_shared<BudgetArgs>();
    add_hub_verb(group, "list", "List the budgets", args, list_job_budgets, exit_code);

    args = std::make_shared<BudgetArgs>();
    add_budget_name(add_hub_verb(group, "show", "Print a budget", args, show_job_budget, exit_code), *args);

    args = std::make_shared<BudgetArgs>();
    auto& put_verb =
        add_hub_verb(group, "put", "Make a budget, or change one; with 0 nothing begins until it is deleted",
                     args, put_job_budget, exit_code);
    add_budget_name(put_verb, *args);
    put_verb
        .add_option(
            "--max", args->max,
            "Maximum number of devices at risk over all jobs, or a share such as 2%; 0: nothing begins")
        ->required()
        ->type_name("MAX");
    put_verb.add_option("--devices", args->devices, "Of which devices, a condition [all]")->type_name("COND");
    put_verb
        .add_option("--per", args->per, "A path such as tags.site: the number holds for each value of it")
        ->type_name("PATH");
    put_verb.add_option("--soak", args->soak, "How long a device counts after it has succeeded [0s]")
        ->type_name("DURATION");
    put_verb.add_option("--jobs", args->jobs, "Of which jobs: all, methods or twins [all]")
        ->check(one_of({"all", "methods", "twins"}));

    args = std::make_shared<BudgetArgs>();
    add_budget_name(
        add_hub_verb(group, "delete", "Remove a budget; jobs go on", args, delete_job_budget, exit_code),
        *args);
}

}  // namespace carillon
