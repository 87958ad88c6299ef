#pragma once

namespace CLI {
class App;
}

namespace carillon {

/// `carillon approval-rule`; as the groups of commands.hpp.
void add_approval_rule(CLI::App& app, int& exit_code);
/// `carillon budget`; the same.
void add_budget(CLI::App& app, int& exit_code);
/// `carillon template`; the same.
void add_template(CLI::App& app, int& exit_code);
/// `approve` and `deny`, among the verbs of `carillon job`.
void add_job_decisions(CLI::App& job_group, int& exit_code);

}  // namespace carillon
