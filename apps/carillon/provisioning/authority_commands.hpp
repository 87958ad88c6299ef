#pragma once

namespace CLI {
class App;
}

namespace carillon {

// As commands.hpp, for the authorities that enrollments name.

void add_enrollment_authority(CLI::App& app, int& exit_code);

}  // namespace carillon
