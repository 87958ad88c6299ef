// carillon module: module identities, their twins and methods.

#include "device_request.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "identity_flags.hpp"
#include "talk.hpp"

#include <iostream>

namespace carillon {

namespace {

struct ModuleArgs {
    HubFlags hub;
    DeviceOrder order;
    std::string etag;
    std::size_t top = 0;
    bool prints_connection_string = false;
    bool yes = false;
};

/// `order` names a module, not a device.
Result<IdentityKey> module_argument(const DeviceOrder& order) {
    return target_argument(order.id, order.module);
}

Result<Exit> create(const ModuleArgs& args) {
    const auto module = module_argument(args.order);
    if (!module) return fail(module.error());
    const auto body = new_device_json(args.order);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = client->create_module(*module, *body);
    if (!made) return fail(made.error());
    return show_identity(args.hub, args.prints_connection_string, *client, *made);
}

Result<Exit> show(const ModuleArgs& args) {
    const auto module = module_argument(args.order);
    if (!module) return fail(module.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto found = client->find_module(*module);
    if (!found) return fail(found.error());
    return show_identity(args.hub, args.prints_connection_string, *client, *found);
}

Result<Exit> list(const ModuleArgs& args) {
    const auto device = device_argument(args.order.id);
    if (!device) return fail(device.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto modules = client->list_modules(*device);
    if (!modules) return fail(modules.error());
    auto items = json_array_items(*modules);
    if (!items) return fail(Errc::malformed_packet, "the hub's answer is not a JSON array");
    std::vector<Column> columns;
    for (const char* name : {"deviceId", "moduleId", "connectionState", "lastActivityTime", "managedBy"}) {
        columns.push_back({name, name});
    }
    RowsOut rows(args.hub, std::move(columns));
    rows.print(*std::move(items), args.top);
    rows.finish();
    return Exit::ok;
}

Result<Exit> update(const ModuleArgs& args) {
    const auto module = module_argument(args.order);
    if (!module) return fail(module.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto current = client->find_module(*module);
    if (!current) return fail(current.error());
    const auto body = changed_device_json(args.order, *current);
    if (!body) return fail(body.error());
    const auto made = client->update_module(*module, *body, etag_to_replace(args.etag, *current));
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> remove(const ModuleArgs& args) {
    const auto module = module_argument(args.order);
    if (!module) return fail(module.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows &&
        !is_confirmed("Delete module " + module->path() + " with its twin?")) {
        return Exit::failed;
    }
    const auto gone = client->delete_module(*module, args.etag.empty() ? "*" : args.etag);
    if (!gone) return fail(gone.error());
    std::cerr << "module " << module->path() << " deleted\n";
    return Exit::ok;
}

enum class Names { device, module };

CLI::App& add_verb(CLI::App& group, const char* name, const char* description, Names names,
                   const std::shared_ptr<ModuleArgs>& args, Result<Exit> (*run)(const ModuleArgs&),
                   int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    add_device_flag(verb, args->order.id);
    if (names == Names::module) add_module_flag(verb, args->order.module, Needed::yes);
    on_chosen(verb, args, run, exit_code);
    return verb;
}

}  // namespace

void add_module(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("module", "Modules of devices: identities, twins, methods");
    group.require_subcommand(1);

    auto args = std::make_shared<ModuleArgs>();
    auto& create_verb =
        add_verb(group, "create", "Create a module of a device", Names::module, args, create, exit_code);
    add_credential_flags(create_verb, args->order);
    add_connection_string_flag(create_verb, args->prints_connection_string);

    args = std::make_shared<ModuleArgs>();
    auto& show_verb =
        add_verb(group, "show", "Print a module, with its keys", Names::module, args, show, exit_code);
    add_connection_string_flag(show_verb, args->prints_connection_string);

    args = std::make_shared<ModuleArgs>();
    auto& list_verb =
        add_verb(group, "list", "List the modules of a device", Names::device, args, list, exit_code);
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = std::make_shared<ModuleArgs>();
    auto& update_verb =
        add_verb(group, "update", "Change how a module proves itself; what is not named stays", Names::module,
                 args, update, exit_code);
    add_credential_flags(update_verb, args->order);
    update_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [the one just read]");

    args = std::make_shared<ModuleArgs>();
    auto& delete_verb =
        add_verb(group, "delete", "Delete a module with its twin", Names::module, args, remove, exit_code);
    delete_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [any]");
    add_yes_flag(delete_verb, args->yes);

    add_twin_group(group, "Twin of a module", Needed::yes, exit_code);
    add_method_group(group, "Direct methods of a module", Needed::yes, exit_code);
}

}  // namespace carillon
