// carillon serve: runs a hub until it is told to stop.

#include "base/log.hpp"
#include "commands.hpp"
#include "dashboard_files.hpp"
#include "failure.hpp"
#include "net/handshake_memory.hpp"
#include "server/process/service_manager.hpp"
#include "server/server.hpp"
#include "serving/cluster_node_run.hpp"
#include "serving/serving.hpp"

#include <fmt/core.h>
#include <netdb.h>
#include <sys/resource.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {
namespace {

/// Every connection is a descriptor; the soft limit is for programs that use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

/// What a person who started it wants to know, in at most 25 lines.
void introduce(const ServerConfig& config, const Server::Summary& summary) {
    const std::string data =
        config.data_dir == ServerConfig().data_dir ? "" : " --data-dir " + config.data_dir;
    std::string text =
        fmt::format("Carillon {} serves the hub {}\n", CARILLON_VERSION, config.hostnames.front());
    if (!summary.mqtts.empty()) text += fmt::format("  MQTT   {}\n", joined(summary.mqtts));
    text += fmt::format("  HTTPS  {}\n", joined(summary.https));
    if (!summary.amqps.empty()) text += fmt::format("  AMQP   {}\n", joined(summary.amqps));
    if (!summary.insecure_mqtt.empty())
        text += fmt::format("  MQTT without TLS  {}\n", summary.insecure_mqtt);
    if (!summary.insecure_amqp.empty())
        text += fmt::format("  AMQP without TLS  {}\n", summary.insecure_amqp);
    if (!summary.links.empty()) text += fmt::format("  Nodes  {}\n", joined(summary.links));
    if (!summary.admin.empty()) text += fmt::format("  Admin  {}\n", summary.admin);
    text += fmt::format("  Data   {} ({} identities, {} shards on {} threads)\n", config.data_dir,
                        summary.identities, summary.shards, summary.threads);
    if (config.read_only) text += "For reading only: changes are refused, and devices cannot connect.\n";
    if (summary.is_new_hub) text += "A new hub: its shared access policies have random keys.\n";
    if (summary.made_ca) {
        text += "Made a private authority for it, and server certificates. Nobody trusts it yet.\n";
    } else if (summary.made_certificates) {
        text += "Made new server certificates, for these names, by the same authority.\n";
    }
    text += fmt::format("Back ends log in with   carillon connection-string{}\n", data);
    if (!config.read_only)
        text += fmt::format("a device with           carillon connection-string{} --device ID\n", data);
    if (!summary.dashboard.empty()) text += fmt::format("people at               {}\n", summary.dashboard);
    if (!summary.ca_file.empty()) {
        text += fmt::format("and trust {}, for instance by\n", summary.ca_file);
        text += fmt::format("  export NODE_EXTRA_CA_CERTS={0}   CARILLON_CA={0}\n", summary.ca_file);
        text += fmt::format("other languages by         carillon trust{}\n", data);
    }
    std::fputs(text.c_str(), stderr);
}

/// Says which of the hub's names programs on this machine would not find. Asks as they do, through the
/// system's resolver, which takes its time where there is no network.
void say_unknown_names(const std::vector<std::string>& names, const std::string& address) {
    std::string unknown;
    for (const std::string& name : names) {
        addrinfo* found = nullptr;
        const bool is_known = ::getaddrinfo(name.c_str(), nullptr, nullptr, &found) == 0;
        if (found != nullptr) ::freeaddrinfo(found);
        if (!is_known) unknown += (unknown.empty() ? "" : " ") + name;
    }
    if (unknown.empty()) return;
    const std::string text = fmt::format(
        "This machine does not know the name {0}: Node.js and others will not find the hub by it.\n"
        "Let it know, by a line in /etc/hosts:   {1} {0}\n"
        "or serve under a name that it knows:    carillon serve --hostname localhost\n",
        unknown, address);
    std::fputs(text.c_str(), stderr);
}

/// Blocks the signals that control the hub, for this thread and those it starts.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

void reload(Server& server, const ServeArgs& args) {
    const auto config = load_config(sources_of(args));
    const Result<> done = config ? server.reload(*config) : fail(config.error());
    if (done) {
        log.info("configuration and certificates read again");
    } else {
        log.error("nothing changed: configuration or certificates refused reason={}", done.error().detail);
    }
}

}  // namespace

ConfigSources sources_of(const ServeArgs& args) {
    ConfigSources sources;
    sources.file = args.config_file;
    sources.environment = process_environment();
    for (const auto& [key, value] : args.single) {
        if (!value.empty()) sources.flags[key] = {value};
    }
    if (!args.hostnames.empty()) sources.flags["hostnames"] = args.hostnames;
    if (!args.bind.empty()) sources.flags["bind"] = args.bind;
    return sources;
}

int next_signal(const sigset_t& signals, const std::optional<std::chrono::microseconds>& wait) {
    if (!wait) {
        int signal = 0;
        return ::sigwait(&signals, &signal) == 0 ? signal : 0;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*wait);
    const timespec time{seconds.count(), std::chrono::nanoseconds(*wait - seconds).count()};
    return std::max(0, ::sigtimedwait(&signals, nullptr, &time));
}

Error for_terminal(Error error) {
    const bool is_setting = error.code == Errc::tls_failed;
    if (is_setting || error.code == Errc::config_invalid)
        return {Errc::config_invalid, std::move(error.detail)};
    if (error.code == Errc::store_corrupt) return error;
    return {Errc::io_failed, std::move(error.detail)};
}

void run_hub(Server& server, const ServeArgs& args, const ServerConfig& config, const sigset_t& signals,
             const ServiceManager& manager, const std::function<bool()>& is_over) {
    introduce(config, server.summary());
    const std::string status = "Serving the hub " + config.hostnames.front();
    manager.ready(status);
    const bool is_anywhere =
        config.bind.empty() || config.bind.front() == "0.0.0.0" || config.bind.front() == "::";
    const std::string address = is_anywhere ? "127.0.0.1" : config.bind.front();
    // Joined when this function ends; the resolver gives up by itself.
    const auto names = std::async(std::launch::async, say_unknown_names, config.hostnames, address);
    for (;;) {
        constexpr std::chrono::microseconds between_questions{100'000};
        const auto wait = is_over
                              ? std::min(between_questions, manager.watchdog().value_or(between_questions))
                              : manager.watchdog();
        const int signal = next_signal(signals, wait);
        if (signal == SIGHUP) {
            manager.reloading();
            reload(server, args);
            manager.ready(status);
        } else if (signal > 0) {
            manager.stopping();
            break;
        } else if (is_over && is_over()) {
            break;
        }
        if (manager.watchdog() && server.is_well()) manager.alive();
    }
    log.info("stopping");
}

std::unique_ptr<McpEndpoint> make_mcp_endpoint(const ServerConfig& config) {
    if (config.model_tools == ModelTools::off) return nullptr;
    const bool has_all = config.model_tools == ModelTools::change;
    return std::make_unique<McpEndpoint>(has_all ? McpEndpoint::Tools::all : McpEndpoint::Tools::reading,
                                         config.hostnames.front());
}

namespace {

Result<Exit> serve(const ServeArgs& args) {
    HandshakeMemory::install();
    const sigset_t signals = block_signals();
    raise_descriptor_limit();
    auto config = load_config(sources_of(args));
    if (!config) return fail(config.error());
    config->read_only = args.is_read_only;
    set_up_log(*config);
    const auto manager = ServiceManager::from_environment();
    if (args.is_cluster && config->cluster.store.empty()) {
        return fail_usage("--cluster needs --store, the PostgreSQL of the cluster");
    }
    if (config->read_only && !config->cluster.store.empty()) {
        return fail_usage(
            "--read-only is for a hub that runs alone: look at a cluster's data in its PostgreSQL");
    }
    if (!config->cluster.store.empty()) return serve_in_cluster(args, *config, signals, manager);
    const auto models = make_mcp_endpoint(*config);
    auto server = Server::start(*config, dashboard_files(), models.get());
    if (!server) return fail(for_terminal(std::move(server).error()));
    run_hub(**server, args, *config, signals, manager);
    (*server)->stop([&manager] { manager.alive(); });
    log.flush();
    return Exit::ok;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
    auto& command = *app.add_subcommand("serve", "Run a hub");
    auto args = std::make_shared<ServeArgs>();
    const auto single = [&](const char* flag, const char* key, const char* help) {
        return command.add_option(flag, args->single[key], help);
    };
    single("--data-dir", "data_dir", "The hub's data directory (./carillon-data)")->type_name("DIR");
    command
        .add_option("--config", args->config_file,
                    "Configuration in TOML; docs/configuration.md has the keys")
        ->type_name("FILE")
        ->envname("CARILLON_CONFIG");
    command
        .add_option("--hostname", args->hostnames,
                    "A name that clients use for the hub, the first in connection strings; repeatable\n"
                    "(hub.localhost and localhost)")
        ->type_name("NAME")
        ->allow_extra_args(false);
    command.add_option("--bind", args->bind, "An IP address to listen on; repeatable (loopback only)")
        ->type_name("ADDR")
        ->allow_extra_args(false);
    single("--mqtts-port", "mqtts_port", "MQTT over TLS (8883)")->type_name("N");
    single("--https-port", "https_port", "The REST API (443)")->type_name("N");
    single("--amqps-port", "amqps_port", "AMQP over TLS (5671); 0 for none")->type_name("N");
    single("--insecure-mqtt-port", "insecure_mqtt_port", "MQTT without TLS, on 127.0.0.1 only (none)")
        ->type_name("N");
    single("--insecure-amqp-port", "insecure_amqp_port", "AMQP without TLS, on 127.0.0.1 only (none)")
        ->type_name("N");
    single("--admin-port", "admin.port",
           "Metrics and health, on 127.0.0.1 unless admin.bind names other addresses (none)")
        ->type_name("N");
    single("--ready-file", "ready_file",
           "File that is written when all listeners accept, and removed at the end")
        ->type_name("FILE");
    single("--threads", "threads", "Event loops (one for each core)")->type_name("N");
    single("--log-level", "log_level", "trace, debug, info, warn, error or off (info)")->type_name("LEVEL");
    command.add_flag("--read-only", args->is_read_only,
                     "Serve what is there to look at it: nothing in the data directory is changed, devices "
                     "cannot connect;\ndocs/backup.md#looking-into-a-data-directory");
    command.add_flag("--cluster", args->is_cluster,
                     "As a node of a cluster, which serves while no other node does; docs/cluster.md");
    single("--store", "cluster.store", "The cluster's PostgreSQL, as libpq takes it")->type_name("CONNINFO");
    single("--node", "cluster.node", "Which node of the cluster this is (what the data directory says)")
        ->type_name("ID");
    single("--health", "cluster.health",
           "Where load balancers ask whether this node serves, by HTTP (nowhere)")
        ->type_name("ADDR:PORT");
    single("--advertise", "cluster.advertise",
           "The IP address at which other nodes reach this one (the first of --bind)")
        ->type_name("ADDR");
    single("--link-port", "cluster.link_port",
           "Where nodes pass connections on to the one that serves, the same on all; 0 for none (7883)")
        ->type_name("N");
    single("--lease", "cluster.lease_s", "Seconds for which a silent node keeps the hub (5)")->type_name("S");
    single("--log-format", "log_format", "text, or json: an object a line (text)")->type_name("KIND");
    single("--compatibility", "compatibility", "default, or strict: refuse what the real hub refuses")
        ->type_name("MODE");
    command.footer(
        "Settings come from flags, then the environment (CARILLON_HTTPS_PORT, CARILLON_JOBS__ACTIVE_MAX), "
        "then the\n"
        "configuration file. SIGTERM ends the hub in order; SIGHUP has it read configuration and "
        "certificates again.");
    command.callback([args, &exit_code] { exit_code = conclude(serve(*args)); });
}

}  // namespace carillon
