#include "hub_flags.hpp"

#include "base/text.hpp"

#include <CLI/Error.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <iostream>
#include <map>

namespace carillon {

void add_hub_flags(CLI::App& command, HubFlags& flags) {
    static const std::map<std::string, Format> formats{
        {"table", Format::table}, {"json", Format::json}, {"ndjson", Format::ndjson}, {"csv", Format::csv}};
    const char* group = "Hub";
    command
        .add_option("-l,--login", flags.login,
                    "Connection string of a policy, HostName=…;SharedAccessKeyName=…;SharedAccessKey=…; the "
                    "environment keeps it out of the process list")
        ->envname("CARILLON_LOGIN")
        ->type_name("TEXT")
        ->group(group);
    command.add_option("--ca", flags.ca_file, "PEM file of the authority to trust [the system's]")
        ->envname("CARILLON_CA")
        ->type_name("FILE")
        ->group(group);
    command.add_option("--address", flags.address, "Where to connect, if not to the host name of the login")
        ->type_name("HOST")
        ->group(group);
    command.add_option("--port", flags.port, "Port of the hub's HTTPS endpoint [443]")
        ->check(CLI::Range(1, 65535).description(""))
        ->type_name("N")
        ->group(group);
    const auto take_format = [&flags](const std::string& word) {
        const auto found = formats.find(to_lower(word));
        if (found == formats.end()) {
            throw CLI::ValidationError("--output", "`" + word + "` is not table, json, ndjson or csv");
        }
        flags.format = found->second;
    };
    command
        .add_option_function<std::string>("-o,--output", take_format,
                                          "table, json, ndjson or csv [a table for lists, json for the rest]")
        ->type_name("FORMAT")
        ->group("Output");
}

void add_device_flag(CLI::App& command, std::string& device) {
    command.add_option("device,-d,--device-id", device, "Id of the device")->required()->type_name("ID");
}

void add_module_flag(CLI::App& command, std::string& module) {
    command.add_option("-m,--module-id", module, "Id of a module of the device")->type_name("ID");
}

Result<ServiceClient> open_hub(const HubFlags& flags) {
    if (flags.login.empty()) {
        return fail_usage(
            "no hub is named: give -l/--login or set CARILLON_LOGIN.\n  On the hub's own machine: "
            "export CARILLON_LOGIN=\"$(carillon connection-string)\"");
    }
    ServiceOptions options;
    options.connection_string = flags.login;
    options.ca_file = flags.ca_file;
    options.address = flags.address;
    options.port = flags.port;
    // Who types a command wants to hear of trouble at once, and scripts have the exit code.
    options.retry.attempts_max = 0;
    auto client = ServiceClient::open(std::move(options));
    if (!client && client.error().code == Errc::argument_invalid) {
        return fail_usage("the login is no service connection string: " + client.error().detail);
    }
    return client;
}

Result<DeviceId> device_argument(const std::string& device) {
    auto id = DeviceId::parse(device);
    if (!id) return fail_usage("`" + device + "` cannot be a device's id: " + id.error().detail);
    return id;
}

Result<IdentityKey> target_argument(const std::string& device, const std::string& module) {
    auto target = IdentityKey::parse(device, module);
    if (!target) return fail_usage("`" + device + "`: " + target.error().detail);
    return target;
}

Exit show_document(const HubFlags& flags, const std::string& json) {
    print_document(std::cout, flags.format, json, standard_cell_chars_max());
    return Exit::ok;
}

RowsOut::RowsOut(const HubFlags& flags, std::vector<Column> columns)
    : printer_(std::cout, flags.format, std::move(columns), standard_cell_chars_max()) {}

void RowsOut::print(std::vector<std::string> items, std::size_t top) {
    if (top > 0 && printer_.count() + items.size() > top) items.resize(top - printer_.count());
    printer_.print(items);
}

}  // namespace carillon
