// carillon context: hubs by name.

#include "base/json.hpp"
#include "contexts.hpp"
#include "hub_flags.hpp"
#include "server/hub_file.hpp"
#include "wire/sas/connection_string.hpp"

#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace carillon {

namespace {

struct ContextArgs {
    HubFlags hub;  ///< Of it, `show` and `list` have the format only.
    std::string name;
    std::string data_dir;
    std::string policy = "iothubowner";
};

/// From the data of a hub on this machine.
Result<Context> context_of_data(const ContextArgs& args) {
    const auto hub = read_hub_file(args.data_dir);
    if (!hub) return fail(hub.error());
    const HubFile::Policy* const policy = hub->find_policy(args.policy);
    if (policy == nullptr) return fail_usage("the hub has no policy called " + args.policy);
    sas::ConnectionString login;
    login.host_name = hub->host_name;
    login.key_name = policy->name;
    login.key = policy->primary_key;
    Context context;
    context.login = sas::to_text(login);
    context.ca_file = hub->ca_file;
    context.address = hub->address;
    context.port = hub->https_port;
    return context;
}

Result<Context> context_of_flags(const ContextArgs& args) {
    Context context;
    context.login = args.hub.login;
    const char* const login = std::getenv("CARILLON_LOGIN");
    if (context.login.empty() && login != nullptr) context.login = login;
    if (context.login.empty()) {
        return fail_usage(
            "give the hub's connection string as --login or in CARILLON_LOGIN, or the "
            "--data-dir of a hub on this machine");
    }
    const auto parts = sas::parse_connection_string(context.login);
    if (!parts || parts->key_name.empty() || parts->key.empty()) {
        return fail_usage("the login is not the connection string of a policy");
    }
    context.ca_file = args.hub.ca_file;
    const char* const ca_file = std::getenv("CARILLON_CA");
    if (context.ca_file.empty() && ca_file != nullptr) context.ca_file = ca_file;
    return context;
}

Result<Exit> add(const ContextArgs& args) {
    if (!is_context_name(args.name)) {
        return fail_usage("a context's name is letters, digits, `-`, `_` and `.`, " +
                          std::to_string(context_name_bytes_max) + " of them at most");
    }
    auto contexts = read_contexts();
    if (!contexts) return fail(std::move(contexts).error());
    if (contexts->find(args.name) != nullptr) {
        std::cerr << "carillon: there is a context " << args.name << "; `carillon context remove "
                  << args.name << "` makes room for another\n";
        return Exit::conflict;
    }
    auto context = args.data_dir.empty() ? context_of_flags(args) : context_of_data(args);
    if (!context) return fail(std::move(context).error());
    context->name = args.name;
    if (!args.hub.address.empty()) context->address = args.hub.address;
    if (args.hub.port != 0) context->port = args.hub.port;
    // Commands run in any directory.
    std::error_code refused;
    if (!context->ca_file.empty()) {
        context->ca_file = std::filesystem::absolute(context->ca_file, refused).string();
        if (!std::filesystem::exists(context->ca_file, refused)) {
            return fail_usage("there is no file " + context->ca_file);
        }
    }
    contexts->put(*std::move(context));
    if (contexts->current.empty()) contexts->current = args.name;
    if (auto written = write_contexts(*contexts); !written) return fail(std::move(written).error());
    std::cerr << "context " << args.name << " added"
              << (contexts->current == args.name ? "; it is the current one\n" : "\n");
    return Exit::ok;
}

Result<Exit> unknown(const std::string& name) {
    std::cerr << "carillon: no context is called " << name
              << "; `carillon context list` shows those there are\n";
    return Exit::not_found;
}

Result<Exit> use(const ContextArgs& args) {
    auto contexts = read_contexts();
    if (!contexts) return fail(std::move(contexts).error());
    if (contexts->find(args.name) == nullptr) return unknown(args.name);
    contexts->current = args.name;
    if (auto written = write_contexts(*contexts); !written) return fail(std::move(written).error());
    std::cerr << "context " << args.name << " is the current one\n";
    return Exit::ok;
}

Result<Exit> remove(const ContextArgs& args) {
    auto contexts = read_contexts();
    if (!contexts) return fail(std::move(contexts).error());
    if (!contexts->remove(args.name)) return unknown(args.name);
    if (auto written = write_contexts(*contexts); !written) return fail(std::move(written).error());
    std::cerr << "context " << args.name << " removed"
              << (contexts->current.empty() ? "; none is current now\n" : "\n");
    return Exit::ok;
}

/// What may be seen of it: all but the key.
std::string visible_json(const Context& context, bool is_current) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("name", context.name).member("current", is_current);
    const auto login = sas::parse_connection_string(context.login);
    json.member("hostName", login ? login->host_name : std::string());
    json.member("policy", login ? login->key_name : std::string());
    json.member("address", context.address).member("port", static_cast<int>(context.port));
    json.member("ca", context.ca_file).end_object();
    return text;
}

Result<Exit> list(const ContextArgs& args) {
    const auto contexts = read_contexts();
    if (!contexts) return fail(contexts.error());
    std::vector<std::string> rows;
    for (const Context& each : contexts->all)
        rows.push_back(visible_json(each, each.name == contexts->current));
    RowsOut out(args.hub, {});
    out.print(std::move(rows), 0);
    out.finish();
    return Exit::ok;
}

Result<Exit> show(const ContextArgs& args) {
    const auto contexts = read_contexts();
    if (!contexts) return fail(contexts.error());
    const std::string& name = args.name.empty() ? contexts->current : args.name;
    if (name.empty()) return fail_usage("no context is current; `carillon context use NAME` makes one so");
    const Context* const context = contexts->find(name);
    if (context == nullptr) return unknown(name);
    return show_document(args.hub, visible_json(*context, name == contexts->current));
}

CLI::App& add_verb(CLI::App& group, const char* name, const char* description,
                   const std::shared_ptr<ContextArgs>& args, Result<Exit> (*run)(const ContextArgs&),
                   int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    on_chosen(verb, args, run, exit_code);
    return verb;
}

CLI::Option& add_name(CLI::App& verb, ContextArgs& args) {
    return *verb.add_option("name", args.name, "Name of the context")->type_name("CONTEXT");
}

void add_add(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<ContextArgs>();
    auto& verb =
        add_verb(group, "add", "Give a hub a name; the first is the current one", args, add, exit_code);
    verb.add_option("name", args->name, "Letters, digits, -, _ and .")->required()->type_name("NAME");
    auto* login = verb.add_option("-l,--login", args->hub.login,
                                  "Connection string of a policy [CARILLON_LOGIN, which keeps it out of the "
                                  "process list]")
                      ->type_name("TEXT");
    auto* data_dir = verb.add_option("--data-dir", args->data_dir,
                                     "The data of a hub on this machine, in place of a login")
                         ->type_name("DIR");
    verb.add_option("--policy", args->policy, "Which policy of it [iothubowner]")
        ->type_name("NAME")
        ->needs(data_dir);
    auto* ca_file = verb.add_option("--ca", args->hub.ca_file,
                                    "PEM file of the authority to trust [CARILLON_CA, or the system's]")
                        ->type_name("FILE");
    data_dir->excludes(login)->excludes(ca_file);
    verb.add_option("--address", args->hub.address, "Where to connect, if not to the host name of the login")
        ->type_name("HOST");
    verb.add_option("--port", args->hub.port, "Port of the hub's HTTPS endpoint [443]")
        ->check(CLI::Range(1, 65535).description(""))
        ->type_name("N");
    verb.footer(
        "The key is kept in $XDG_CONFIG_HOME/carillon/contexts.json (~/.config/carillon), readable for "
        "you only.");
}

}  // namespace

void add_context(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("context", "Hubs by name, for --context of other commands");
    group.require_subcommand(1);
    add_add(group, exit_code);

    auto args = std::make_shared<ContextArgs>();
    add_name(add_verb(group, "use", "Make a context the current one", args, use, exit_code), *args)
        .required();

    args = std::make_shared<ContextArgs>();
    add_output_flag(add_verb(group, "list", "List the contexts, without their keys", args, list, exit_code),
                    args->hub.format, "table, json, ndjson, csv, tsv or yaml [table]");

    args = std::make_shared<ContextArgs>();
    auto& show_verb = add_verb(group, "show", "Print a context, without its key", args, show, exit_code);
    add_name(show_verb, *args).description("Name of the context [the current one]");
    add_output_flag(show_verb, args->hub.format, "table, json, ndjson, csv, tsv or yaml [json]");

    args = std::make_shared<ContextArgs>();
    add_name(add_verb(group, "remove", "Remove a context", args, remove, exit_code), *args).required();
}

}  // namespace carillon
