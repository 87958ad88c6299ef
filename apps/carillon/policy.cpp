// carillon policy: a hub's shared access policies and their keys.

#include "base/json.hpp"
#include "base/text.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "talk.hpp"

#include <CLI/App.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace carillon {

namespace {

struct PolicyArgs {
    HubFlags hub;
    std::string name;
    std::string key;
    std::vector<std::string> permissions;
    bool yes = false;
};

std::string policy_path(const std::string& name) {
    return "/carillon/policies/" + percent_encode(name);
}

Result<Exit> list(const PolicyArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub, {{"keyName", "keyName"}, {"rights", "rights"}}, 0,
                      [&](const std::string&) { return client->list_policies(); });
}

Result<Exit> show(const PolicyArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto policy = client->find_policy(args.name);
    if (!policy) return fail(policy.error());
    return show_document(args.hub, *policy);
}

Result<Exit> create(const PolicyArgs& args) {
    std::string rights;
    for (const std::string& right : args.permissions) (rights += rights.empty() ? "" : ", ") += right;
    std::string body;
    JsonWriter(body).begin_object().member("rights", rights).end_object();
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto policy = client->send({.method = "PUT", .target = policy_path(args.name), .body = body});
    if (!policy) return fail(policy.error());
    return show_document(args.hub, *policy);
}

Result<Exit> remove(const PolicyArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows && !is_confirmed("Delete policy " + args.name + "?")) {
        return Exit::failed;
    }
    auto gone = client->send({.method = "DELETE", .target = policy_path(args.name), .body = {}});
    if (!gone) return fail(std::move(gone).error());
    std::cerr << "policy " << args.name << " deleted\n";
    return Exit::ok;
}

Result<Exit> renew_key(const PolicyArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto policy = client->renew_policy_key(args.name, args.key);
    if (!policy) return fail(policy.error());
    return show_document(args.hub, *policy);
}

Result<Exit> renew_token_key(const PolicyArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto renewed = client->renew_token_key(); !renewed) return fail(std::move(renewed).error());
    std::cerr
        << "token key renewed: continuation tokens, dashboard sessions and links made before are void\n";
    return Exit::ok;
}

void add_name_flag(CLI::App& verb, PolicyArgs& args) {
    verb.add_option("policy,--policy-name,--pn", args.name, "Name of the policy, such as iothubowner")
        ->required()
        ->type_name("NAME");
}

}  // namespace

void add_policy(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("policy", "Shared access policies and their keys");
    group.require_subcommand(1);
    add_hub_verb(group, "list", "List the policies", std::make_shared<PolicyArgs>(), list, exit_code);

    auto args = std::make_shared<PolicyArgs>();
    add_name_flag(add_hub_verb(group, "show", "Print a policy with its keys", args, show, exit_code), *args);

    args = std::make_shared<PolicyArgs>();
    auto& create_verb = add_hub_verb(group, "create", "Make a policy, or give one exactly these rights", args,
                                     create, exit_code);
    add_name_flag(create_verb, *args);
    create_verb.add_option("--permissions,--rights", args->permissions, "What it allows; one or more")
        ->required()
        ->type_name("RIGHT")
        ->delimiter(',')
        ->check(CLI::IsMember(
            {"RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect", "EnrollmentRead",
             "EnrollmentWrite", "RegistrationStatusRead", "RegistrationStatusWrite", "JobApprove"},
            CLI::ignore_case));

    args = std::make_shared<PolicyArgs>();
    auto& delete_verb =
        add_hub_verb(group, "delete", "Remove a policy, and end what stands on it", args, remove, exit_code);
    add_name_flag(delete_verb, *args);
    add_yes_flag(delete_verb, args->yes);

    args = std::make_shared<PolicyArgs>();
    auto& renew_verb =
        add_hub_verb(group, "renew-key", "Make a key of a policy new, and end what stands on the old one",
                     args, renew_key, exit_code);
    add_name_flag(renew_verb, *args);
    renew_verb.add_option("--renew-key,--rk", args->key, "primary, secondary or swap")
        ->required()
        ->check(CLI::IsMember({"primary", "secondary", "swap"}));

    add_hub_verb(group, "renew-token-key",
                 "Make the hub's own key new, which signs continuation tokens and dashboard sessions",
                 std::make_shared<PolicyArgs>(), renew_token_key, exit_code);
}

}  // namespace carillon
