#include "hub_flags.hpp"

#include "base/text.hpp"
#include "flag_checks.hpp"
#include "talk.hpp"

#include <CLI/Error.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cstdlib>
#include <iostream>
#include <map>

namespace carillon {

namespace {

/// That of the flags that only the command line has.
constexpr const char* output_group = "Output";

std::string environment_variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void add_hub_flags(CLI::App& command, HubFlags& flags) {
    const char* group = "Hub";
    auto* login = command
                      .add_option("-l,--login", flags.login,
                                  "Connection string of a policy, HostName=…;SharedAccessKeyName=…;"
                                  "SharedAccessKey=…; in CARILLON_LOGIN it stays out of the process list")
                      ->type_name("TEXT")
                      ->group(group);
    command
        .add_option("--context", flags.context,
                    "The hub of this name, see `carillon context` [CARILLON_LOGIN, then the current one]")
        ->type_name("CONTEXT")
        ->group(group)
        ->excludes(login);
    command
        .add_option("--ca", flags.ca_file,
                    "PEM file of the authority to trust [CARILLON_CA, or the system's]")
        ->type_name("FILE")
        ->group(group);
    command.add_option("--address", flags.address, "Where to connect, if not to the host name of the login")
        ->type_name("HOST")
        ->group(group);
    // `method invoke` has one of its own, as the service's command line does.
    if (command.get_option_no_throw("--timeout") == nullptr) {
        command.add_option("--timeout", flags.timeout_s, "Seconds to wait for each answer of the hub [60]")
            ->check(whole_number(1, 3600, "seconds"))
            ->type_name("S")
            ->group(group);
    }
    command.add_option("--port", flags.port, "Port of the hub's HTTPS endpoint [443]")
        ->check(whole_number(1, 65535))
        ->type_name("N")
        ->group(group);
    add_output_flag(command, flags.format,
                    "table, json, ndjson, csv, tsv or yaml [a table for lists, json for the rest]; to "
                    "pick from json, use jq");
    command
        .add_flag_function(
            "--quiet", [](std::int64_t) { be_quiet(); }, "No messages but errors")
        ->group(output_group);
    command
        .add_flag("--trace", flags.traces, "Print each request and answer to standard error, without secrets")
        ->group(output_group);
    command
        .add_flag("--dry-run", flags.only_shows,
                  "Print the first request that would change something, and send none")
        ->group(output_group);
}

void add_output_flag(CLI::App& command, Format& format, const std::string& help) {
    static const std::map<std::string, Format> formats{{"table", Format::table},   {"json", Format::json},
                                                       {"ndjson", Format::ndjson}, {"csv", Format::csv},
                                                       {"tsv", Format::tsv},       {"yaml", Format::yaml}};
    const auto take_format = [&format](const std::string& word) {
        const auto found = formats.find(to_lower(word));
        if (found == formats.end()) {
            throw CLI::ValidationError("--output",
                                       "`" + word + "` is not table, json, ndjson, csv, tsv or yaml");
        }
        format = found->second;
    };
    command.add_option_function<std::string>("-o,--output", take_format, help)
        ->type_name("FORMAT")
        ->group(output_group);
}

void add_yes_flag(CLI::App& command, bool& yes) {
    command.add_flag("-y,--yes", yes, "Do not ask for confirmation (asked on a terminal only)");
}

void add_device_flag(CLI::App& command, std::string& device) {
    command.add_option("device,-d,--device-id", device, "Id of the device")->required()->type_name("DEVICE");
}

void add_module_flag(CLI::App& command, std::string& module, Needed needed) {
    command.add_option("-m,--module-id", module, "Id of a module of the device")
        ->required(needed == Needed::yes)
        ->type_name("ID");
}

Result<ServiceOptions> choose_hub(const HubFlags& flags, const HubEnvironment& environment,
                                  const Contexts& contexts) {
    ServiceOptions options;
    // Who types a command wants to hear of trouble at once, and scripts have the exit code.
    options.retry.attempts_max = 0;
    options.connection_string = flags.login;
    options.ca_file = environment.ca_file;
    if (flags.login.empty() && flags.context.empty()) options.connection_string = environment.login;
    if (options.connection_string.empty()) {
        const std::string& usual = environment.context.empty() ? contexts.current : environment.context;
        const std::string& name = flags.context.empty() ? usual : flags.context;
        const Context* const context = contexts.find(name);
        if (context == nullptr && !name.empty()) {
            return fail_usage("no context is called `" + name +
                              "`; `carillon context list` shows those there are");
        }
        if (context == nullptr) {
            return fail_usage(
                "no hub is named: give -l/--login, set CARILLON_LOGIN, or name one by `carillon context "
                "add`.\n  On the hub's own machine: export CARILLON_LOGIN=\"$(carillon "
                "connection-string)\"");
        }
        options.connection_string = context->login;
        options.ca_file = context->ca_file;
        options.address = context->address;
        options.port = context->port;
    }
    if (!flags.ca_file.empty()) options.ca_file = flags.ca_file;
    if (!flags.address.empty()) options.address = flags.address;
    if (flags.port != 0) options.port = flags.port;
    return options;
}

Result<ServiceOptions> hub_options(const HubFlags& flags) {
    const HubEnvironment environment{.login = environment_variable("CARILLON_LOGIN"),
                                     .ca_file = environment_variable("CARILLON_CA"),
                                     .context = environment_variable("CARILLON_CONTEXT")};
    Contexts contexts;
    // A damaged file is no matter to those who name their hub otherwise.
    if (flags.login.empty() && (!flags.context.empty() || environment.login.empty())) {
        auto read = read_contexts();
        if (!read) return fail(std::move(read).error());
        contexts = *std::move(read);
    }
    auto options = choose_hub(flags, environment, contexts);
    if (!options) return options;
    if (flags.timeout_s > 0) options->request_timeout = std::chrono::seconds(flags.timeout_s);
    if (flags.only_shows) hold_back_changes(*options);
    if (flags.traces) trace_requests(*options);
    return options;
}

Result<ServiceClient> open_hub(const HubFlags& flags) {
    auto options = hub_options(flags);
    if (!options) return fail(std::move(options).error());
    auto client = ServiceClient::open(*std::move(options));
    if (!client && client.error().code == Errc::argument_invalid) {
        return fail_usage("the login is not a service connection string: " + client.error().detail);
    }
    return client;
}

Result<DeviceId> device_argument(const std::string& device) {
    auto id = DeviceId::parse(device);
    if (!id) return fail_usage("`" + device + "` cannot be a device's id: " + id.error().detail);
    return id;
}

Result<IdentityKey> target_argument(const std::string& device, const std::string& module) {
    if (auto id = device_argument(device); !id) return fail(std::move(id).error());
    auto target = IdentityKey::parse(device, module);
    if (!target) return fail_usage("`" + module + "` cannot be a module's id: " + target.error().detail);
    return target;
}

Exit show_document(const HubFlags& flags, const std::string& json) {
    print_document(std::cout, flags.format, json, standard_table_width());
    return Exit::ok;
}

RowsOut::RowsOut(const HubFlags& flags, std::vector<Column> columns)
    : printer_(std::cout, flags.format, std::move(columns), standard_table_width()) {}

void RowsOut::finish() {
    printer_.finish();
    if (const std::string titles = printer_.left_out(); !titles.empty()) {
        std::cerr << "(no room for " << titles << "; -o json shows all)\n";
    }
}

void RowsOut::print(std::vector<std::string> items, std::size_t top) {
    if (top > 0 && printer_.count() + items.size() > top) items.resize(top - printer_.count());
    printer_.print(items);
}

}  // namespace carillon
