// carillon log: what a running hub logs.

#include "base/json.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"

namespace carillon {
namespace {

struct LogArgs {
    HubFlags hub;
    std::string level;
    std::string format;
    std::vector<std::string> modules;
};

Result<Exit> show(const LogArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto settings = client->send({.method = "GET", .target = "/carillon/log", .body = {}});
    if (!settings) return fail(settings.error());
    return show_document(args.hub, *settings);
}

Result<Exit> set(const LogArgs& args) {
    if (args.level.empty() && args.format.empty() && args.modules.empty()) {
        return fail_usage("say what to change: --level, --module or --format");
    }
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    if (!args.level.empty()) json.member("level", args.level);
    if (!args.format.empty()) json.member("format", args.format);
    json.key("modules").begin_object();
    for (const std::string& module : args.modules) {
        const std::size_t equals = module.find('=');
        if (equals == std::string::npos) return fail_usage("--module takes MODULE=LEVEL, not " + module);
        json.member(module.substr(0, equals), module.substr(equals + 1));
    }
    json.end_object().end_object();
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto settings = client->send({.method = "PUT", .target = "/carillon/log", .body = body});
    if (!settings) return fail(settings.error());
    return show_document(args.hub, *settings);
}

}  // namespace

void add_log(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("log", "What a running hub logs");
    group.require_subcommand(1);
    auto args = std::make_shared<LogArgs>();
    auto& show_verb =
        *group.add_subcommand("show", "Print the log's level, the modules that have another, and its format");
    add_hub_flags(show_verb, args->hub);
    on_chosen(show_verb, args, show, exit_code);

    args = std::make_shared<LogArgs>();
    auto& set_verb =
        *group.add_subcommand("set", "Change them, until the hub starts again or reads its configuration");
    add_hub_flags(set_verb, args->hub);
    set_verb.add_option("--level", args->level, "trace, debug, info, warn, error or off, for all modules")
        ->type_name("LEVEL")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
    set_verb
        .add_option("--module", args->modules,
                    "A module and its level, such as mqtt=debug; may be given several times")
        ->type_name("MODULE=LEVEL")
        ->allow_extra_args(false);
    set_verb.add_option("--format", args->format, "text, or json: an object a line")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "json"}));
    on_chosen(set_verb, args, set, exit_code);
}

}  // namespace carillon
