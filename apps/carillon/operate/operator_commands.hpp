#pragma once

namespace CLI {
class App;
}

namespace carillon {

// Groups of subcommands for those who operate a hub; as those of commands.hpp.

void add_audit(CLI::App& app, int& exit_code);
void add_log(CLI::App& app, int& exit_code);
void add_trace(CLI::App& app, int& exit_code);
void add_settings(CLI::App& app, int& exit_code);
/// A verb of `carillon device`.
void add_device_connections(CLI::App& group, int& exit_code);
void add_health(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);
void add_debug(CLI::App& app, int& exit_code);
/// The authorities that sign device certificates.
void add_certificate(CLI::App& app, int& exit_code);

}  // namespace carillon
