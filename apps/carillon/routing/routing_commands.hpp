#pragma once

namespace CLI {
class App;
}

namespace carillon {

// Groups of subcommands for routes of messages; as those of commands.hpp.

void add_route(CLI::App& app, int& exit_code);
void add_endpoint(CLI::App& app, int& exit_code);

}  // namespace carillon
