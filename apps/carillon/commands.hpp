#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// Exit codes of the program. They are part of its contract: scripts branch on them.
enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_authorised = 4,
    conflict = 5,
    throttled = 6,
    timed_out = 7,
    devices_failed = 8,  ///< A job ended with failed devices.
    unreachable = 9,
    damaged = 10,  ///< Files of a hub's data are damaged or missing; nothing was changed.
};

// Each group adds its subcommands to `app`; a subcommand that runs leaves its exit code in
// `exit_code`, which outlives the app. Data goes to standard output, talk to standard error. A new
// group is declared here, is a file of its own, and is a row of the table in main.cpp.

void add_serve(CLI::App& app, int& exit_code);
void add_connection_string(CLI::App& app, int& exit_code);
void add_trust(CLI::App& app, int& exit_code);
void add_token(CLI::App& app, int& exit_code);
void add_dashboard(CLI::App& app, int& exit_code);
void add_context(CLI::App& app, int& exit_code);
void add_device(CLI::App& app, int& exit_code);
void add_module(CLI::App& app, int& exit_code);
void add_twin(CLI::App& app, int& exit_code);
void add_method(CLI::App& app, int& exit_code);
void add_c2d(CLI::App& app, int& exit_code);
void add_feedback(CLI::App& app, int& exit_code);
void add_file_notification(CLI::App& app, int& exit_code);
void add_job(CLI::App& app, int& exit_code);
void add_configuration(CLI::App& app, int& exit_code);
void add_enrollment(CLI::App& app, int& exit_code);
void add_enrollment_group(CLI::App& app, int& exit_code);
void add_events(CLI::App& app, int& exit_code);
void add_consumer_group(CLI::App& app, int& exit_code);
void add_policy(CLI::App& app, int& exit_code);
void add_query(CLI::App& app, int& exit_code);
void add_simulate(CLI::App& app, int& exit_code);
void add_store(CLI::App& app, int& exit_code);
void add_backup(CLI::App& app, int& exit_code);
void add_mcp(CLI::App& app, int& exit_code);
void add_completion(CLI::App& app, int& exit_code);
void add_reference(CLI::App& app, int& exit_code);

}  // namespace carillon
