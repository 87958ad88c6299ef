// carillon simulate: a fleet of devices that connect to a hub and do as devices do.

#include "base/text.hpp"
#include "flag_checks.hpp"
#include "fleet/group_key.hpp"
#include "fleet/registration.hpp"
#include "hub_flags.hpp"
#include "provisioning/fleet_provisioning.hpp"
#include "simulate_run.hpp"
#include "terminal.hpp"
#include "terminal_text.hpp"
#include "wire/sas/connection_string.hpp"

#include <sys/resource.h>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <thread>

namespace carillon {
namespace {

using fleet::Behaviour;
using fleet::Credentials;
using fleet::Distribution;

/// What the process itself needs: standard streams, the loop, one spare for the resolver.
constexpr std::uint64_t descriptors_own = 32;

struct SimulateArgs {
    HubFlags hub;
    SimulatedTransport transport;
    fleet::FleetOptions fleet;
    fleet::BehaviourOptions behaviour;
    std::string group_key;
    std::string auth = "group";
    std::string id_scope;  ///< Not empty: the devices register by provisioning.
    bool creates = false;
    bool only_creates = false;
    std::uint32_t sites = 0;
    std::string zones;  ///< With commas between them.
    std::optional<std::uint32_t> source_addresses;
    SimulationRun run;
};

/// Every connection is a descriptor. Fails where even the hard limit is too low.
Result<> raise_descriptor_limit(const SimulateArgs& args) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::uint64_t wanted = args.fleet.devices + descriptors_own;
    if (limit.rlim_max == RLIM_INFINITY || wanted <= limit.rlim_max) return {};
    const std::uint64_t each = limit.rlim_max - std::min<std::uint64_t>(limit.rlim_max, descriptors_own);
    return fail_usage(with_thousands(args.fleet.devices) +
                      " devices need as many descriptors, and this process may have " +
                      with_thousands(limit.rlim_max) +
                      " (RLIMIT_NOFILE, `ulimit -Hn`).\n  Raise the limit, or divide the " +
                      "fleet among processes: --devices " + std::to_string(each) + " --first " +
                      std::to_string(args.fleet.first) + ", --devices " + std::to_string(each) + " --first " +
                      std::to_string(args.fleet.first + each) + ", and so on.");
}

Result<Credentials> make_credentials(const SimulateArgs& args, const sas::ConnectionString& policy) {
    if (args.auth == "group") return Credentials::of_group(policy, args.group_key, args.fleet.prefix);
    if (args.creates || args.only_creates)
        return fail_usage("--create gives devices keys of the group: it goes without --auth policy");
    return Credentials::of_policy(policy);
}

/// Runs `work(done, is_stopped)` on a thread of its own, saying on standard error how far it is: `what` so
/// many of the devices. False if a signal ended it.
template <class Work>
Result<bool> show_progress(const SimulateArgs& args, const char* what, const sigset_t& signals,
                           const Work& work) {
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> is_stopped{false};
    auto outcome = std::async(std::launch::async, [&] { return work(done, is_stopped); });
    const auto begun = std::chrono::steady_clock::now();
    StatusLine status;
    const auto text = [&] {
        return what + (" " + with_thousands(done.load())) + " of " + with_thousands(args.fleet.devices) +
               " devices";
    };
    constexpr std::chrono::milliseconds look{200};
    while (outcome.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
        if (wait_for_signal(signals, std::chrono::steady_clock::now() + look) != 0) is_stopped = true;
        status.show(text());
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begun;
    const auto ended = outcome.get();
    if (!ended) return fail(ended.error());
    status.clear();
    std::fprintf(stderr, "%s in %.1f s\n", text().c_str(), elapsed.count());
    return !is_stopped.load();
}

fleet::RegistrationOrder devices_of(const SimulateArgs& args) {
    fleet::RegistrationOrder order{
        .prefix = args.fleet.prefix, .first = args.fleet.first, .devices = args.fleet.devices};
    order.sites = args.sites;
    for (const std::string_view zone : split(args.zones, ',')) {
        if (!zone.empty()) order.zones.emplace_back(zone);
    }
    return order;
}

/// Registers the devices as a back end.
Result<bool> create(const SimulateArgs& args, const ServiceOptions& hub, const Credentials& credentials,
                    const sigset_t& signals) {
    const auto order = devices_of(args);
    return show_progress(args, "registered", signals,
                         [&](std::atomic<std::uint64_t>& done, const std::atomic<bool>& is_stopped) {
                             return fleet::register_devices(hub, credentials, order, done, is_stopped);
                         });
}

/// Has the devices register themselves, as members of an enrollment group that is made first if `--create` is
/// given.
Result<bool> provision(const SimulateArgs& args, const ServiceOptions& hub,
                       const sas::ConnectionString& policy, const Credentials& credentials,
                       const sigset_t& signals) {
    if (!credentials.has_device_keys()) return fail_usage("--provision goes without --auth policy");
    const auto key = fleet::group_key_bytes(policy, args.group_key, args.fleet.prefix);
    if (!key) return fail(key.error());
    const FleetProvisioning order{.id_scope = args.id_scope,
                                  .host_name = credentials.host_name(),
                                  .group_key = base64_encode(*key),
                                  .devices = devices_of(args)};
    if (args.creates || args.only_creates) {
        if (auto added = enroll_fleet(hub, order); !added) return fail(std::move(added).error());
    }
    return show_progress(args, "provisioned", signals,
                         [&](std::atomic<std::uint64_t>& done, const std::atomic<bool>& is_stopped) {
                             return provision_devices(hub, order, done, is_stopped);
                         });
}

Result<Exit> simulate(const SimulateArgs& args) {
    const sigset_t signals = block_signals();
    const auto hub = hub_options(args.hub);
    if (!hub) return fail(hub.error());
    const auto policy = sas::parse_connection_string(hub->connection_string);
    if (!policy || policy->key.empty() || policy->key_name.empty()) {
        return fail_usage("the login is not the connection string of a policy");
    }
    const auto behaviour = Behaviour::make(args.behaviour);
    if (!behaviour) return fail(behaviour.error());
    const auto credentials = make_credentials(args, *policy);
    if (!credentials) return fail(credentials.error());

    // Before anything is registered; devices that are only registered take no descriptors.
    if (!args.only_creates) {
        if (auto raised = raise_descriptor_limit(args); !raised) return fail(std::move(raised).error());
    }

    if ((args.sites > 0 || !args.zones.empty()) &&
        (!args.id_scope.empty() || !(args.creates || args.only_creates))) {
        return fail_usage("--sites and --zones are tags of devices that --create registers");
    }
    if (args.creates || args.only_creates || !args.id_scope.empty()) {
        const auto is_done = args.id_scope.empty() ? create(args, *hub, *credentials, signals)
                                                   : provision(args, *hub, *policy, *credentials, signals);
        if (!is_done) return fail(is_done.error());
        if (!*is_done || args.only_creates) return Exit::ok;
    }
    const auto settings = connector_settings(*hub, credentials->host_name(), args.transport);
    if (!settings) return fail(settings.error());
    const Connector connector(*settings);

    fleet::FleetOptions options = args.fleet;
    if (auto applied = apply_transport(args.transport, options); !applied)
        return fail(std::move(applied).error());
    if (settings->server.is_ipv4_loopback()) {
        const std::uint64_t last = options.first + options.devices;
        options.source_addresses = args.source_addresses.value_or(
            static_cast<std::uint32_t>((last + fleet::devices_per_source - 1) / fleet::devices_per_source));
    } else if (args.source_addresses) {
        return fail_usage("--source-addresses is for a hub on this machine's loopback");
    }
    SimulationRun order = args.run;
    order.format = args.hub.format;
    return run_fleet(order, connector, *credentials, *behaviour, options, signals);
}

// --- flags -------------------------------------------------------------------------------------------

template <class T>
void add_parsed(CLI::App& command, const std::string& name, T& target,
                Result<typename T::value_type> (*parse)(std::string_view), const std::string& help,
                const std::string& type) {
    const auto take = [&target, parse, name](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed) throw CLI::ValidationError(name, parsed.error().detail);
        target = *std::move(parsed);
    };
    command.add_option_function<std::string>(name, take, help)->type_name(type);
}

void add_fleet_flags(CLI::App& command, SimulateArgs& args) {
    const char* group = "Fleet";
    command.add_option("--devices,-n", args.fleet.devices, "Number of devices")
        ->required()
        ->check(whole_number(1, 100'000'000, "devices"))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--first", args.fleet.first,
                    "Number of the first; processes that share a fleet differ here [0]")
        ->type_name("K")
        ->group(group);
    command.add_option("--prefix", args.fleet.prefix, "Ids are this and the number in six digits [sim-]")
        ->type_name("TEXT")
        ->group(group);
    command.add_flag("--create", args.creates, "Register the devices first, or give them this fleet's keys")
        ->group(group);
    command.add_flag("--create-only", args.only_creates, "Register the devices and end")->group(group);
    command
        .add_option("--sites", args.sites,
                    "New devices get the tag site, one of so many: site-0, site-1 and so on")
        ->check(whole_number(1, 1'000'000, "sites"))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--zones", args.zones,
                    "New devices get one of these as their tag tz: Europe/Berlin,Asia/Tokyo")
        ->type_name("ZONES")
        ->group(group);
    command
        .add_option("--provision", args.id_scope,
                    "Have the devices register by provisioning with this id scope; --create makes their "
                    "enrollment group")
        ->type_name("SCOPE")
        ->group(group);
    command
        .add_option(
            "--group-key", args.group_key,
            "Base64 of the key that device keys are derived from [from the login's key and the prefix]")
        ->envname("CARILLON_GROUP_KEY")
        ->type_name("KEY")
        ->group(group);
    command
        .add_option("--auth", args.auth,
                    "group: each device by its derived key; policy: the login signs for all [group]")
        ->check(one_of({"group", "policy"}))
        ->type_name("HOW")
        ->group(group);
}

void add_behaviour_flags(CLI::App& command, SimulateArgs& args) {
    const auto percent = [&](const char* name, double& target, const char* help) {
        command.add_option(name, target, help)->check(number_between(0, 100, "percent"))->type_name("P");
    };
    auto& behaviour = args.behaviour;
    command.add_option("--seed", behaviour.seed, "All chance follows from it [1]")->type_name("S");
    const auto take_latency = [&behaviour](const std::string& text) {
        const auto parsed = Distribution::parse(text);
        if (!parsed) throw CLI::ValidationError("--method-latency", parsed.error().detail);
        behaviour.method_latency = *parsed;
    };
    command
        .add_option_function<std::string>("--method-latency", take_latency,
                                          "From a method to its answer [0s]")
        ->type_name("DIST");
    percent("--fail-percent", behaviour.fail_percent, "Methods answered with status 500 [0]");
    percent("--timeout-percent", behaviour.timeout_percent, "Methods never answered [0]");
    percent("--faulty-percent", behaviour.faulty_percent,
            "Devices with a faulty firmware, always the same: they fail every method and follow wrongly [0]");
    command
        .add_option("--faulty-tenth", behaviour.faulty_tenth, "Only among devices whose tags.tenth is this")
        ->check(whole_number(0, 9))
        ->type_name("N");
    command
        .add_option("--faulty-status", behaviour.faulty_status,
                    "Status with which faulty devices answer methods [500]")
        ->check(whole_number(0, 9999))
        ->type_name("STATUS");
    add_parsed(command, "--faulty-latency", behaviour.faulty_latency, &Distribution::parse,
               "And how late [as --method-latency]", "DIST");
    percent("--offline-percent", behaviour.offline_percent, "Devices away at any moment [0]");
    add_parsed(command, "--offline", behaviour.absence, &Distribution::parse,
               "How long a device stays away [the same devices stay away]", "DIST");
    add_parsed(command, "--reported-every", behaviour.reported_every, &Distribution::parse,
               "Time between a device's reported patches [never]", "DIST");
    add_parsed(command, "--telemetry-every", behaviour.telemetry_every, &Distribution::parse,
               "Time between a device's messages [never]", "DIST");
    add_parsed(command, "--follow", behaviour.follow, &Distribution::parse,
               "Report desired properties as they are, after this delay [never]", "DIST");
    percent("--wrong-percent", behaviour.wrong_percent,
            "Changes for which they report other values; faulty devices always do [0]");
    percent("--ignore-percent", behaviour.ignore_percent, "Changes that they do not report [0]");
    command.add_flag("--acknowledge", behaviour.acknowledges,
                     "Report with ac, av and ad, as IoT Plug and Play has it");
    command
        .add_option("--firmware", behaviour.firmware,
                    "Reported as firmware.version when a device first connects [nothing]")
        ->type_name("TEXT");
    command
        .add_option("--faulty-firmware", behaviour.faulty_firmware,
                    "And by devices with a faulty firmware [as --firmware]")
        ->type_name("TEXT");
    for (const char* name :
         {"--seed", "--method-latency", "--fail-percent", "--timeout-percent", "--faulty-percent",
          "--faulty-tenth", "--faulty-status", "--faulty-latency", "--offline-percent", "--offline",
          "--reported-every", "--telemetry-every", "--follow", "--wrong-percent", "--ignore-percent",
          "--acknowledge", "--firmware", "--faulty-firmware"}) {
        command.get_option(name)->group("Behaviour");
    }
}

void add_connection_flags(CLI::App& command, SimulateArgs& args) {
    const char* group = "Connections";
    add_transport_flags(command, args.transport, group,
                        "Ask for cloud-to-device messages and complete, abandon or reject each; the last two "
                        "over AMQP [not asked for]");
    command
        .add_option("--connect-rate", args.fleet.connect_rate,
                    "Attempts a second at most [as fast as it goes]")
        ->check(number_between(0.01, 1e6, "attempts a second"))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--connecting-max", args.fleet.connecting_max,
                    "Maximum number of connections being made at once [64]")
        ->check(whole_number(1, 100'000, "connections"))
        ->type_name("N")
        ->group(group);
    const auto time = [&](const char* name, Duration& target, const char* help) {
        const auto take = [&target, name](const std::string& text) {
            const auto parsed = fleet::parse_duration(text);
            if (!parsed) throw CLI::ValidationError(name, parsed.error().detail);
            target = *parsed;
        };
        command.add_option_function<std::string>(name, take, help)->type_name("TIME")->group(group);
    };
    time("--ramp", args.behaviour.ramp, "Have the devices begin within this time, rather than all at once");
    time("--backoff", args.behaviour.backoff_first,
         "First pause after a lost connection; then twice as long each time [1s]");
    time("--backoff-max", args.behaviour.backoff_max, "Longest pause [30s]");
    command.add_option("--keep-alive", args.fleet.keep_alive_s, "Seconds between two pings [240]")
        ->check(whole_number(1, 65535, "seconds"))
        ->type_name("S")
        ->group(group);
    command
        .add_flag("--clean-session", args.fleet.clean_session,
                  "Have the hub forget subscriptions at the end of a connection over MQTT")
        ->group(group);
    command
        .add_option(
            "--source-addresses", args.source_addresses,
            "Loopback addresses to connect from, 0 leaves it to the kernel [one for each 10,000 devices]")
        ->type_name("N")
        ->group(group);
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
    auto& command = *app.add_subcommand("simulate", "Run a fleet of simulated devices");
    auto args = std::make_shared<SimulateArgs>();
    add_hub_flags(command, args->hub);
    add_fleet_flags(command, *args);
    add_behaviour_flags(command, *args);
    add_connection_flags(command, *args);
    add_parsed(command, "--duration", args->run.duration, &fleet::parse_duration,
               "End after this time [until it is stopped]", "TIME");
    add_parsed(command, "--interval", args->run.interval, &fleet::parse_duration,
               "Time between two statistics [1s on a terminal, 5s on a pipe]", "TIME");
    command.footer(
        "DIST is a duration such as 200ms, a range 100ms..2s, exp:MEAN or lognormal:MEDIAN,P99.\n"
        "SIGINT or SIGTERM disconnects all and prints a summary; SIGUSR1 cuts every connection at once.\n"
        "docs/simulate.md says more.");
    on_chosen(command, args, simulate, exit_code);
}

}  // namespace carillon
