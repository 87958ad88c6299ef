// carillon dashboard: a link into the hub's web dashboard.

#include "base/json.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

extern char** environ;

namespace carillon {
namespace {

struct DashboardArgs {
    HubFlags hub;
    bool allows_changes = false;
    bool only_prints = false;
};

/// Hands the address to whatever opens addresses on this desktop. Nothing happens where there is none.
void open_in_browser(const std::string& url) {
    std::string program = "xdg-open";
    std::string address = url;
    char* arguments[] = {program.data(), address.data(), nullptr};
    posix_spawn_file_actions_t quiet{};
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const bool is_started = ::posix_spawnp(&child, program.c_str(), &quiet, nullptr, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&quiet);
    if (is_started) ::waitpid(child, nullptr, 0);
}

bool has_desktop() {
    return ::isatty(STDOUT_FILENO) == 1 &&
           (std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr);
}

Result<Exit> print_link(const DashboardArgs& args) {
    const auto options = hub_options(args.hub);
    if (!options) return fail(options.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto path = client->make_dashboard_link(args.allows_changes);
    if (!path) return fail(path.error());
    const std::string port = options->port == 443 ? "" : ":" + std::to_string(options->port);
    const std::string url = "https://" + client->host_name() + port + *path;
    if (args.hub.format != Format::automatic) {
        std::string json;
        JsonWriter(json).begin_object().member("url", url).end_object();
        return show_document(args.hub, json);
    }
    std::cout << url << std::endl;
    std::cerr << "The link signs in once, within two minutes"
              << (args.allows_changes ? "" : ", for reading only") << ".\n";
    if (!args.only_prints && has_desktop()) open_in_browser(url);
    return Exit::ok;
}

}  // namespace

void add_dashboard(CLI::App& app, int& exit_code) {
    auto args = std::make_shared<DashboardArgs>();
    auto& command = *app.add_subcommand("dashboard", "Print a link that signs in to the hub's web dashboard");
    command.add_flag("--change", args->allows_changes, "Allow changes, not only reading");
    command.add_flag("--print", args->only_prints, "Do not open a browser");
    add_hub_flags(command, args->hub);
    command.footer(
        "The session has the rights of the login's policy, and ends after an hour. Anyone who has "
        "the link\n"
        "can use it once. A browser trusts the hub if the system does, see `carillon trust`.");
    on_chosen(command, args, print_link, exit_code);
}

}  // namespace carillon
