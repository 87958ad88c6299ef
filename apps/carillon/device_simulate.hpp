#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// The verb `simulate` of `carillon device`.
void add_device_simulate(CLI::App& group, int& exit_code);

}  // namespace carillon
