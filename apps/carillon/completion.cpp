// carillon completion, carillon reference: what is made from the commands themselves.

#include "commands.hpp"
#include "completion_script.hpp"
#include "reference.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

namespace carillon {

namespace {

/// A verb of `group` that prints what `make` makes of the program.
void add_printer(CLI::App& app, CLI::App& group, const char* name, const char* description,
                 std::string (*make)(const Command&), int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    verb.callback([&app, make, &exit_code] {
        std::cout << make(read_command_tree(app)) << std::flush;
        exit_code = static_cast<int>(std::cout ? Exit::ok : Exit::failed);
    });
}

}  // namespace

void add_completion(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("completion", "Print a script by which a shell completes commands");
    group.require_subcommand(1);
    add_printer(app, group, "bash", "For bash: source <(carillon completion bash)", bash_completion,
                exit_code);
    add_printer(app, group, "zsh", "For zsh: source <(carillon completion zsh)", zsh_completion, exit_code);
    add_printer(app, group, "fish", "For fish: carillon completion fish | source", fish_completion,
                exit_code);
}

void add_reference(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("reference", "Print this help as one document");
    group.require_subcommand(1);
    add_printer(app, group, "man", "As a manual page", manual_page, exit_code);
    add_printer(app, group, "markdown", "As docs/cli.md", markdown_reference, exit_code);
}

}  // namespace carillon
