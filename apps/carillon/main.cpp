// The one program: a hub, and what drives one.

#include "cluster.hpp"
#include "command_tree.hpp"
#include "commands.hpp"
#include "examples.hpp"
#include "flag_checks.hpp"
#include "operate/operator_commands.hpp"
#include "provisioning/authority_commands.hpp"
#include "rollouts/rollout_commands.hpp"
#include "routing/routing_commands.hpp"
#include "terminal.hpp"
#include "usage_mistake.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace carillon {
namespace {

/// Every group of subcommands, in the order in which help shows them.
constexpr std::array groups{
    add_serve,
    add_connection_string,
    add_trust,
    add_token,
    add_dashboard,
    add_context,
    add_device,
    add_module,
    add_twin,
    add_method,
    add_c2d,
    add_feedback,
    add_file_notification,
    add_job,
    add_configuration,
    add_enrollment,
    add_enrollment_group,
    add_enrollment_authority,
    add_query,
    add_events,
    add_consumer_group,
    add_route,
    add_endpoint,
    add_policy,
    add_certificate,
    add_approval_rule,
    add_template,
    add_budget,
    add_simulate,
    add_store,
    add_backup,
    add_mcp,
    add_audit,
    add_log,
    add_trace,
    add_settings,
    add_health,
    add_doctor,
    add_debug,
    add_cluster,
    add_completion,
    add_reference,
};

int run(int argc, char** argv) {
    CLI::App app("Carillon: a self-hosted IoT hub that speaks the protocols of Azure IoT Hub.", "carillon");
    app.require_subcommand(1);
    app.set_version_flag("--version", "carillon " CARILLON_VERSION);
    app.get_formatter()->column_width(34);
    int exit_code = static_cast<int>(Exit::ok);
    for (const auto add : groups) add(app, exit_code);
    refuse_empty_values(app);
    add_examples(app);
    app.footer("`carillon help COMMAND` says more of one.");
    const std::vector<std::string> words = without_plain_words({argv + 1, argv + argc});
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // It takes them from the end.
    } catch (const CLI::CallForHelp&) {
        std::fputs(wrapped_help(app.help(), terminal_width(stdout)).c_str(), stdout);
        return static_cast<int>(Exit::ok);
    } catch (const CLI::Success& wanted) {  // The version.
        return app.exit(wanted);
    } catch (const CLI::ParseError& error) {
        const auto text = explain_mistake(read_command_tree(app), words, app.remaining(true), error.what());
        std::fputs(text.c_str(), stderr);
        return static_cast<int>(Exit::usage);
    }
    return exit_code;
}

}  // namespace
}  // namespace carillon

int main(int argc, char** argv) {
    try {
        return carillon::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "carillon: %s\n", error.what());
        return static_cast<int>(carillon::Exit::failed);
    }
}
