// carillon connection-string: prints what a back end or a device logs in with.

#include "wire/sas/connection_string.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/service_client.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "server/data_dir.hpp"
#include "server/hub_file.hpp"
#include "server/hub_meta.hpp"
#include "server/hub_store.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace carillon {
namespace {

struct ConnectionStringArgs {
    std::string data_dir = "carillon-data";
    std::string policy = "iothubowner";
    std::string device;
    std::string endpoint;
    bool is_for_events = false;
};

Result<sas::ConnectionString> policy_login(const HubFile& hub, const std::string& name) {
    const HubFile::Policy* policy = hub.find_policy(name);
    if (policy == nullptr) {
        std::string known;
        for (const HubFile::Policy& other : hub.policies) known += (known.empty() ? "" : ", ") + other.name;
        return fail(Errc::generic_not_found, "there is no policy " + name + "; there are " + known);
    }
    sas::ConnectionString login;
    login.host_name = hub.host_name;
    login.key_name = policy->name;
    login.key = policy->primary_key;
    return login;
}

/// Completes `login` by how a device proves itself.
void take_authentication(sas::ConnectionString& login, AuthType type, std::string_view primary_key) {
    login.x509 = type != AuthType::sas;
    if (!login.x509) login.key = primary_key;
}

/// Asks the hub, which runs.
Result<> ask_hub(sas::ConnectionString& login, const HubFile& hub, const DeviceId& device) {
    const auto owner = policy_login(hub, "iothubowner");
    if (!owner) return fail(owner.error());
    ServiceOptions options;
    options.connection_string = sas::to_text(*owner);
    options.ca_file = hub.ca_file;
    options.address = hub.address;
    options.port = hub.https_port;
    options.retry.attempts_max = 0;
    auto client = ServiceClient::open(options);
    if (!client) return fail(std::move(client).error());
    const auto identity = client->find_device(device);
    if (!identity) return fail(identity.error());
    const auto json = JsonDocument::parse(*identity);
    if (!json) return fail(json.error());
    const JsonValue authentication = json->root().find("authentication");
    AuthType type = AuthType::sas;
    for (const AuthType each : {AuthType::self_signed, AuthType::certificate_authority}) {
        if (authentication.find("type").string() == auth_type_text(each)) type = each;
    }
    take_authentication(login, type, authentication.find("symmetricKey").find("primaryKey").string());
    return {};
}

/// Reads the data of a hub that does not run.
Result<> ask_store(sas::ConnectionString& login, const std::string& data_dir, const DeviceId& device) {
    auto dir = DataDir::take(data_dir);
    if (!dir) return fail(std::move(dir).error());
    auto store = open_hub_store(*dir);
    if (!store) return fail(std::move(store).error());
    SystemRandom random;
    const auto meta = load_or_create_meta(**store, random, 1);
    if (!meta) return fail(meta.error());
    const auto identity = read_stored_identity(**store, *meta, IdentityKey(device));
    if (!identity) return fail(identity.error());
    take_authentication(login, identity->auth.type, identity->auth.primary_key);
    return {};
}

Result<sas::ConnectionString> device_login(const HubFile& hub, const ConnectionStringArgs& args) {
    const auto device = DeviceId::parse(args.device);
    if (!device) return fail_usage("no device can be called " + args.device);
    sas::ConnectionString login;
    login.host_name = hub.host_name;
    login.device_id = args.device;
    Result<> asked = ask_hub(login, hub, *device);
    if (!asked && asked.error().code == Errc::unreachable) {
        Result<> read = ask_store(login, args.data_dir, *device);
        // If a hub holds the data, that it is unreachable says more.
        if (read || read.error().code != Errc::store_failed) asked = std::move(read);
    }
    if (!asked) return fail(std::move(asked).error());
    return login;
}

/// What clients of Event Hubs log in with. They look for the endpoint at port 5671, or 443 for WebSockets.
/// Source: azure-sdk-for-js: core-amqp, connectionStringUtils; IoT Hub docs, "Read device-to-cloud messages
/// from the built-in endpoint".
std::string event_hub_text(const sas::ConnectionString& login, const std::string& endpoint) {
    const std::string host = login.host_name.substr(0, login.host_name.find(':'));
    const std::string entity = endpoint.empty() ? to_lower(host.substr(0, host.find('.'))) : endpoint;
    return "Endpoint=sb://" + host + "/;SharedAccessKeyName=" + login.key_name +
           ";SharedAccessKey=" + login.key + ";EntityPath=" + entity;
}

Result<Exit> print_connection_string(const ConnectionStringArgs& args) {
    const auto hub = read_hub_file(args.data_dir);
    if (!hub) {
        if (hub.error().code != Errc::not_found_locally) return fail(hub.error());
        return fail(Errc::not_found_locally,
                    "no hub has been started on " + args.data_dir +
                        " yet; `carillon serve` makes one, --data-dir names another");
    }
    const auto login = args.device.empty() ? policy_login(*hub, args.policy) : device_login(*hub, args);
    if (!login) return fail(login.error());
    std::puts((args.is_for_events ? event_hub_text(*login, args.endpoint) : sas::to_text(*login)).c_str());
    return Exit::ok;
}

}  // namespace

void add_connection_string(CLI::App& app, int& exit_code) {
    auto& command =
        *app.add_subcommand("connection-string", "Print the connection string of a policy or of a device");
    auto args = std::make_shared<ConnectionStringArgs>();
    command.add_option("--data-dir", args->data_dir, "The hub's data (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    auto* policy = command.add_option("--policy", args->policy, "Of this shared access policy (iothubowner)")
                       ->type_name("NAME");
    auto* device = command.add_option("--device,-d", args->device, "Of this device")->type_name("DEVICE");
    device->excludes(policy);
    command
        .add_flag("--event-hub", args->is_for_events, "For Event Hubs clients, which read what devices send")
        ->excludes(device);
    command
        .add_option("--endpoint", args->endpoint,
                    "With --event-hub: for the log of this endpoint [the hub's own]")
        ->type_name("NAME")
        ->needs("--event-hub");
    command.footer("It holds a key: whoever reads it can act as that back end or device.");
    command.callback([args, &exit_code] { exit_code = conclude(print_connection_string(*args)); });
}

}  // namespace carillon
