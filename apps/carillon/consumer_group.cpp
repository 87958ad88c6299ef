// carillon consumer-group: names under which programs read events. The words of `az iot hub consumer-group`.

#include "hub_flags.hpp"

#include <iostream>

namespace carillon {

namespace {

struct GroupArgs {
    HubFlags hub;
    std::string name;
    std::string endpoint;  ///< Empty for the hub's own log.
};

Result<Exit> list_groups(const GroupArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, {{"name", "name"}, {"createdTime", "createdTime"}}, 0,
                      [&](const std::string&) { return client->list_consumer_groups(args.endpoint); });
}

Result<Exit> show_group(const GroupArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto group = client->find_consumer_group(args.name, args.endpoint);
    if (!group) return fail(group.error());
    return show_document(args.hub, *group);
}

Result<Exit> create_group(const GroupArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto group = client->create_consumer_group(args.name, args.endpoint);
    if (!group) return fail(group.error());
    return show_document(args.hub, *group);
}

Result<Exit> delete_group(const GroupArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto gone = client->delete_consumer_group(args.name, args.endpoint); !gone)
        return fail(std::move(gone).error());
    std::cerr << "consumer group " << args.name << " deleted\n";
    return Exit::ok;
}

void add_group_verb(CLI::App& group, const char* name, const char* description,
                    Result<Exit> (*run)(const GroupArgs&), int& exit_code) {
    auto args = std::make_shared<GroupArgs>();
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    if (run != list_groups) {
        verb.add_option("name,--name,-n", args->name, "Name of the consumer group")
            ->required()
            ->type_name("NAME");
    }
    verb.add_option("--endpoint", args->endpoint, "Of the log of this endpoint [the hub's own log]")
        ->type_name("NAME");
    on_chosen(verb, args, run, exit_code);
}

}  // namespace

void add_consumer_group(CLI::App& app, int& exit_code) {
    auto& group =
        *app.add_subcommand("consumer-group", "Consumer groups: names under which programs read events");
    group.require_subcommand(1);
    add_group_verb(group, "create", "Create a consumer group, unless it is there", create_group, exit_code);
    add_group_verb(group, "show", "Print a consumer group", show_group, exit_code);
    add_group_verb(group, "list", "List the consumer groups", list_groups, exit_code);
    add_group_verb(group, "delete", "Delete a consumer group", delete_group, exit_code);
}

}  // namespace carillon
