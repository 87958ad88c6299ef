// carillon health: whether the hub on this machine works.

#include "base/json.hpp"
#include "failure.hpp"
#include "hub_flags.hpp"
#include "operate/local_hub.hpp"
#include "operate/operator_commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>
#include <memory>
#include <string>

namespace carillon {
namespace {

struct HealthArgs {
    std::string data_dir = "carillon-data";
    bool only_alive = false;
    int timeout_s = 5;
};

Result<Exit> ask_health(const HealthArgs& args) {
    const auto hub = read_hub_file(args.data_dir);
    if (!hub && hub.error().code == Errc::not_found_locally) {
        return fail(Errc::not_found_locally, "no hub has been started on " + args.data_dir);
    }
    if (!hub) return fail(hub.error());
    const std::chrono::seconds timeout(args.timeout_s);
    if (hub->admin_port == 0) {
        if (auto answered = ask_https(*hub, timeout); !answered) return fail(std::move(answered).error());
        std::cout << "answers\n";
        std::cerr << "The HTTPS port answers. With a port for it (admin.port) the hub says more.\n";
        return Exit::ok;
    }
    const auto answer = ask_admin(*hub, args.only_alive ? "/healthz" : "/readyz", "", timeout);
    if (!answer) return fail(answer.error());
    const auto document = JsonDocument::parse(answer->body);
    if (!document) return fail(Errc::server_error, "the admin listener answers what is not JSON");
    std::cout << document->root().find("status").string() << '\n';
    const JsonValue reasons = document->root().find("reasons");
    for (JsonValue reason = reasons.first(); reason.exists(); reason = reason.next()) {
        std::cerr << reason.find("check").string() << ": " << reason.find("reason").string() << '\n';
    }
    return answer->status == 200 ? Exit::ok : Exit::failed;
}

}  // namespace

void add_health(CLI::App& app, int& exit_code) {
    auto& command = *app.add_subcommand("health", "Ask the hub on this machine whether it is ready");
    auto args = std::make_shared<HealthArgs>();
    command.add_option("--data-dir", args->data_dir, "The hub's data (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    command.add_flag("--alive", args->only_alive, "Check only that its event loops run");
    command.add_option("--timeout", args->timeout_s, "Seconds to wait for the answer [5]")
        ->type_name("S")
        ->check(CLI::Range(1, 600));
    command.footer(
        "Exit code 0 if it is, 1 if it says why not, 9 if it does not answer. Asks the admin listener\n"
        "(admin.port), or without one only whether the HTTPS port answers.");
    on_chosen(command, args, ask_health, exit_code);
}

}  // namespace carillon
