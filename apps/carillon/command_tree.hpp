#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace carillon {

/// A flag, an option with a value, or a plain argument of a command.
struct CommandOption {
    std::vector<std::string> names;    ///< `-d`, `--device-id`; none for what is only a plain argument.
    std::string positional;            ///< Its name as a plain argument; empty if it is none.
    std::string type;                  ///< What its value is called, such as FILE; empty for a flag.
    std::vector<std::string> choices;  ///< All values it takes; empty if anything goes.
    std::string description;
    std::string group;  ///< The heading it stands under.
    bool is_required = false;

    bool takes_value() const { return !type.empty(); }
};

/// A command, with the commands below it.
struct Command {
    std::string name;
    std::string path;  ///< The words that lead to it, without the program's name: `device create`.
    std::string description;
    std::string footer;
    std::vector<CommandOption> options;
    std::vector<Command> commands;
};

/// What the program's parser knows of its commands, as a plain value: from it come the completions,
/// the manual page and docs/cli.md, which so cannot say anything else than `--help`.
Command read_command_tree(const CLI::App& app);

/// `command` and all below it, each before its own.
std::vector<const Command*> all_commands(const Command& command);

/// Groups of options that mean the same wherever they stand, and are described once.
bool is_common_group(const std::string& group);

}  // namespace carillon
