// carillon trust: what programs need to trust a hub whose authority is its own.

#include "failure.hpp"
#include "server/hub_file.hpp"
#include "trust_text.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

namespace carillon {

namespace {

struct TrustArgs {
    std::string language;
    std::string ca_file;
    std::string data_dir = "carillon-data";
};

Result<Exit> print_trust(const TrustArgs& args) {
    std::string ca_file = args.ca_file;
    std::string host_name = "hub";
    if (ca_file.empty()) {
        const auto hub = read_hub_file(args.data_dir);
        if (!hub && hub.error().code != Errc::not_found_locally) return fail(hub.error());
        if (!hub) {
            return fail_usage("no hub has been started on " + args.data_dir +
                              " yet; --data-dir names another, and where there is no hub, --ca FILE a copy "
                              "of its ca.pem");
        }
        if (hub->ca_file.empty()) {
            std::cerr << "The certificate of this hub is not its own work: programs trust it if the system "
                         "does.\n";
            return Exit::ok;
        }
        ca_file = hub->ca_file;
        host_name = hub->host_name;
    }
    std::error_code refused;
    const std::filesystem::path path = std::filesystem::absolute(ca_file, refused);
    if (!std::filesystem::exists(path, refused)) return fail_usage("there is no file " + path.string());
    for (const std::string& language : trust_languages()) {
        if (!args.language.empty() && language != args.language) continue;
        if (args.language.empty()) std::cout << "# --- " << language << " ---\n";
        std::cout << trust_text(language, path.string(), host_name);
    }
    return Exit::ok;
}

}  // namespace

void add_trust(CLI::App& app, int& exit_code) {
    auto& command =
        *app.add_subcommand("trust", "Print what programs need to trust a hub, as lines for a shell");
    auto args = std::make_shared<TrustArgs>();
    command.add_option("--lang", args->language, "For programs in this language, or the whole system [all]")
        ->check(CLI::IsMember(trust_languages()))
        ->type_name("LANG");
    command.add_option("--ca", args->ca_file, "The hub's ca.pem, where this is not its machine")
        ->type_name("FILE");
    command.add_option("--data-dir", args->data_dir, "The hub's data (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    command.footer(
        "eval \"$(carillon trust --lang node)\" for this shell; carillon trust --lang system | sudo sh for "
        "the\nmachine. Only the certificate is public: ca-key.pem stays where it is.");
    command.callback([args, &exit_code] { exit_code = conclude(print_trust(*args)); });
}

}  // namespace carillon
