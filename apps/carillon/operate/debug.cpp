// carillon debug: a bundle of settings, logs and figures for support, without secrets.

#include "hub_flags.hpp"
#include "operate/doctor.hpp"
#include "operate/local_hub.hpp"
#include "operate/operator_commands.hpp"
#include "operate/secrets_text.hpp"
#include "server/data_dir.hpp"
#include "server/hub_file.hpp"
#include "server/private_file.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

namespace carillon {
namespace {

constexpr std::size_t log_bytes_max = 1024 * 1024;
constexpr std::size_t proc_bytes_max = 64 * 1024;
constexpr std::size_t files_max = 2000;
constexpr std::chrono::seconds patience{10};

struct BundleArgs {
    ConfigPlace place;
    std::string log_file;
    std::string token_file;
    std::string output;
};

/// The last bytes of a file, from the beginning of a line.
std::string tail_of(const std::string& file, std::size_t bytes_max) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) return "cannot be read\n";
    const auto size = static_cast<std::size_t>(in.tellg());
    const std::size_t from = size > bytes_max ? size - bytes_max : 0;
    in.seekg(static_cast<std::streamoff>(from));
    std::string text(size - from, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return from == 0 ? text : text.substr(std::min(text.find('\n'), text.size() - 1) + 1);
}

/// What `/proc` says, whose files have no size.
std::string proc(const std::string& file) {
    std::ifstream in(file);
    std::string text(proc_bytes_max, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return text.empty() ? "cannot be read\n" : text;
}

std::string list_files(const std::string& folder) {
    std::string text;
    std::error_code error;
    std::size_t count = 0;
    for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        if (++count > files_max) return text + "…\n";
        std::error_code gone;
        const bool is_file = at->is_regular_file(gone);
        text += fmt::format("{:>14} {}\n", is_file ? std::to_string(at->file_size(gone)) : "-",
                            std::filesystem::relative(at->path(), folder, gone).string());
    }
    return text;
}

class Bundle {
public:
    void add(std::string_view title, std::string_view text) {
        fmt::format_to(std::back_inserter(text_), "===== {} =====\n{}", title, redact(text));
        if (!text.empty() && !text.ends_with('\n')) text_ += '\n';
        text_ += '\n';
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

void add_machine(Bundle& bundle, const ServerConfig& config, bool runs) {
    utsname system{};
    ::uname(&system);
    bundle.add("program", fmt::format("carillon {}\n{} {} {}\n", CARILLON_VERSION, system.sysname,
                                      system.release, system.machine));
    std::string findings;
    for (const Finding& finding : examine_machine(config, runs)) findings += finding_json(finding) + "\n";
    bundle.add("doctor", findings);
    bundle.add("memory", proc("/proc/meminfo"));
    bundle.add("load", proc("/proc/loadavg"));
    bundle.add("pressure", proc("/proc/pressure/io") + proc("/proc/pressure/memory"));
}

void add_hub(Bundle& bundle, const ServerConfig& config, const std::string& token) {
    const auto hub = read_hub_file(config.data_dir);
    if (!hub) return bundle.add("hub", hub.error().detail);
    bundle.add(
        "hub",
        fmt::format("host name {}\naddress {}\nhttps port {}\nmqtts port {}\nadmin {}:{}\npolicies {}\n",
                    hub->host_name, hub->address, hub->https_port, hub->mqtts_port, hub->admin_address,
                    hub->admin_port, hub->policies.size()));
    for (const char* path : {"/readyz", "/metrics"}) {
        const auto answer = ask_admin(*hub, path, token, patience);
        bundle.add(path, answer ? answer->body : answer.error().detail);
    }
}

void add_process(Bundle& bundle, const ServerConfig& config) {
    const auto lock = read_file(std::filesystem::path(config.data_dir) / "lock");
    const std::string process = lock ? *lock : std::string();
    if (process.empty() || process.find_first_not_of("0123456789") != std::string::npos) return;
    for (const char* file : {"status", "limits", "io", "sched"}) {
        bundle.add(fmt::format("process {}", file), proc("/proc/" + process + "/" + file));
    }
}

Result<Exit> make_bundle(const BundleArgs& args) {
    const auto config = config_at(args.place);
    if (!config) return fail(config.error());
    std::string token;
    const std::string& token_file = args.token_file.empty() ? config->admin_token_file : args.token_file;
    if (!token_file.empty()) {
        const auto read = read_file(token_file);
        if (read) token = read->substr(0, read->find('\n'));
    }
    const bool runs = is_hub_running(config->data_dir);
    Bundle bundle;
    add_machine(bundle, *config, runs);
    add_hub(bundle, *config, token);
    if (runs) add_process(bundle, *config);
    if (!args.place.file.empty()) bundle.add("configuration", tail_of(args.place.file, log_bytes_max));
    bundle.add("files", list_files(config->data_dir));
    bundle.add("store's own log", tail_of((store_folder(config->data_dir) / "LOG").string(), log_bytes_max));
    if (!args.log_file.empty()) bundle.add("log", tail_of(args.log_file, log_bytes_max));
    if (args.output.empty() || args.output == "-") {
        std::cout << bundle.text();
        return Exit::ok;
    }
    if (auto written = write_file(args.output, bundle.text(), Readable::by_owner); !written) {
        return fail(std::move(written).error());
    }
    std::cerr << args.output
              << ": look it through before you give it away; names of hosts and files are in it.\n";
    return Exit::ok;
}

}  // namespace

void add_debug(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("debug", "Collect what support needs");
    group.require_subcommand(1);
    auto& verb = *group.add_subcommand(
        "bundle", "Write figures, settings, limits and logs to one file, without secrets");
    auto args = std::make_shared<BundleArgs>();
    add_config_place(verb, args->place);
    verb.add_option("--log", args->log_file, "The hub's log, of which the last megabyte is taken")
        ->type_name("FILE");
    verb.add_option("--token-file", args->token_file, "The token for metrics (admin.token_file)")
        ->type_name("FILE");
    verb.add_option("--file", args->output, "Where to write it [standard output]")->type_name("FILE");
    verb.footer(
        "Whatever reads as a key, a token or a private key is replaced by <removed>. Works while a hub "
        "runs,\n"
        "and when none does.");
    on_chosen(verb, args, make_bundle, exit_code);
}

}  // namespace carillon
