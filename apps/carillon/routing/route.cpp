// carillon route: which messages of devices go to which endpoints. The words of `az iot hub message-route`.

#include "base/json.hpp"
#include "base/text.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "routing/routing_commands.hpp"
#include "routing/routing_hub.hpp"
#include "routing/routing_request.hpp"
#include "talk.hpp"

#include <algorithm>
#include <iostream>

namespace carillon {

namespace {

struct RouteArgs {
    HubFlags hub;
    std::string name;
    std::string file;
    RouteOrder order;
    RouteTrial trial;
    bool prunes = false;
};

std::vector<Column> route_columns() {
    return {{"name", "name"},
            {"source", "source"},
            {"isEnabled", "isEnabled"},
            {"endpointNames", "endpointNames"},
            {"condition", "condition"}};
}

Result<Exit> list_routes(const RouteArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, route_columns(), 0,
                      [&](const std::string&) { return list_items(*client, routes_path); });
}

Result<Exit> show_route(const RouteArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto route = find_item(*client, routes_path, args.name);
    if (!route) return fail(route.error());
    return show_document(args.hub, *route);
}

Result<Exit> create_route(const RouteArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = put_item(*client, routes_path, args.name, route_json(args.order));
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> delete_route(const RouteArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto gone = delete_item(*client, routes_path, args.name); !gone) return fail(std::move(gone).error());
    std::cerr << "route " << args.name << " deleted\n";
    return Exit::ok;
}

/// The exit code is 0 also where no route takes the message.
Result<Exit> test_route(const RouteArgs& args) {
    const auto body = trial_json(args.trial);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto answer = client->send({.method = "POST", .target = "/carillon/routes/test", .body = *body});
    if (!answer) return fail(answer.error());
    const Format format = args.hub.format;
    if (format == Format::automatic || format == Format::json) return show_document(args.hub, *answer);
    const auto document = JsonDocument::parse(*answer);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    auto taking = json_array_items(document->root().find("routes").raw());
    if (!taking) return fail(Errc::malformed_packet, "the hub's answer names no routes");
    RowsOut rows(args.hub, route_columns());
    rows.print(*std::move(taking), 0);
    rows.finish();
    return Exit::ok;
}

void tell(std::string_view collection, const std::string& name, std::string_view what) {
    std::cerr << (collection == routes_path ? "route " : "endpoint ") << name << ' ' << what << '\n';
}

/// Deletes what the file does not name. With `--dry-run` each deletion is shown, as in `save`.
Result<> prune(ServiceClient& client, std::string_view collection,
               const std::vector<RoutingFile::Item>& kept) {
    const auto page = list_items(client, collection);
    if (!page) return fail(page.error());
    for (const std::string& item : page->items) {
        const auto document = JsonDocument::parse(item);
        if (!document) return fail(document.error());
        const std::string name(document->root().find("name").string());
        const auto is_it = [&](const RoutingFile::Item& one) { return equals_ignoring_case(one.name, name); };
        if (std::any_of(kept.begin(), kept.end(), is_it)) continue;
        if (auto gone = delete_item(client, collection, name); gone) {
            tell(collection, name, "deleted");
        } else if (!has_held_back()) {
            return fail(gone.error().code, name + ": " + gone.error().detail);
        }
    }
    return {};
}

Result<> save(ServiceClient& client, std::string_view collection,
              const std::vector<RoutingFile::Item>& items) {
    for (const RoutingFile::Item& item : items) {
        if (const auto put = put_item(client, collection, item.name, item.json); put) {
            tell(collection, item.name, "saved");
        } else if (!has_held_back()) {
            return fail(put.error().code, item.name + ": " + put.error().detail);
        }
    }
    return {};
}

/// Endpoints are saved before the routes that lead to them, and deleted after them.
Result<Exit> apply(const RouteArgs& args) {
    const auto text = read_json_argument("FILE", args.file == "-" ? args.file : "@" + args.file);
    if (!text) return fail(text.error());
    const auto file = read_routing_file(*text);
    if (!file) return fail(file.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto saved = save(*client, endpoints_path, file->endpoints); !saved)
        return fail(std::move(saved).error());
    if (auto saved = save(*client, routes_path, file->routes); !saved) return fail(std::move(saved).error());
    if (!args.prunes) return Exit::ok;
    if (auto pruned = prune(*client, routes_path, file->routes); !pruned)
        return fail(std::move(pruned).error());
    if (auto pruned = prune(*client, endpoints_path, file->endpoints); !pruned) {
        return fail(std::move(pruned).error());
    }
    return Exit::ok;
}

CLI::App& add_route_verb(CLI::App& group, const char* name, const char* description,
                         const std::shared_ptr<RouteArgs>& args, Result<Exit> (*run)(const RouteArgs&),
                         int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    if (run == show_route || run == create_route || run == delete_route) {
        verb.add_option("name,--route-name,--rn", args->name, "Name of the route")
            ->required()
            ->type_name("NAME");
    }
    on_chosen(verb, args, run, exit_code);
    return verb;
}

void add_source_flag(CLI::App& verb, std::string& source, const char* help) {
    verb.add_option("--source-type,--source,-s", source, help)
        ->type_name("SOURCE")
        ->check(one_of({"DeviceMessages", "TwinChangeEvents", "DeviceLifecycleEvents",
                        "DeviceConnectionStateEvents", "DeviceJobLifecycleEvents"}));
}

}  // namespace

void add_route(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("route", "Routes: which messages go to which endpoints");
    group.require_subcommand(1);

    auto args = std::make_shared<RouteArgs>();
    auto& create_verb = add_route_verb(group, "create", "Create a route, or put another in its place", args,
                                       create_route, exit_code);
    add_source_flag(create_verb, args->order.source,
                    "DeviceMessages, TwinChangeEvents, DeviceLifecycleEvents, DeviceConnectionStateEvents or "
                    "DeviceJobLifecycleEvents [DeviceMessages]");
    create_verb
        .add_option("--condition,-c", args->order.condition, "Condition on the messages to send [true]")
        ->type_name("TEXT");
    create_verb
        .add_option("--endpoint-name,--en", args->order.endpoints,
                    "Endpoint to send to, or events for the built-in one alone; repeatable")
        ->required()
        ->type_name("NAME");
    auto* disabled = create_verb.add_flag("--disabled", args->order.is_disabled,
                                          "Save the route disabled: it sends nothing");
    create_verb
        .add_option_function<std::string>(
            "--enabled", [args](const std::string& word) { args->order.is_disabled = word == "false"; },
            "true or false; false is --disabled [true]")
        ->check(one_of({"true", "false"}))
        ->type_name("BOOL")
        ->excludes(disabled);

    add_route_verb(group, "list", "List the routes", std::make_shared<RouteArgs>(), list_routes, exit_code);
    add_route_verb(group, "show", "Print a route", std::make_shared<RouteArgs>(), show_route, exit_code);
    add_route_verb(group, "delete", "Delete a route", std::make_shared<RouteArgs>(), delete_route, exit_code);

    args = std::make_shared<RouteArgs>();
    auto& test_verb = add_route_verb(group, "test", "Print the routes that would take a message", args,
                                     test_route, exit_code);
    test_verb.add_option("--body,-b", args->trial.body, "Body of the message [{}]")->type_name("TEXT");
    test_verb.add_option("--ap", args->trial.properties, "NAME=VALUE, an application property; repeatable")
        ->type_name("NAME=VALUE");
    test_verb
        .add_option("--device-id,-d", args->trial.device, "Device that sends it, whose twin conditions read")
        ->type_name("DEVICE");
    add_source_flag(test_verb, args->trial.source,
                    "What is tested: DeviceMessages, TwinChangeEvents, DeviceLifecycleEvents, "
                    "DeviceConnectionStateEvents or DeviceJobLifecycleEvents [DeviceMessages]");
    test_verb
        .add_option("--condition,-c", args->trial.condition, "Condition to test instead of the hub's routes")
        ->type_name("TEXT");

    args = std::make_shared<RouteArgs>();
    auto& apply_verb =
        add_route_verb(group, "apply", "Save the endpoints and routes of a file", args, apply, exit_code);
    apply_verb
        .add_option("file", args->file, "JSON with the lists endpoints and routes; - for standard input")
        ->required()
        ->type_name("FILE");
    apply_verb.add_flag("--prune", args->prunes,
                        "Delete the endpoints and routes that the file does not name");
}

}  // namespace carillon
