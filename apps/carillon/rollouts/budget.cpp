// carillon budget: how many devices all jobs of the hub may have at work together; in this version none.

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
    std::int64_t max = 0;
    std::string jobs = "all";
};

Result<Exit> list_job_budgets(const BudgetArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"name", "name"}, {"max", "max"}, {"jobs", "jobs"}};
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
    JsonWriter(body).begin_object().member("max", args.max).member("jobs", args.jobs).end_object();
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

CLI::App& add_budget_verb(CLI::App& group, const char* name, const char* description,
                          const std::shared_ptr<BudgetArgs>& args, Result<Exit> (*run)(const BudgetArgs&),
                          int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, run, exit_code);
    return verb;
}

void add_budget_name(CLI::App& verb, BudgetArgs& args) {
    verb.add_option("budget-name,--name,-n", args.name, "Name of the budget")->required()->type_name("NAME");
}

}  // namespace

void add_budget(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("budget", "Hold all jobs of the hub: emergency stop and change freeze");
    group.require_subcommand(1);

    auto args = std::make_shared<BudgetArgs>();
    add_budget_verb(group, "list", "List the budgets", args, list_job_budgets, exit_code);

    args = std::make_shared<BudgetArgs>();
    add_budget_name(add_budget_verb(group, "show", "Print a budget", args, show_job_budget, exit_code),
                    *args);

    args = std::make_shared<BudgetArgs>();
    auto& put_verb =
        add_budget_verb(group, "put", "Make a budget; with 0 no device of any job begins until it is deleted",
                        args, put_job_budget, exit_code);
    add_budget_name(put_verb, *args);
    put_verb.add_option("--max", args->max, "Devices of all jobs at work together; only 0 in this version")
        ->required()
        ->check(whole_number(0, 0, ""));
    put_verb.add_option("--jobs", args->jobs, "Of which jobs: all, methods or twins [all]")
        ->check(one_of({"all", "methods", "twins"}));

    args = std::make_shared<BudgetArgs>();
    add_budget_name(
        add_budget_verb(group, "delete", "Remove a budget; jobs go on", args, delete_job_budget, exit_code),
        *args);
}

}  // namespace carillon
