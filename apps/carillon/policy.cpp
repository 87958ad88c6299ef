// carillon policy: a hub's shared access policies and their keys.

#include "hub_flags.hpp"
#include "json_text.hpp"

#include <iostream>

namespace carillon {

namespace {

struct PolicyArgs {
    HubFlags hub;
    std::string name;
    std::string key;
};

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

CLI::App& add_verb(CLI::App& group, const char* name, const char* description,
                   const std::shared_ptr<PolicyArgs>& args, Result<Exit> (*run)(const PolicyArgs&),
                   int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, run, exit_code);
    return verb;
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
    add_verb(group, "list", "List the policies", std::make_shared<PolicyArgs>(), list, exit_code);

    auto args = std::make_shared<PolicyArgs>();
    add_name_flag(add_verb(group, "show", "Print a policy with its keys", args, show, exit_code), *args);

    args = std::make_shared<PolicyArgs>();
    auto& renew_verb =
        add_verb(group, "renew-key", "Make a key of a policy new, and end what stands on the old one", args,
                 renew_key, exit_code);
    add_name_flag(renew_verb, *args);
    renew_verb.add_option("--renew-key,--rk", args->key, "primary, secondary or swap")
        ->required()
        ->check(CLI::IsMember({"primary", "secondary", "swap"}));

    add_verb(group, "renew-token-key",
             "Make the hub's own key new, which signs continuation tokens and dashboard sessions",
             std::make_shared<PolicyArgs>(), renew_token_key, exit_code);
}

}  // namespace carillon
