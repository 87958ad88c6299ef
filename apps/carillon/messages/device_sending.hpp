#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// Adds `device send` and `device upload-file` to the group of `device`.
void add_device_sending(CLI::App& group, int& exit_code);

}  // namespace carillon
