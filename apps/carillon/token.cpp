// carillon token: shared access signatures for what speaks HTTPS or MQTT without an SDK.

#include "base/clock.hpp"
#include "base/json.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "wire/sas/connection_string.hpp"
#include "wire/sas/sas_token.hpp"

#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <iostream>
#include <optional>

namespace carillon {

namespace {

constexpr std::int64_t lifetime_default_s = 3600;
constexpr std::int64_t lifetime_max_s = 10LL * 366 * 24 * 3600;

struct TokenArgs {
    HubFlags hub;
    std::string connection_string;
    std::string device;
    std::string module;
    std::string key_type = "primary";
    std::int64_t lifetime_s = lifetime_default_s;
};

/// Who signs for what.
struct Signer {
    std::string resource;
    std::string key;
    std::string policy;  ///< Empty where it is the identity's own key.
};

std::string resource_of(const sas::ConnectionString& login, const std::optional<IdentityKey>& target) {
    std::string resource = login.host_name;
    if (!target) return resource;
    resource += "/devices/" + target->device.str();
    if (target->is_module()) resource += "/modules/" + target->module;
    return resource;
}

/// From a connection string alone, which nobody is asked about.
Result<Signer> signer_of(const std::string& text, const std::optional<IdentityKey>& target) {
    const auto login = sas::parse_connection_string(text);
    if (!login) return fail_usage("--connection-string: " + login.error().detail);
    if (login->key.empty()) return fail_usage("the connection string has no key to sign with");
    if (login->device_id.empty()) return Signer{resource_of(*login, target), login->key, login->key_name};
    if (target) return fail_usage("the connection string is a device's already: leave --device-id away");
    const auto own = IdentityKey::parse(login->device_id, login->module_id);
    if (!own) return fail_usage("--connection-string: " + own.error().detail);
    return Signer{resource_of(*login, *own), login->key, login->key_name};
}

/// By the key of the identity, which the hub is asked for.
Result<Signer> ask_for_key(const TokenArgs& args, const IdentityKey& target) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto identity =
        target.is_module() ? client->find_module(target) : client->find_device(target.device);
    if (!identity) return fail(identity.error());
    const auto json = JsonDocument::parse(*identity);
    if (!json) return fail(json.error());
    const auto key = find_path(json->root(), "authentication.symmetricKey." + args.key_type + "Key");
    if (key.string().empty()) return fail_usage(target.path() + " has no key: it uses certificates");
    sas::ConnectionString hub;
    hub.host_name = client->host_name();
    return Signer{resource_of(hub, target), std::string(key.string()), {}};
}

Result<Signer> find_signer(const TokenArgs& args) {
    std::optional<IdentityKey> target;
    if (!args.device.empty()) {
        auto parsed = target_argument(args.device, args.module);
        if (!parsed) return fail(std::move(parsed).error());
        target = *std::move(parsed);
    } else if (!args.module.empty()) {
        return fail_usage("--module-id goes with --device-id");
    }
    if (args.connection_string.empty() && target) return ask_for_key(args, *target);
    if (args.key_type != "primary") {
        return fail_usage("--key-type is for --device-id: a connection string has one key");
    }
    if (!args.connection_string.empty()) return signer_of(args.connection_string, target);
    const auto hub = hub_options(args.hub);
    if (!hub) return fail(hub.error());
    return signer_of(hub->connection_string, target);
}

Result<Exit> print_token(const TokenArgs& args) {
    const auto signer = find_signer(args);
    if (!signer) return fail(signer.error());
    const WallTime end = SystemClock().wall_now().plus_s(args.lifetime_s);
    const std::string token = sas::make_token(signer->resource, signer->key, end, signer->policy);
    if (args.hub.format == Format::automatic) {
        std::cout << token << '\n';
        return Exit::ok;
    }
    std::string json;
    JsonWriter(json).begin_object().member("sas", token).end_object();
    return show_document(args.hub, json);
}

}  // namespace

void add_token(CLI::App& app, int& exit_code) {
    auto args = std::make_shared<TokenArgs>();
    auto& command =
        *app.add_subcommand("token", "Print a SAS token: of the login's policy, or of a device or module");
    command.add_option("-d,--device-id", args->device, "By this device's key, for its own connection")
        ->type_name("DEVICE");
    add_module_flag(command, args->module, Needed::no);
    command
        .add_option("--connection-string,--cs", args->connection_string,
                    "Sign by this, of a policy, device or module, without asking the hub")
        ->type_name("TEXT");
    command.add_option("--duration,--du", args->lifetime_s, "Seconds until it expires [3600]")
        ->check(whole_number(1, lifetime_max_s, "seconds"))
        ->type_name("SECONDS");
    command
        .add_option("--key-type,--kt", args->key_type,
                    "primary or secondary: which key of the device signs [primary]")
        ->check(one_of({"primary", "secondary"}))
        ->type_name("KEY");
    add_hub_flags(command, args->hub);
    command.footer(
        "Whoever has the token acts as that policy or device until it expires; the hub adds five minutes.\n"
        "It goes into the header Authorization of HTTPS, or into the password of MQTT.");
    on_chosen(command, args, print_token, exit_code);
}

}  // namespace carillon
