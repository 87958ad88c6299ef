#include "reference.hpp"

#include "base/text.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace carillon {

namespace {

constexpr std::array<std::pair<const char*, const char*>, 11> exit_codes{{
    {"0", "it is done"},
    {"1", "it failed"},
    {"2",
     "a mistake on the command line or in the configuration, found here or by the hub (400); nothing "
     "changed"},
    {"3", "what was named does not exist"},
    {"4", "not authorised"},
    {"5", "conflict: it exists already, was changed meanwhile, or is in a state that does not allow it"},
    {"6", "throttled, or a quota is used up"},
    {"7", "timed out"},
    {"8", "a job, or an import, ended and some of its devices failed"},
    {"9", "the hub cannot be reached or is not trusted"},
    {"10", "files of the hub's data are damaged or missing; nothing was changed"},
}};

constexpr std::array<std::pair<const char*, const char*>, 6> variables{{
    {"CARILLON_LOGIN",
     "connection string of a policy: the hub that commands drive, if neither --login nor "
     "--context is given"},
    {"CARILLON_CA", "PEM file of the authority to trust with it"},
    {"CARILLON_CONTEXT", "name of a context, if none of the three is given"},
    {"CARILLON_DATA_DIR", "the hub's data, for commands on its own machine"},
    {"CARILLON_CONFIG",
     "configuration file of `carillon serve`, whose settings are taken from CARILLON_… too"},
    {"XDG_CONFIG_HOME", "below it, carillon/contexts.json holds the hubs of `carillon context` (~/.config)"},
}};

/// What stands before the example at the end of a footer, see `add_examples`.
constexpr std::string_view example_lead = "Example:\n  ";

bool is_help(const CommandOption& option) {
    return option.group != "Hub" && !option.names.empty() && option.names.back() == "--help";
}

/// The command as it is typed, with its plain arguments.
std::string usage(const Command& command) {
    std::string text = "carillon";
    if (!command.path.empty()) text += ' ' + command.path;
    if (!command.commands.empty()) return text + " COMMAND …";
    for (const CommandOption& option : command.options) {
        if (option.positional.empty()) continue;
        text += option.is_required ? ' ' + option.type : " [" + option.type + ']';
    }
    return text + " [OPTIONS]";
}

/// True where the choices are not in the description already.
bool needs_choices(const CommandOption& option) {
    return !option.choices.empty() && option.description.find(option.choices.front()) == std::string::npos;
}

bool has_common_options(const Command& command) {
    for (const CommandOption& option : command.options) {
        if (is_common_group(option.group)) return true;
    }
    return false;
}

/// The shared options, from the first command that has them all.
std::vector<const CommandOption*> common_options(const Command& program) {
    std::vector<const CommandOption*> most;
    for (const Command* command : all_commands(program)) {
        std::vector<const CommandOption*> here;
        for (const CommandOption& option : command->options) {
            if (is_common_group(option.group)) here.push_back(&option);
        }
        if (here.size() > most.size()) most = std::move(here);
    }
    return most;
}

// --- man(7) ------------------------------------------------------------------------------------------

std::string roff(const std::string& text) {
    std::string escaped = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
    // A line that begins like a request would be one.
    escaped = replaced(std::move(escaped), "\n", "\n.br\n");
    if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
    return escaped;
}

std::string roff_option(const CommandOption& option) {
    std::string text = ".TP\n";
    bool is_first = true;
    for (const std::string& name : option.names) {
        text += std::string(is_first ? "" : ", ") + "\\fB" + roff(name) + "\\fR";
        is_first = false;
    }
    if (option.takes_value()) {
        text += std::string(is_first ? "" : " ") + "\\fI" + roff(option.type) + "\\fR";
    }
    text += '\n' + roff(option.description);
    if (needs_choices(option)) {
        text += "\n.br\nOne of";
        for (const std::string& choice : option.choices) {
            text += (&choice == &option.choices.front() ? " " : ", ") + roff(choice);
        }
    }
    return text + '\n';
}

template <class Table>
std::string roff_table(const Table& table) {
    std::string text;
    for (const auto& [name, meaning] : table) {
        text += ".TP\n\\fB" + roff(name) + "\\fR\n" + roff(meaning) + '\n';
    }
    return text;
}

// --- Markdown ----------------------------------------------------------------------------------------

std::string cell(const std::string& text) {
    return replaced(replaced(replaced(text, "|", "\\|"), "<", "&lt;"), "\n", "<br>");
}

void add_markdown_options(std::string& text, const std::vector<const CommandOption*>& options) {
    if (options.empty()) return;
    text += "\n| option | |\n| --- | --- |\n";
    for (const CommandOption* option : options) {
        std::string names;
        for (const std::string& name : option->names) names += (names.empty() ? "`" : ", `") + name + '`';
        if (option->takes_value()) names += (names.empty() ? "`" : " `") + option->type + '`';
        text += "| " + names + (option->is_required ? " (needed)" : "") + " | " + cell(option->description);
        if (needs_choices(*option)) {
            text += ":";
            for (const std::string& choice : option->choices) {
                text += (&choice == &option->choices.front() ? " `" : ", `") + choice + '`';
            }
        }
        text += " |\n";
    }
}

void add_markdown_command(std::string& text, const Command& command) {
    text += command.path.find(' ') == std::string::npos ? "\n## " : "\n### ";
    text += "carillon " + command.path + "\n\n" + command.description + ".\n";
    if (!command.commands.empty()) return;
    text += "\n```text\n" + usage(command) + "\n```\n";
    std::vector<const CommandOption*> own;
    for (const CommandOption& option : command.options) {
        if (!is_common_group(option.group) && !is_help(option)) own.push_back(&option);
    }
    add_markdown_options(text, own);
    if (has_common_options(command))
        text += "\nBesides the [options of many commands](#options-of-many-commands).\n";
    if (command.footer.empty()) return;
    const std::size_t example = command.footer.find(example_lead);
    text += '\n' + command.footer.substr(0, example);
    if (example != command.footer.npos) {
        text += "Example:\n\n```sh\n" + command.footer.substr(example + example_lead.size()) + "\n```";
    }
    text += '\n';
}

}  // namespace

std::string manual_page(const Command& program) {
    std::string text = ".TH CARILLON 1 \"\" \"carillon " CARILLON_VERSION "\" \"Carillon\"\n";
    text += ".SH NAME\ncarillon \\- a self\\-hosted IoT hub, and what drives one\n.SH SYNOPSIS\n";
    for (const Command& command : program.commands) text += roff(usage(command)) + "\n.br\n";
    text += ".SH DESCRIPTION\n" + roff(program.description) +
            "\nData goes to standard output, talk to standard error.\n";
    for (const Command* command : all_commands(program)) {
        if (command->path.empty()) continue;
        text += ".SH " + roff(command->path) + '\n' + roff(command->description) + ".\n";
        if (!command->commands.empty()) continue;
        text += ".P\n" + roff(usage(*command)) + '\n';
        for (const CommandOption& option : command->options) {
            if (!is_common_group(option.group) && !is_help(option)) text += roff_option(option);
        }
        if (has_common_options(*command)) text += ".P\nBesides the options of many commands, see below.\n";
        if (!command->footer.empty()) text += ".P\n" + roff(command->footer) + '\n';
    }
    text += ".SH OPTIONS OF MANY COMMANDS\n";
    for (const CommandOption* option : common_options(program)) text += roff_option(*option);
    text += ".SH EXIT STATUS\n" + roff_table(exit_codes);
    text += ".SH ENVIRONMENT\n" + roff_table(variables);
    return text;
}

std::string markdown_reference(const Command& program) {
    std::string text =
        "# Command line reference\n\n"
        "Made from `carillon --help` by `carillon reference markdown`; a test fails when it is stale. "
        "[command-line.md](command-line.md) is the guide to it.\n\n"
        "| command | |\n| --- | --- |\n";
    for (const Command& command : program.commands) {
        text += "| [`" + command.name + "`](#carillon-" + command.name + ") | " + cell(command.description) +
                " |\n";
    }
    for (const Command* command : all_commands(program)) {
        if (!command->path.empty()) add_markdown_command(text, *command);
    }
    text += "\n## Options of many commands\n";
    add_markdown_options(text, common_options(program));
    text += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
    for (const auto& [code, meaning] : exit_codes)
        text += std::string("| ") + code + " | " + meaning + " |\n";
    text += "\n## Environment\n\n| variable | meaning |\n| --- | --- |\n";
    for (const auto& [name, meaning] : variables)
        text += std::string("| `") + name + "` | " + meaning + " |\n";
    return text;
}

}  // namespace carillon
