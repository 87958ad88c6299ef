#include "command_tree.hpp"

#include "base/text.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <map>

namespace carillon {

namespace {

/// Values of types that the parser checks by code of ours, where it cannot tell them.
std::vector<std::string> choices_of(const std::string& type) {
    static const std::map<std::string, std::vector<std::string>> known{
        {"FORMAT", {"table", "json", "ndjson", "csv", "tsv", "yaml"}},
        {"LEVEL", {"trace", "debug", "info", "warn", "error", "off"}},
        {"MODE", {"default", "strict"}}};
    const auto found = known.find(type);
    return found == known.end() ? std::vector<std::string>{} : found->second;
}

CommandOption read_option(const CLI::Option& option) {
    CommandOption read;
    for (const std::string& name : option.get_snames()) read.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) read.names.push_back("--" + name);
    if (option.get_positional()) read.positional = option.get_name(true);
    read.description = option.get_description();
    read.group = option.get_group();
    read.is_required = option.get_required();
    if (option.get_items_expected_max() == 0) return read;
    // The library appends what a validator admits: TEXT:{enabled,disabled}.
    std::string type = option.get_type_name();
    const std::size_t opened = type.find(":{");
    if (opened != std::string::npos && type.ends_with('}')) {
        const std::string inside = type.substr(opened + 2, type.size() - opened - 3);
        for (const std::string_view choice : split(inside, ',')) read.choices.emplace_back(choice);
        type.resize(opened);
    }
    if (read.choices.empty()) read.choices = choices_of(type);
    read.type = type.empty() ? "VALUE" : type;
    return read;
}

Command read_command(const CLI::App& app, const std::string& path) {
    Command read;
    read.name = app.get_name();
    read.path = path;
    read.description = app.get_description();
    read.footer = app.get_footer();
    for (const CLI::Option* option : app.get_options()) read.options.push_back(read_option(*option));
    const auto any = [](const CLI::App*) { return true; };
    for (const CLI::App* command : app.get_subcommands(any)) {
        const std::string& name = command->get_name();
        read.commands.push_back(read_command(*command, path.empty() ? name : path + ' ' + name));
    }
    return read;
}

}  // namespace

Command read_command_tree(const CLI::App& app) {
    return read_command(app, {});
}

std::vector<const Command*> all_commands(const Command& command) {
    std::vector<const Command*> all{&command};
    for (const Command& below : command.commands) {
        for (const Command* each : all_commands(below)) all.push_back(each);
    }
    return all;
}

bool is_common_group(const std::string& group) {
    return group == "Hub" || group == "Output";
}

}  // namespace carillon
