// carillon device revoke: tokens of one device that are refused at once.

#include "device_revoke.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "fleet/distribution.hpp"
#include "hub_flags.hpp"

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <chrono>
#include <iostream>
#include <string>

namespace carillon {
namespace {

struct RevokeArgs {
    HubFlags hub;
    std::string device;
    std::string lifetime = "1h";
    std::string keys;
    bool only_shows = false;
    bool lifts = false;
};

std::string path_of(const DeviceId& device) {
    return "/carillon/devices/" + percent_encode(device.str()) + "/revocation";
}

Result<> renew_keys(ServiceClient& client, const DeviceId& device, const std::string& which) {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("policyKey", which == "both" ? which : which + "Key")
        .key("devices")
        .begin_array()
        .begin_object()
        .member("id", device.str())
        .end_object()
        .end_array()
        .end_object();
    const auto renewed = client.send({.method = "POST", .target = "/devices/keys/regenerate", .body = body});
    if (!renewed) return fail(renewed.error());
    return {};
}

Result<Exit> revoke(const RevokeArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    const auto lifetime = fleet::parse_duration(args.lifetime);
    if (!lifetime) return fail_usage("--token-lifetime takes a time such as 1h or 20m, not " + args.lifetime);
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (args.lifts) {
        auto lifted = client->send({.method = "DELETE", .target = path_of(*device), .body = {}});
        if (!lifted) return fail(std::move(lifted).error());
        std::cerr << "tokens of device " << args.device << " are accepted again\n";
        return Exit::ok;
    }
    if (args.only_shows) {
        const auto shown = client->send({.method = "GET", .target = path_of(*device), .body = {}});
        if (!shown) return fail(shown.error());
        return show_document(args.hub, *shown);
    }
    if (!args.keys.empty()) {
        if (auto renewed = renew_keys(*client, *device, args.keys); !renewed) {
            return fail(std::move(renewed).error());
        }
    }
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("tokenLifetimeSeconds", std::chrono::duration_cast<std::chrono::seconds>(*lifetime).count())
        .end_object();
    const auto revoked = client->send({.method = "PUT", .target = path_of(*device), .body = body});
    if (!revoked) return fail(revoked.error());
    return show_document(args.hub, *revoked);
}

}  // namespace

void add_device_revoke(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<RevokeArgs>();
    auto& verb =
        *group.add_subcommand("revoke", "Refuse the tokens that a device has, and end its connections");
    add_hub_flags(verb, args->hub);
    add_device_flag(verb, args->device);
    verb.add_option("--token-lifetime", args->lifetime,
                    "For how long the device makes its tokens [1h]; those that end within it are refused")
        ->type_name("TIME");
    verb.add_option("--renew-keys", args->keys, "Replace the device's keys first: primary, secondary or both")
        ->type_name("KEY")
        ->check(CLI::IsMember({"primary", "secondary", "both"}));
    auto* shows =
        verb.add_flag("--show", args->only_shows, "Print the end time up to which tokens are refused");
    verb.add_flag("--lift", args->lifts, "Accept the tokens again")->excludes(shows);
    verb.footer("A device that signs a new token comes back. With --renew-keys it needs its new keys first.");
    on_chosen(verb, args, revoke, exit_code);
}

}  // namespace carillon
