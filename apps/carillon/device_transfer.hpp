#pragma once

namespace CLI {
class App;
}

namespace carillon {

// `carillon device import` and `carillon device export`: a fleet between a hub and a file, or a blob
// container. With a file the lines travel over HTTPS in bulk requests, to any hub; with a container the
// hub runs a job, and the command follows it.
void add_device_import(CLI::App& group, int& exit_code);
void add_device_export(CLI::App& group, int& exit_code);

}  // namespace carillon
