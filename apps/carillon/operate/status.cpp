// carillon settings, device connections: what a running hub tells of itself and of its devices' connections.

#include "base/json.hpp"
#include "base/text.hpp"
#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"

namespace carillon {
namespace {

struct StatusArgs {
    HubFlags hub;
    std::string device;
    std::string module;
};

/// Prints the rows of the member `name` of what the hub answers.
Result<Exit> show_rows(const HubFlags& flags, const std::string& target, std::string_view name,
                       std::vector<Column> columns) {
    auto client = open_hub(flags);
    if (!client) return fail(std::move(client).error());
    return show_pages(flags, std::move(columns), 0, [&](const std::string&) -> Result<ServicePage> {
        const auto text = client->send({.method = "GET", .target = target, .body = {}});
        if (!text) return fail(text.error());
        const auto document = JsonDocument::parse(*text);
        if (!document) return fail(document.error());
        ServicePage page;
        const JsonValue rows = document->root().find(name);
        for (JsonValue row = rows.first(); row.exists(); row = row.next()) page.items.emplace_back(row.raw());
        return page;
    });
}

Result<Exit> show_settings(const StatusArgs& args) {
    return show_rows(args.hub, "/carillon/settings", "settings",
                     {{"key", "key"}, {"value", "value"}, {"source", "source"}, {"place", "place", 1}});
}

Result<Exit> list_connections(const StatusArgs& args) {
    const auto key = target_argument(args.device, args.module);
    if (!key) return fail(key.error());
    std::string target = "/carillon/devices/" + percent_encode(key->device.str()) + "/connections";
    if (key->is_module()) target += "?moduleId=" + percent_encode(key->module);
    return show_rows(args.hub, target, "events",
                     {{"time", "time"},
                      {"event", "event"},
                      {"protocol", "protocol", 1},
                      {"peer", "peer"},
                      {"reason", "reason"}});
}

}  // namespace

void add_settings(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("settings", "The settings of a running hub");
    group.require_subcommand(1);
    auto args = std::make_shared<StatusArgs>();
    auto& verb = *group.add_subcommand("show", "Print the settings in force, and where each comes from");
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, show_settings, exit_code);
}

void add_device_connections(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<StatusArgs>();
    auto& verb = *group.add_subcommand(
        "connections", "List the last connections of a device, their ends, and logins that were refused");
    add_hub_flags(verb, args->hub);
    add_device_flag(verb, args->device);
    add_module_flag(verb, args->module, Needed::no);
    on_chosen(verb, args, list_connections, exit_code);
}

}  // namespace carillon
