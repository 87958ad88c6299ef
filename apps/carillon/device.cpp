// carillon device: device identities.

#include "device_request.hpp"
#include "device_revoke.hpp"
#include "device_simulate.hpp"
#include "device_transfer.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "identity_flags.hpp"
#include "messages/device_sending.hpp"
#include "operate/operator_commands.hpp"
#include "talk.hpp"

#include <CLI/Validators.hpp>

namespace carillon {

namespace {

struct DeviceArgs {
    HubFlags hub;
    DeviceOrder order;
    std::string etag;
    std::string condition;
    std::size_t top = 0;
    bool prints_connection_string = false;
    bool yes = false;
};

Result<Exit> create(const DeviceArgs& args) {
    const auto id = device_argument(args.order.id);
    if (!id) return fail(id.error());
    const auto body = new_device_json(args.order);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = client->create_device(*id, *body);
    if (!made) return fail(made.error());
    return show_identity(args.hub, args.prints_connection_string, *client, *made);
}

Result<Exit> show(const DeviceArgs& args) {
    const auto id = device_argument(args.order.id);
    if (!id) return fail(id.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto found = client->find_device(*id);
    if (!found) return fail(found.error());
    return show_identity(args.hub, args.prints_connection_string, *client, *found);
}

Result<Exit> list(const DeviceArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string statement = "SELECT * FROM devices";
    if (!args.condition.empty()) statement += " WHERE " + args.condition;
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->query(statement, 0, continuation);
    });
}

Result<Exit> update(const DeviceArgs& args) {
    const auto id = device_argument(args.order.id);
    if (!id) return fail(id.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto current = client->find_device(*id);
    if (!current) return fail(current.error());
    const auto body = changed_device_json(args.order, *current);
    if (!body) return fail(body.error());
    const auto made = client->update_device(*id, *body, etag_to_replace(args.etag, *current));
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> remove(const DeviceArgs& args) {
    const auto id = device_argument(args.order.id);
    if (!id) return fail(id.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows &&
        !is_confirmed("Delete device " + args.order.id + " with its modules and twins?"))
        return Exit::failed;
    if (auto gone = client->delete_device(*id, args.etag.empty() ? "*" : args.etag); !gone) {
        return fail(std::move(gone).error());
    }
    std::cerr << "device " << args.order.id << " deleted\n";
    return Exit::ok;
}

void add_status_flags(CLI::App& verb, DeviceOrder& order) {
    verb.add_option("--status,--sta", order.status, "enabled or disabled")
        ->check(CLI::IsMember({"enabled", "disabled"}));
    verb.add_option("--status-reason,--star", order.status_reason, "Why it is disabled");
}

}  // namespace

void add_device(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("device", "Device identities of a hub");
    group.require_subcommand(1);

    auto args = std::make_shared<DeviceArgs>();
    auto& create_verb = add_hub_verb(group, "create", "Create a device", args, create, exit_code);
    add_device_flag(create_verb, args->order.id);
    add_credential_flags(create_verb, args->order);
    add_status_flags(create_verb, args->order);
    add_connection_string_flag(create_verb, args->prints_connection_string);

    args = std::make_shared<DeviceArgs>();
    auto& show_verb = add_hub_verb(group, "show", "Print a device, with its keys", args, show, exit_code);
    add_device_flag(show_verb, args->order.id);
    add_connection_string_flag(show_verb, args->prints_connection_string);

    args = std::make_shared<DeviceArgs>();
    auto& list_verb = add_hub_verb(group, "list", "List the devices, as twins", args, list, exit_code);
    list_verb.add_option("-q,--query-condition", args->condition, "Only those, such as tags.building = '43'");
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = std::make_shared<DeviceArgs>();
    auto& update_verb =
        add_hub_verb(group, "update", "Change a device; what is not named stays", args, update, exit_code);
    add_device_flag(update_verb, args->order.id);
    add_credential_flags(update_verb, args->order);
    add_status_flags(update_verb, args->order);
    update_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [the one just read]");

    args = std::make_shared<DeviceArgs>();
    auto& delete_verb =
        add_hub_verb(group, "delete", "Delete a device with its twin", args, remove, exit_code);
    add_device_flag(delete_verb, args->order.id);
    delete_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [any]");
    add_yes_flag(delete_verb, args->yes);

    add_device_revoke(group, exit_code);
    add_device_import(group, exit_code);
    add_device_export(group, exit_code);
    add_device_simulate(group, exit_code);
    add_device_sending(group, exit_code);
    add_device_connections(group, exit_code);
}

}  // namespace carillon
