#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// Adds `device revoke` to the group of `device`.
void add_device_revoke(CLI::App& group, int& exit_code);

}  // namespace carillon
