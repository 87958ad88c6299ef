// carillon query: the query language over twins and device jobs.

#include "flag_checks.hpp"
#include "hub_flags.hpp"

namespace carillon {

namespace {

struct QueryArgs {
    HubFlags hub;
    std::string statement;
    std::size_t top = 0;
    std::size_t page_size = 0;
};

Result<Exit> run_query(const QueryArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->query(args.statement, args.page_size, continuation);
    });
}

}  // namespace

void add_query(CLI::App& app, int& exit_code) {
    auto args = std::make_shared<QueryArgs>();
    auto& verb = *app.add_subcommand(
        "query", "Run a query, such as \"SELECT * FROM devices WHERE tags.building = '43'\"");
    verb.add_option("statement,-q,--query-command", args->statement, "The statement")
        ->required()
        ->type_name("SQL");
    verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());
    verb.add_option("--page-size", args->page_size, "Rows per request, as many as the hub allows")
        ->check(at_least_one());
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, run_query, exit_code);
}

}  // namespace carillon
