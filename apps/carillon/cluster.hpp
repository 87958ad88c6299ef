#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// Adds the group of `carillon cluster`; as the functions of commands.hpp.
void add_cluster(CLI::App& app, int& exit_code);

}  // namespace carillon
